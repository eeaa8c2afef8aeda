//! `component_pack MODULE COMPONENT`: packs a core module, for whoever writes a component of their own.

#![forbid(unsafe_code)]

use anyhow::{Context, Result, bail};
use std::{env, fs};

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [module, component] = arguments.as_slice() else {
        bail!("usage: component_pack MODULE COMPONENT");
    };
    let bytes = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    fs::write(component, component_pack::pack(&bytes)?).with_context(|| format!("cannot write {}", component.display()))
}
