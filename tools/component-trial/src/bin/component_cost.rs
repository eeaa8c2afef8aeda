//! `component_cost COMPONENT`: what a component costs in the sandbox: its size, its heap, and fuel and time of each class of commands, with and without
//! the host's arithmetic.
//!
//! `cargo xtask cost` builds this program with optimisation and runs it. The times are the dev host's, in this process; the firmware's
//! differ by the speed of its processor (and by the simulator's slowness), fuel does not.

use anyhow::{Context, Result, anyhow, ensure};
use component_trial::{conversation as tpm, host::RepeatingHost};
use std::{
    env, fs,
    time::{Duration, Instant},
};
use svsm_sandbox::{Limits, Sandbox, required_heap};
use tpm_contract::Component;

fn main() -> Result<()> {
    let path = env::args_os().nth(1).context("usage: component_cost COMPONENT")?;
    let file = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let limits = Limits::default();
    let heap = required_heap(&file, &limits).map_err(|fault| anyhow!("the component is refused: {fault}"))?;
    println!("component: {:>9} bytes", file.len());
    println!("     heap: {heap:>9} bytes in the worst case, if every function were as costly as its size allows");
    for native in [true, false] {
        let offered = if native { "offered" } else { "not offered" };
        println!("\nIn wasmi, accelerated arithmetic {offered}:");
        measure(&file, &limits, native)?;
    }
    Ok(())
}

/// Loads the component and prints one line for each class of commands.
fn measure(file: &[u8], limits: &Limits, native: bool) -> Result<()> {
    println!(
        "  {:<28} {:>11} {:>11} {:>14} {:>9} {:>7} {:>11}",
        "", "best", "first", "fuel", "imports'", "imports", "arithmetic"
    );
    println!(
        "  {:<28} {:>11} {:>11} {:>14} {:>9} {:>7} {:>11}",
        "command", "ms", "ms", "", "part", "called", "of time"
    );
    let started = Instant::now();
    let loaded = Sandbox::load(file, limits.clone(), RepeatingHost::new(native));
    let sandbox = loaded.map_err(|fault| anyhow!("the component is refused: {fault}"))?;
    println!(
        "  {:<28} {:>11.3}",
        "load and instantiate",
        milliseconds(started.elapsed())
    );
    let mut trial = Trial { sandbox };
    trial.converse()?;
    println!("  memory after all this: {} bytes", trial.sandbox.memory_bytes());
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The component that is measured.
struct Trial {
    sandbox: Sandbox<RepeatingHost>,
}

impl Trial {
    /// The commands that are measured.
    fn converse(&mut self) -> Result<()> {
        self.time("power-on, manufacture", 1, |sandbox| {
            let outcome = sandbox.power_on(&[]).map_err(|fault| anyhow!("power-on: {fault}"))?;
            outcome.map_err(|failure| anyhow!("power-on: {failure}"))
        })?;
        self.command("TPM2_Startup", 1, &tpm::startup())?;
        self.command("TPM2_GetRandom 32", 20, &tpm::get_random(32))?;
        self.command("TPM2_GetCapability", 20, &tpm::get_properties())?;
        self.command("TPM2_PCR_Extend", 20, &tpm::pcr_extend(8, [7; 32]))?;
        self.command("TPM2_PCR_Read", 20, &tpm::pcr_read())?;
        self.command("TPM2_Hash 1000 bytes", 20, &tpm::hash(&[5; 1000]))?;
        for (rsa, name, scheme) in [
            (false, "P-256", [0u8, 0x18, 0, 0x0b]),
            (true, "RSA-2048", [0, 0x14, 0, 0x0b]),
        ] {
            let create = tpm::create_primary(tpm::OWNER, &tpm::signing_template(rsa));
            let response = self.command(&format!("TPM2_CreatePrimary {name}"), 1, &create)?;
            let key = tpm::word(&response, 10);
            let sign = tpm::sign(key, [9; 32], &scheme);
            self.command(&format!("TPM2_Sign {name}"), 10, &sign)?;
            self.command("TPM2_FlushContext", 1, &tpm::flush(key))?;
        }
        self.time("identity (four keys)", 1, |sandbox| {
            let outcome = sandbox.identity().map_err(|fault| anyhow!("identity: {fault}"))?;
            outcome.map_err(|failure| anyhow!("identity: {failure}"))
        })?;
        Ok(())
    }

    /// Sends a command several times; says the last response.
    fn command(&mut self, name: &str, times: usize, command: &[u8]) -> Result<Vec<u8>> {
        self.time(name, times, |sandbox| {
            let outcome = sandbox
                .execute(0, command)
                .map_err(|fault| anyhow!("{name}: {fault}"))?;
            let response = outcome.map_err(|failure| anyhow!("{name}: {failure}"))?;
            ensure!(
                tpm::code(&response) == 0,
                "{name}: response code {:#x}",
                tpm::code(&response)
            );
            Ok(response)
        })
    }

    /// Does something several times and prints what it took: time, fuel of the last call and the part of it that imports charged, and the share of the
    /// time that the host spent in arithmetic for it.
    fn time<R>(
        &mut self,
        name: &str,
        times: usize,
        mut work: impl FnMut(&mut Sandbox<RepeatingHost>) -> Result<R>,
    ) -> Result<R> {
        self.sandbox.host_mut().arithmetic = Duration::ZERO;
        let mut taken = Vec::new();
        let last = loop {
            let started = Instant::now();
            let done = work(&mut self.sandbox)?;
            taken.push(started.elapsed());
            if taken.len() == times {
                break done;
            }
        };
        let used = self.sandbox.last_call();
        let total: Duration = taken.iter().sum();
        let best = taken.iter().min().copied().unwrap_or_default();
        let first = taken.first().copied().unwrap_or_default();
        println!(
            "  {name:<28} {:>11.3} {:>11.3} {:>14} {:>7.0} % {:>7} {:>9.0} %",
            milliseconds(best),
            milliseconds(first),
            used.fuel,
            used.import_fuel as f64 * 100.0 / used.fuel.max(1) as f64,
            used.imports,
            self.sandbox.host().arithmetic.as_secs_f64() * 100.0 / total.as_secs_f64(),
        );
        Ok(last)
    }
}
