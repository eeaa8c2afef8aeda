//! `tpm_bench`: the program behind `cargo xtask bench`, which builds the server and finds a swtpm.

#![forbid(unsafe_code)]

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use std::{fs, path::PathBuf, process::ExitCode};
use tpm_bench::{
    machine,
    measure::measure,
    operations,
    report::{Header, Report},
    subject::Subject,
};
use tpm_client::{ServerProgram, SwtpmProgram};

/// What runs our engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    Native,
    Wasmtime,
    Wasmi,
}

impl Engine {
    const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasmtime => "wasmtime",
            Self::Wasmi => "wasmi",
        }
    }
}

#[derive(Parser)]
#[command(name = "tpm_bench", about = "Times Cloister's development server beside swtpm")]
struct Arguments {
    /// The development server.
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// The TPM component.
    #[arg(long, value_name = "FILE")]
    component: PathBuf,
    /// swtpm's program.
    #[arg(long, value_name = "PATH", default_value = "swtpm")]
    swtpm: PathBuf,
    /// Take swtpm from the Debian system that is unpacked here, and its libraries with it.
    #[arg(long, value_name = "DIR", conflicts_with = "swtpm")]
    swtpm_root: Option<PathBuf>,
    /// What else to say about swtpm: where it is from, its libraries.
    #[arg(long, value_name = "TEXT")]
    swtpm_origin: Option<String>,
    /// Which of our engines.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Engine::Native, Engine::Wasmtime, Engine::Wasmi])]
    engines: Vec<Engine>,
    /// Only operations with this in their name.
    #[arg(long, value_name = "SUBSTRING", default_value = "")]
    only: String,
    /// Multiplies the number of samples.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    scale: f64,
    /// Write everything here as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tpm_bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    ensure!(
        operations::named(&arguments.only).next().is_some(),
        "no operation has '{}' in its name",
        arguments.only
    );
    let swtpm = match &arguments.swtpm_root {
        Some(root) => SwtpmProgram::in_root(root),
        None => SwtpmProgram::at(&arguments.swtpm),
    };
    let version = swtpm.version()?;
    let processor = machine::processor()?;
    machine::stay_on_one_processor()?;
    let mut subjects = vec![Subject::swtpm(swtpm)?];
    let server = ServerProgram {
        program: arguments.server.clone(),
        component: arguments.component.clone(),
    };
    for engine in &arguments.engines {
        subjects.push(Subject::server(server.clone(), engine.name())?);
    }
    let origin = arguments.swtpm_origin.as_ref();
    let mut report = Report {
        header: Header {
            machine: format!("{processor}, all on one of them"),
            swtpm: format!(
                "swtpm {version}{}",
                origin.map_or(String::new(), |text| format!(" ({text})"))
            ),
            file_system: file_system(&subjects)?,
            scale: arguments.scale,
        },
        servers: subjects.iter().map(|subject| subject.name().to_owned()).collect(),
        rows: Vec::new(),
    };
    println!("{}", report.heading());
    for operation in operations::named(&arguments.only) {
        let row = measure(operation, &mut subjects, arguments.scale);
        println!("{}", report.line(&row));
        report.rows.push(row);
    }
    println!("\n{}", report.verdict());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report.to_json())?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The one kind of file system that all states are on: a memory file system against a disk would be no comparison.
fn file_system(subjects: &[Subject]) -> Result<String> {
    let mut kinds = Vec::new();
    for subject in subjects {
        kinds.push(machine::file_system(subject.folder())?);
    }
    kinds.dedup();
    ensure!(kinds.len() == 1, "the states are on different file systems: {kinds:?}");
    kinds.pop().context("no servers")
}
