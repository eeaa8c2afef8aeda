//! `cargo xtask`: builds, boots, measures, verifies and tests Cloister, and sets up what that needs.
//!
//! The subcommands are the project's whole tooling; no logic lives in shell scripts. Each says what it is doing, keeps the output of
//! what it starts under `target/cloister/log`, ends with a verdict, and exits with 0 only when everything it promises was done.

#![forbid(unsafe_code)]

mod apt;
mod artefacts;
mod bench;
mod build_record;
mod elf32;
mod fuzz;
mod image;
mod linux;
mod packages;
mod process;
mod run;
mod samples;
mod session;
mod testing;
mod toolchain;
mod workspace;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};
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
    /// Boot the image on the simulated platform, attest it, and give a verdict.
    Run {
        #[command(flatten)]
        image: image::ImageArguments,
        #[command(flatten)]
        session: session::SessionArguments,
        /// Tamper with something on the way; the verdict must be NOT TRUSTED.
        #[arg(long, value_enum)]
        tamper: Option<run::Tamper>,
        #[command(flatten)]
        watching: run::Watching,
    },
    /// Judge evidence; `verify challenge` makes a challenge. The arguments are the verifier's own.
    #[command(disable_help_flag = true)]
    Verify {
        /// Arguments of the verifier.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build component, firmware, simulator and guest.
    Build {
        /// Build nothing but a component with these features of the engine, separated by commas: `featured.component.wasm`.
        #[arg(long, value_name = "FEATURES")]
        features: Option<String>,
    },
    /// Build the IGVM image.
    Image {
        #[command(flatten)]
        image: image::ImageArguments,
        /// Where the image goes.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Predict the launch digest of an image.
    Measure {
        /// The image; without one, what `cargo xtask image` made.
        file: Option<PathBuf>,
        /// Whose launch.
        #[arg(long, value_enum, default_value = "sim")]
        platform: image::Host,
        /// How many vCPUs: KVM measures one VMSA for each.
        #[arg(long, value_name = "N", default_value_t = 1)]
        smp: u32,
        /// CPUID signature of QEMU's processor model (`--platform kvm`), in hexadecimal.
        #[arg(long, value_name = "HEX")]
        signature: Option<String>,
    },
    /// Fetch Debian's kernels and make the Linux guest's initial file system.
    Linux {
        /// Look for newer kernels and programs than those fetched before.
        #[arg(long)]
        newer: bool,
    },
    /// Print the sizes of what was built.
    Size,
    /// Print what a component costs: bytes, heap, and fuel and time of each class of commands.
    Cost {
        /// A component other than the one built here.
        #[arg(long, value_name = "FILE")]
        component: Option<PathBuf>,
    },
    /// Try a component against the rules of `wit/`: may it stand in the place of the one built here?
    Conform {
        /// A component other than the one built here.
        #[arg(long, value_name = "FILE")]
        component: Option<PathBuf>,
    },
    /// Time the development server beside the newest swtpm of Debian.
    Bench {
        #[command(flatten)]
        arguments: bench::BenchArguments,
    },
    /// Throw made-up bytes at whatever reads hostile ones: structures, commands, saved state, components.
    Fuzz {
        #[command(flatten)]
        arguments: fuzz::FuzzArguments,
    },
    /// Build component and firmware twice, in two folders, and compare the bytes.
    Reproduce,
    /// Set up, build and run every test, boots included.
    Test {
        /// The tests' long forms as well: 100,000 random commands at two TPMs, every client's whole story, five minutes of fuzzing.
        #[arg(long)]
        all: bool,
    },
    /// Check format, lints and documentation.
    Check,
    /// Run the development server; the arguments are its own (`--engine`, `--state`, `--mssim`, `--swtpm`, `--swtpm-unix`).
    #[command(disable_help_flag = true)]
    Serve {
        /// Arguments of the server.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match perform(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            println!("FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds component and server, and becomes the server.
fn serve(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let toolchain = Toolchain::find(workspace)?;
    let component = artefacts::component(workspace, &toolchain)?;
    let server = testing::server(workspace)?;
    let mut command = Command::new(server);
    if !arguments.iter().any(|argument| argument == "--component") {
        command.arg("--component").arg(component);
    }
    Err(command.args(arguments).exec()).context("cannot start the server")
}

fn perform(task: Task) -> Result<ExitCode> {
    process::watch_signals()?;
    let workspace = Workspace::find()?;
    match task {
        Task::Run {
            image,
            session,
            tamper,
            watching,
        } => return session::run(&workspace, image, &session, tamper, watching),
        Task::Verify { arguments } => {
            let program = OsString::from("cargo xtask verify");
            return Ok(verifier::cli::run(std::iter::once(program).chain(arguments)));
        }
        Task::Build { features } => {
            let toolchain = Toolchain::find(&workspace)?;
            println!(
                "  {} with the library source in {}",
                toolchain.version,
                toolchain.library.display()
            );
            let built = match features {
                Some(features) => artefacts::featured_component(&workspace, &toolchain, &features)?,
                None => {
                    artefacts::build(&workspace, &toolchain)?;
                    workspace.artefacts()
                }
            };
            println!("BUILT: {}", built.display());
        }
        Task::Image { image, out } => image::image(&workspace, &image, out)?,
        Task::Measure {
            file,
            platform,
            smp,
            signature,
        } => {
            image::predict(&workspace, file, platform, smp, signature.as_deref())?;
        }
        Task::Linux { newer } => {
            let kit = linux::ensure(&workspace, newer)?;
            for line in &kit.versions {
                println!("  {line}");
            }
            println!(
                "LINUX: {} and {}",
                kit.kernel(None)?.1.display(),
                kit.initramfs.display()
            );
        }
        Task::Size => image::size(&workspace)?,
        Task::Cost { component } => image::try_component(&workspace, component, image::Trial::Cost)?,
        Task::Conform { component } => image::try_component(&workspace, component, image::Trial::Conformance)?,
        Task::Bench { arguments } => bench::bench(&workspace, &arguments)?,
        Task::Fuzz { arguments } => {
            fuzz::run(&workspace, &arguments)?;
            println!("NOTHING FOUND");
        }
        Task::Reproduce => {
            let parts = [testing::Part::Component, testing::Part::Firmware];
            testing::reproduce(&workspace, &Toolchain::find(&workspace)?, &parts)?;
        }
        Task::Test { all } => {
            testing::test(&workspace, all)?;
            println!("ALL TESTS PASSED");
        }
        Task::Check => {
            testing::check(&workspace)?;
            println!("CHECKED");
        }
        Task::Serve { arguments } => serve(&workspace, &arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
