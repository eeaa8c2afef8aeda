//! What VMPL0 spends its time on, from the addresses at which the simulator met it (`profile=1`): resolved with the firmware's symbols and summed
//! by the crate that the code is from.
//!
//! Crates are told apart by what they do for the SVSM: the interpreter is the sandbox at work on the component, the arithmetic is what the host
//! lends to the component or uses for itself, the rest is the SVSM's own.

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol, SymbolKind, read::elf::ElfFile64};
use sim_boot::{Line, Origin};
use std::{collections::BTreeMap, fs, path::Path};

/// What a line of samples begins with.
const SAMPLE: &str = "profile: sample 0x";
/// Lines of the table.
const SHOWN: usize = 15;

/// Whether a log line is for this module and not for a reader.
pub fn is_sample(line: &Line) -> bool {
    line.origin == Origin::Trace && line.text.starts_with(SAMPLE)
}

/// Prints the shares of the crates in VMPL0's time.
pub fn print<'a>(lines: impl Iterator<Item = &'a Line>, firmware: &Path) -> Result<()> {
    let bytes = fs::read(firmware).with_context(|| format!("cannot read {}", firmware.display()))?;
    let symbols = symbols(&bytes)?;
    let mut shares: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines.filter(|line| is_sample(line)) {
        let parsed = line.text.strip_prefix(SAMPLE).and_then(|rest| {
            let (rip, count) = rest.split_once(' ')?;
            Some((u64::from_str_radix(rip, 16).ok()?, count.parse::<u64>().ok()?))
        });
        let (rip, count) = parsed.with_context(|| format!("'{}' is no sample", line.text))?;
        let crate_name = symbols
            .range(..=rip)
            .next_back()
            .map_or_else(|| "unknown".into(), |(_, name)| crate_of(name));
        *shares.entry(crate_name).or_default() += count;
    }
    let whole: u64 = shares.values().sum();
    let mut shares: Vec<(String, u64)> = shares.into_iter().collect();
    shares.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("VMPL0, {whole} samples, one for each millisecond, by the crate whose code was met:");
    for (name, count) in shares.iter().take(SHOWN) {
        println!("  {:>5.1} % {name}", *count as f64 * 100.0 / whole.max(1) as f64);
    }
    Ok(())
}

/// The firmware's functions by address.
fn symbols(elf: &[u8]) -> Result<BTreeMap<u64, String>> {
    let file: ElfFile64 = ElfFile64::parse(elf).context("the firmware is no ELF file")?;
    let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
    Ok(functions
        .filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?.to_owned())))
        .collect())
}

/// The crate that a symbol names first: where the code was written.
fn crate_of(symbol: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let name = name.trim_start_matches(['<', '&', '(']);
    let name = name.strip_prefix("mut ").unwrap_or(name);
    name.split([':', '<', ' ']).next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Symbols as `nm` prints them of a firmware, and what `rustfilt` makes of them.
    #[test]
    fn symbols_name_the_crate_of_their_function() {
        for (symbol, expected) in [
            (
                "_RINvCs4hTqWQPWw64_6subtle9black_boxhECsfE6XspQJZ78_13crypto_bigint",
                "subtle",
            ),
            (
                "_RINvCsl2xABBUHS1t_4wnaf9wnaf_formRShECsa9zlXoCaug9_10svsm_accel",
                "wnaf",
            ),
            ("memcpy", "memcpy"),
        ] {
            assert_eq!(crate_of(symbol), expected);
        }
    }
}
