//! `component_conform COMPONENT`: tries a component against the rules of `wit/` and says which it breaks. Exit status 0 means none.

use anyhow::{Context, Result};
use component_trial::conformance::{Kind, judge};
use std::{env, fs, process::ExitCode};

fn main() -> Result<ExitCode> {
    let path = env::args_os().nth(1).context("usage: component_conform COMPONENT")?;
    let file = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let verdicts = judge(&file, |verdict| {
        let kind = match verdict.rule.kind {
            Kind::Contract => "contract",
            Kind::Tpm => "TPM",
        };
        match &verdict.broken {
            None => println!("  {kind:<8} {:<24} holds", verdict.rule.name),
            Some(why) => println!("  {kind:<8} {:<24} BROKEN: {why}", verdict.rule.name),
        }
    });
    let broken = |kind| {
        verdicts
            .iter()
            .filter(|verdict| verdict.broken.is_some() && verdict.rule.kind == kind)
            .count()
    };
    let (contract, tpm) = (broken(Kind::Contract), broken(Kind::Tpm));
    if contract + tpm == 0 {
        println!("CONFORMANT: all {} rules hold", verdicts.len());
        return Ok(ExitCode::SUCCESS);
    }
    println!("NOT CONFORMANT: {contract} rules of the contract and {tpm} of a TPM are broken");
    Ok(ExitCode::FAILURE)
}
