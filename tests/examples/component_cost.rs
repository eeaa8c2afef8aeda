//! What the component costs: its size, its heap, and time and fuel per command in wasmi and in wasmtime.
//!
//! `cargo xtask build`, then `cargo run --release --package cloister_tests --example component_cost [COMPONENT]`.

use cloister_tests::{conversation as tpm, host::RepeatingHost};
use std::{env, fs, path::Path, time::Instant};
use svsm_sandbox::{Limits, Sandbox, required_heap};
use tpm_contract::Component;
use wasmtime_host::{CompiledComponent, WasmtimeComponent};

fn main() {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/cloister/artefacts/tpm.component.wasm");
    let path = env::args_os().nth(1).map_or(default, Into::into);
    let file = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let limits = Limits::default();
    println!("component: {} bytes", file.len());
    println!(
        "heap in the worst case: {} bytes",
        required_heap(&file, &limits).expect("an acceptable component")
    );

    for native in [true, false] {
        println!(
            "\nwasmi, accelerated arithmetic {}",
            if native { "offered" } else { "not offered" }
        );
        let start = Instant::now();
        let mut sandbox = Sandbox::load(&file, limits.clone(), RepeatingHost::new(native)).expect("it loads");
        println!(
            "  {:<28} {:>9.3} ms",
            "load and instantiate",
            start.elapsed().as_secs_f64() * 1e3
        );
        sandbox_conversation(&mut sandbox);
        println!("  memory after all: {} bytes", sandbox.memory_bytes());
    }

    println!("\nwasmtime, accelerated arithmetic offered");
    let start = Instant::now();
    let compiled = CompiledComponent::new(&file).expect("it compiles");
    println!("  {:<28} {:>9.3} ms", "compile", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let mut component = WasmtimeComponent::from_compiled(&compiled, RepeatingHost::new(true)).expect("it loads");
    println!(
        "  {:<28} {:>9.3} ms",
        "instantiate",
        start.elapsed().as_secs_f64() * 1e3
    );
    converse(&mut component, |name, times, _| report(name, times, None));
}

/// Fuel, share of it that imports charged, share of the time spent in arithmetic, its calls.
struct Extra {
    fuel: u64,
    import_fuel: u64,
    share: f64,
    calls: u64,
}

fn report(name: &str, times: &[f64], extra: Option<Extra>) {
    let best = times.iter().copied().fold(f64::INFINITY, f64::min);
    let first = times.first().copied().unwrap_or(0.0);
    let extra = extra.map_or(String::new(), |extra| {
        format!(
            "{:>13} fuel ({:>3.0} % imports), {:>5} calls, {:>3.0} % of the time in arithmetic",
            extra.fuel,
            extra.import_fuel as f64 * 100.0 / extra.fuel.max(1) as f64,
            extra.calls,
            extra.share * 100.0
        )
    });
    println!("  {name:<28} {best:>9.3} ms (first {first:>9.3}) {extra}");
}

fn sandbox_conversation(sandbox: &mut Sandbox<RepeatingHost>) {
    converse(sandbox, |name, times, sandbox| {
        let used = sandbox.last_call();
        let host = sandbox.host_mut();
        let total: f64 = times.iter().sum::<f64>() / 1e3;
        let extra = Extra {
            fuel: used.fuel,
            import_fuel: used.import_fuel,
            share: host.arithmetic.as_secs_f64() / total,
            calls: host.calls / times.len() as u64,
        };
        host.arithmetic = std::time::Duration::ZERO;
        host.calls = 0;
        report(name, times, Some(extra));
    });
}

/// The commands that are measured; `seen` is told after each.
fn converse<C: Component>(component: &mut C, mut seen: impl FnMut(&str, &[f64], &mut C)) {
    let start = Instant::now();
    component.power_on(&[]).expect("it lives").expect("it powers on");
    seen(
        "power-on, manufacture",
        &[start.elapsed().as_secs_f64() * 1e3],
        component,
    );
    let mut run = |name: &str, times: usize, command: &[u8], flush: bool, component: &mut C| {
        let mut taken = Vec::new();
        let mut last = 0;
        for _ in 0..times {
            let start = Instant::now();
            let response = tpm::ask(component, command);
            taken.push(start.elapsed().as_secs_f64() * 1e3);
            last = tpm::word(&response, 10);
            if flush {
                continue;
            }
        }
        seen(name, &taken, component);
        last
    };
    run("TPM2_Startup", 1, &tpm::startup(), false, component);
    run("TPM2_GetRandom 32", 20, &tpm::get_random(32), false, component);
    run("TPM2_GetCapability", 20, &tpm::get_properties(), false, component);
    run("TPM2_PCR_Extend", 20, &tpm::pcr_extend(8, [7; 32]), false, component);
    run("TPM2_PCR_Read", 20, &tpm::pcr_read(), false, component);
    run("TPM2_Hash 1000 bytes", 20, &tpm::hash(&[5; 1000]), false, component);
    for (rsa, name, scheme) in [
        (false, "P-256", [0u8, 0x18, 0, 0x0b]),
        (true, "RSA-2048", [0, 0x14, 0, 0x0b]),
    ] {
        let create = tpm::create_primary(tpm::OWNER, &tpm::signing_template(rsa));
        let key = run(&format!("TPM2_CreatePrimary {name}"), 1, &create, false, component);
        run(
            &format!("TPM2_Sign {name}"),
            10,
            &tpm::sign(key, [9; 32], &scheme),
            false,
            component,
        );
        tpm::ask(component, &tpm::flush(key));
    }
    let start = Instant::now();
    component.identity().expect("it lives").expect("it has an identity");
    seen(
        "identity (four keys)",
        &[start.elapsed().as_secs_f64() * 1e3],
        component,
    );
}
