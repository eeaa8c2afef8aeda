//! Turns the core module that the compiler made into a standard component.
//!
//! The module carries the contract's types in a custom section, put there by wit-bindgen; wit-component makes the component's type and wiring from it and
//! refuses a module whose exports do not fit. Names, producers and debugging sections are left out first, so that the bytes depend on the
//! module's code and on this tool's version only: the file's SHA-256 is what a guest owner checks.

#![forbid(unsafe_code)]

use anyhow::{Context, Result, bail};
use wasmparser::Validator;
use wit_component::ComponentEncoder;

/// What wit-bindgen calls its custom section, followed by a world's name.
const TYPE_SECTION: &str = "component-type";
/// The identifier of a custom section.
const CUSTOM: u8 = 0;

/// The component that `module` becomes.
pub fn pack(module: &[u8]) -> Result<Vec<u8>> {
    let module = without_custom_sections(module)?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .context("the module is not a component's")?
        .encode()
        .context("the module does not fit the contract")?;
    without_component_custom_sections(&component)
}

/// The module with no custom section but the one that describes its types.
fn without_custom_sections(module: &[u8]) -> Result<Vec<u8>> {
    strip(module, b"\0asm\x01\0\0\0", |name| {
        name.starts_with(TYPE_SECTION.as_bytes())
    })
}

/// The component without the packer's own remarks at its top level.
fn without_component_custom_sections(component: &[u8]) -> Result<Vec<u8>> {
    let stripped = strip(component, b"\0asm\x0d\0\x01\0", |_| false)?;
    Validator::new_with_features(wasmparser::WasmFeatures::all())
        .validate_all(&stripped)
        .context("the packed component is not valid")?;
    Ok(stripped)
}

/// Copies every section of the outermost level but the custom ones that `keep` does not want. Modules and components share this form.
fn strip(binary: &[u8], header: &[u8; 8], keep: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
    let mut rest = binary
        .strip_prefix(header)
        .context("this is not the expected kind of WebAssembly")?;
    let mut out = header.to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let (length, body) = leb(after_id)?;
        let (body, after) = body.split_at_checked(length).context("a section is cut off")?;
        let section = rest.get(..rest.len() - after.len()).context("a section is cut off")?;
        rest = after;
        if id != CUSTOM || keep(custom_name(body)?) {
            out.extend_from_slice(section);
        }
    }
    Ok(out)
}

fn custom_name(section: &[u8]) -> Result<&[u8]> {
    let (length, name) = leb(section)?;
    name.get(..length).context("a custom section is cut off")
}

/// An unsigned LEB128 number, and what follows it.
fn leb(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((usize::try_from(value)?, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    bail!("a length is cut off")
}
