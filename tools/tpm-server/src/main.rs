//! The development server: Cloister's TPM on a laptop, behind the protocols that TPM software already speaks.
//!
//! `cargo xtask serve` builds the component and starts this program. One TPM serves every connection of every listener; the engine runs
//! natively, in wasmtime or in the firmware's own sandbox, and the three answer alike. The state lives in a folder and survives `kill -9`.
//! The server is for development and tests: it has no authentication, so listen on the loopback address.

#![forbid(unsafe_code)]

mod host;
mod machine;
mod mssim;
mod net;
mod store;
mod swtpm;

use anyhow::{Context, Result, bail};
use clap::Parser;
use machine::{Engine, Machine};
use net::Listener;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Parser)]
#[command(name = "tpm_server", about = "Cloister's TPM as a local server")]
struct Arguments {
    /// What runs the engine.
    #[arg(long, value_enum, default_value_t = Engine::Wasmi)]
    engine: Engine,
    /// Folder that keeps the TPM's state.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The component file (engines wasmtime and wasmi).
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Serve the TCG simulator's protocol here; the platform port is the next one.
    #[arg(long, value_name = "HOST:PORT")]
    mssim: Option<String>,
    /// Serve swtpm's protocol here; the control port is the next one.
    #[arg(long, value_name = "HOST:PORT")]
    swtpm: Option<String>,
    /// Serve swtpm's protocol on this socket file; the control channel is PATH.ctrl.
    #[arg(long, value_name = "PATH")]
    swtpm_unix: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tpm_server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let component = match (&arguments.component, arguments.engine) {
        (_, Engine::Native) => Vec::new(),
        (Some(path), _) => fs::read(path).with_context(|| format!("cannot read {}", path.display()))?,
        (None, engine) => bail!("--engine {engine:?} needs --component FILE"),
    };
    let machine = Arc::new(Mutex::new(Machine::new(arguments.engine, component, &arguments.state)?));
    machine.lock().unwrap_or_else(PoisonError::into_inner).power_on()?;
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let listening = listen(arguments, &machine)?;
    println!("ready: {:?} engine, {}", arguments.engine, listening.join(", "));
    // Every acknowledged state is on disk already, so the server leaves at once, whatever a connection is doing.
    signals.forever().next();
    if let Some(path) = &arguments.swtpm_unix {
        for file in [path.clone(), control_path(path)] {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    Ok(())
}

/// Binds everything first, so that a port that is taken leaves nothing half served.
fn listen(arguments: &Arguments, machine: &Arc<Mutex<Machine>>) -> Result<Vec<String>> {
    let mut listening = Vec::new();
    let mut bound: Vec<(Listener, &'static str, Service)> = Vec::new();
    if let Some(address) = &arguments.mssim {
        bound.push((Listener::tcp(address, false)?, "mssim commands", Service::MssimCommands));
        bound.push((Listener::tcp(address, true)?, "mssim platform", Service::MssimPlatform));
        listening.push(format!("mssim on {address}"));
    }
    if let Some(address) = &arguments.swtpm {
        bound.push((Listener::tcp(address, false)?, "swtpm data", Service::SwtpmData));
        bound.push((Listener::tcp(address, true)?, "swtpm control", Service::SwtpmControl));
        listening.push(format!("swtpm on {address}"));
    }
    if let Some(path) = &arguments.swtpm_unix {
        bound.push((Listener::unix(path)?, "swtpm data", Service::SwtpmData));
        bound.push((
            Listener::unix(&control_path(path))?,
            "swtpm control",
            Service::SwtpmControl,
        ));
        listening.push(format!("swtpm on {}", path.display()));
    }
    if bound.is_empty() {
        bail!("nothing to serve: give --mssim, --swtpm or --swtpm-unix");
    }
    for (listener, what, service) in bound {
        let machine = machine.clone();
        listener.spawn(what, move |stream| match service {
            Service::MssimCommands => mssim::serve_commands(stream, &machine),
            Service::MssimPlatform => mssim::serve_platform(stream, &machine),
            Service::SwtpmData => swtpm::serve_data(stream, &machine),
            Service::SwtpmControl => swtpm::serve_control(stream, &machine),
        });
    }
    Ok(listening)
}

/// What a listener serves.
#[derive(Clone, Copy)]
enum Service {
    MssimCommands,
    MssimPlatform,
    SwtpmData,
    SwtpmControl,
}

fn control_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".ctrl");
    PathBuf::from(name)
}
