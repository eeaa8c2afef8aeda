//! `cargo xtask fuzz`: libFuzzer at what reads hostile bytes, for a bounded time.
//!
//! The compiler may be a stable one: coverage is an LLVM pass, and only sanitizers need a nightly compiler. Safe Rust has little for them to find; what
//! counts here is a panic, an endless loop, memory without bound, and what the targets assert.

use crate::{
    packages,
    process::{Step, output_of},
    workspace::Workspace,
};
use anyhow::{Context, Result, bail, ensure};
use std::{env, fs, process::Command, time::Duration};

const BUILD_LIMIT: Duration = Duration::from_secs(3600);
/// The targets, in `fuzz/fuzz_targets`.
const TARGETS: [&str; 4] = ["structures", "commands", "state", "component"];
/// What `cargo fuzz` passes, without a sanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";
/// Longest input, bytes of memory in MiB, and seconds for one input.
const BOUNDS: [&str; 3] = ["-max_len=8192", "-rss_limit_mb=2048", "-timeout=60"];

/// What to run.
#[derive(clap::Args)]
pub struct FuzzArguments {
    /// Only this target: structures, commands, state or component.
    target: Option<String>,
    /// For how long each.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u32,
}

impl FuzzArguments {
    /// All targets, for so long each.
    pub const fn all(seconds: u32) -> Self {
        Self { target: None, seconds }
    }
}

/// Builds the targets and runs them. What they find that is new is kept in `target/cloister/fuzz/TARGET`, beside what made one fail.
pub fn run(workspace: &Workspace, arguments: &FuzzArguments) -> Result<()> {
    let chosen: Vec<&str> = TARGETS
        .into_iter()
        .filter(|name| arguments.target.as_ref().is_none_or(|target| target == name))
        .collect();
    ensure!(!chosen.is_empty(), "the targets are {}", TARGETS.join(", "));
    packages::ensure(workspace, &[packages::CXX])?;
    let package = workspace.root().join("fuzz");
    let version = output_of(Command::new("rustc").arg("-vV")).context("rustc does not say its version")?;
    let Some(host) = version.lines().find_map(|line| line.strip_prefix("host: ")) else {
        bail!("rustc does not name its host")
    };
    let target_folder = workspace.host_target().join("fuzz");
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build
        .current_dir(&package)
        .args([
            "build",
            "--locked",
            "--release",
            "--bins",
            "--target",
            host,
            "--target-dir",
        ])
        .arg(&target_folder)
        .env("RUSTFLAGS", FLAGS);
    Step::new(&workspace.logs(), "building the fuzz targets", BUILD_LIMIT)?.run(&mut build)?;
    for name in chosen {
        let found = workspace.artefacts().join("fuzz").join(name);
        fs::create_dir_all(&found)?;
        let mut fuzz = Command::new(target_folder.join(host).join("release").join(name));
        fuzz.args(BOUNDS)
            .arg(format!("-max_total_time={}", arguments.seconds))
            .arg(format!("-artifact_prefix={}/failed-", found.display()))
            .arg(&found)
            .arg(package.join("corpus").join(name));
        // Reading the corpus comes first and is not counted.
        let limit = Duration::from_secs(u64::from(arguments.seconds) + 300);
        Step::new(&workspace.logs(), &format!("fuzzing {name}"), limit)?.run(&mut fuzz)?;
    }
    Ok(())
}
