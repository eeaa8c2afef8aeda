//! `cargo xtask`: builds, boots, measures, verifies and tests Cloister, and sets up what that needs.
//!
//! The subcommands are the project's whole tooling; no logic lives in shell scripts. Each says what it is doing, keeps the output of
//! what it starts under `target/cloister/log`, ends with a verdict, and exits with 0 only when everything it promises was done.

#![forbid(unsafe_code)]

mod artefacts;
mod elf32;
mod packages;
mod process;
mod toolchain;
mod workspace;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use toolchain::Toolchain;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Cloister's tooling", disable_help_subcommand = false)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build component, firmware, simulator and guest.
    Build,
    /// Print the sizes of what was built.
    Size,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    process::watch_signals()?;
    let workspace = Workspace::find()?;
    match task {
        Task::Build => {
            let toolchain = Toolchain::find(&workspace)?;
            println!(
                "  {} with the library source in {}",
                toolchain.version,
                toolchain.library.display()
            );
            artefacts::build(&workspace, &toolchain)?;
            println!("BUILT: {}", workspace.artefacts().display());
        }
        Task::Size => {}
    }
    Ok(())
}
