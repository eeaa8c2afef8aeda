//! Builds an image by hand:
//! `cargo run -p svsm_image --example build -- --firmware F --component C --guest G [--command-line TEXT] [--no-secure-tsc] --out I`.

use std::fs;

use anyhow::{Context, Result, bail};
use svsm_image::{Inputs, Options, Payload, Platform, build, measure};

fn main() -> Result<()> {
    let (mut firmware, mut component, mut guest, mut out) = (None, None, None, None);
    let (mut command_line, mut options) = (String::new(), Options::default());
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if flag == "--no-secure-tsc" {
            options = options.with_secure_tsc(false);
            continue;
        }
        let value = arguments.next().with_context(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--firmware" => firmware = Some(value),
            "--component" => component = Some(value),
            "--guest" => guest = Some(value),
            "--out" => out = Some(value),
            "--command-line" => command_line = value,
            _ => bail!("unknown option {flag}"),
        }
    }
    let read = |path: Option<String>, what: &str| -> Result<Vec<u8>> {
        let path = path.with_context(|| format!("--{what} is missing"))?;
        fs::read(&path).with_context(|| format!("reading {path}"))
    };
    let image = build(&Inputs {
        firmware: &read(firmware, "firmware")?,
        component: &read(component, "component")?,
        guest: Payload::Program(&read(guest, "guest")?),
        command_line: &command_line,
        options,
    })?;
    fs::write(out.context("--out is missing")?, &image.file)?;
    let measurement = measure(&image.file, Platform::Simulator, 1)?;
    let digest: String = measurement.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    println!(
        "{digest}  {} bytes, {} pages measured",
        image.file.len(),
        measurement.measured_pages
    );
    Ok(())
}
