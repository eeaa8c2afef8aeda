//! What an ELF file says about what it needs: a program's libraries (`DT_NEEDED`), a kernel module's modules (`.modinfo`).
//!
//! The files come from signed Debian packages or from our own build; a damaged one is an error with its name, nothing worse.

use anyhow::{Context, Result, bail};
use object::{
    Endianness, Object, ObjectSection,
    elf::{DT_NEEDED, FileHeader64, SHT_DYNSYM},
    read::elf::{Dyn, FileHeader, Sym},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Names of the shared libraries that `bytes`, a program or library, is linked with. A static program has none.
pub fn needed_libraries(bytes: &[u8]) -> Result<Vec<String>> {
    let header = FileHeader64::<Endianness>::parse(bytes).context("not an ELF64 file")?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let Some((entries, strings)) = sections.dynamic(endian, bytes)? else {
        return Ok(Vec::new());
    };
    let strings = sections.strings(endian, bytes, strings)?;
    let mut names = Vec::new();
    for entry in entries {
        if entry.tag(endian) == DT_NEEDED {
            names.push(String::from_utf8(entry.string(endian, strings)?.to_vec())?);
        }
    }
    Ok(names)
}

/// A function that a program takes from a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Its name.
    pub name: String,
    /// The version of the library's interface in which the program wants it.
    pub version: String,
}

/// What `bytes`, a program, takes from the library called `library`; only libraries whose interface has versions can be told apart.
pub fn imports_from(bytes: &[u8], library: &str) -> Result<Vec<Import>> {
    let header = FileHeader64::<Endianness>::parse(bytes).context("not an ELF64 file")?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let symbols = sections.symbols(endian, bytes, SHT_DYNSYM)?;
    let Some(versions) = sections.versions(endian, bytes)? else {
        return Ok(Vec::new());
    };
    let mut imports = Vec::new();
    for (index, symbol) in symbols.enumerate() {
        let Some(version) = versions.version(versions.version_index(endian, index))? else {
            continue;
        };
        if symbol.is_undefined(endian) && version.file() == Some(library.as_bytes()) {
            imports.push(Import {
                name: String::from_utf8(symbol.name(endian, symbols.strings())?.to_vec())?,
                version: String::from_utf8(version.name().to_vec())?,
            });
        }
    }
    Ok(imports)
}

/// The files that `programs` need at run time, themselves included, by file name; libraries are looked for in `folders`.
pub fn closure(programs: &[PathBuf], folders: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut waiting = Vec::new();
    for program in programs {
        waiting.push((file_name(program)?, program.clone()));
    }
    while let Some((name, path)) = waiting.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let libraries = needed_libraries(&bytes).with_context(|| path.display().to_string())?;
        for library in libraries {
            let Some(place) = folders.iter().map(|f| f.join(&library)).find(|p| p.is_file()) else {
                bail!("{} needs {library}, which no package brought", path.display());
            };
            waiting.push((library, place));
        }
        found.insert(name, path);
    }
    Ok(found)
}

/// The values of `key` in a kernel module's `.modinfo`.
pub fn module_info(bytes: &[u8], key: &str) -> Result<Vec<String>> {
    let file = object::File::parse(bytes).context("not an ELF file")?;
    let section = file.section_by_name(".modinfo").context("not a kernel module")?;
    Ok(section
        .data()?
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
            (name == key).then(|| value.to_owned())
        })
        .collect())
}

fn file_name(path: &Path) -> Result<String> {
    let name = path.file_name().context("a path without a file name")?;
    Ok(name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The test program itself is linked with the C library; the linker that made it is the other implementation.
    #[test]
    fn running_program_needs_the_c_library() {
        let bytes = fs::read(std::env::current_exe().expect("a path")).expect("its bytes");
        let names = needed_libraries(&bytes).expect("an ELF file");
        assert!(names.iter().any(|name| name.starts_with("libc.so")), "{names:?}");
        assert!(module_info(&bytes, "depends").is_err());
        assert!(needed_libraries(b"#!/bin/sh\n").is_err());
        let imports = imports_from(&bytes, "libc.so.6").expect("an ELF file");
        assert!(
            imports
                .iter()
                .any(|import| import.name == "malloc" && import.version.starts_with("GLIBC_"))
        );
        assert_eq!(imports_from(&bytes, "libcurl.so.4").expect("an ELF file"), []);
    }

    #[test]
    fn closure_ends_at_a_library_that_is_missing() {
        let program = std::env::current_exe().expect("a path");
        let error = closure(&[program], &[]).expect_err("no folder to look in");
        assert!(error.to_string().contains("which no package brought"), "{error}");
    }
}
