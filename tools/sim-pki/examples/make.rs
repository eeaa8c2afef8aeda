//! Makes (or finds) the simulator's hierarchy in a folder: `cargo run -p sim_pki --example make -- FOLDER`.

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("usage: make FOLDER")?;
    let files = sim_pki::ensure(folder.as_ref(), &mut |text| eprintln!("{text}"))?;
    println!("{}", files.pki.display());
    Ok(())
}
