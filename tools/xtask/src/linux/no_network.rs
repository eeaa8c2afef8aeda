//! Stands in for libcurl in the Linux guest.
//!
//! tpm2-tools is one program, and one of its hundred tools, `getekcertificate`, downloads a certificate. For that the program is linked with
//! libcurl and thirty libraries behind it: half of the initial file system, and more than half of the time in which each tool starts, measured
//! in software emulation. The guest has no network. So it gets a library of libcurl's name with the functions that the program imports, each of which
//! says so and ends the program. Nothing is guessed: names and version come from the program's own symbol table.

use super::{build_root::BuildRoot, elf};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path};

/// What every function does: message and exit by system calls, as there is no other library to lean on.
const PROLOGUE: &str = r#"static long call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
static void leave(void)
{
    static const char text[] = "this guest has no network and no libcurl\n";
    call(1, 2, (long)text, sizeof(text) - 1);
    call(231, 1, 0, 0);
}
"#;

/// The library's beginning of a name, whatever variant a suite has.
const LIBRARY: &str = "libcurl";

/// Builds the library that `program` then finds instead of libcurl, into the folder `into`, which is empty when the program does not use it.
pub fn build(root: &BuildRoot, program: &Path, into: &Path) -> Result<()> {
    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let partial = into.with_extension("partial");
    crate::apt::empty(&partial)?;
    for library in elf::needed_libraries(&bytes)? {
        if !library.starts_with(LIBRARY) {
            continue;
        }
        let imports = elf::imports_from(&bytes, &library)?;
        ensure!(
            !imports.is_empty(),
            "{} imports nothing from {library}",
            program.display()
        );
        let (source, map) = source_of(&imports)?;
        let folder = root.build_folder();
        fs::write(folder.join("stand-in.c"), source)?;
        fs::write(folder.join("stand-in.map"), map)?;
        let compiler = root.compiler()?;
        let name = format!("-Wl,-soname,{library}");
        root.run(
            &format!("building the stand-in for {library}"),
            &[
                compiler.as_str(),
                "-shared",
                "-fPIC",
                "-O2",
                "-nostdlib",
                "-s",
                "-Wl,--build-id=none",
                "-Wl,--version-script=/build/stand-in.map",
                &name,
                "-o",
                "/build/stand-in.so",
                "/build/stand-in.c",
            ],
        )?;
        fs::copy(folder.join("stand-in.so"), partial.join(&library)).context("the compiler left no library")?;
    }
    if into.exists() {
        fs::remove_dir_all(into)?;
    }
    fs::rename(&partial, into).with_context(|| format!("cannot move {}", partial.display()))
}

/// C source with one function for each import, and the linker's version script.
fn source_of(imports: &[elf::Import]) -> Result<(String, String)> {
    let mut source = PROLOGUE.to_owned();
    let mut map = String::new();
    let mut versions: Vec<&str> = imports.iter().map(|import| import.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    let word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
    };
    for version in versions {
        ensure!(word(version), "'{version}' is no name of a version");
        map.push_str(version);
        map.push_str(" { global:");
        for import in imports.iter().filter(|import| import.version == version) {
            ensure!(word(&import.name), "'{}' is no name of a function", import.name);
            source.push_str(&format!("void {}(void) {{ leave(); }}\n", import.name));
            map.push_str(&format!(" {};", import.name));
        }
        map.push_str(" };\n");
    }
    Ok((source, map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_has_each_import_once_under_its_version() {
        let import = |name: &str| elf::Import {
            name: name.into(),
            version: "CURL_4".into(),
        };
        let (source, map) = source_of(&[import("curl_easy_init"), import("curl_free")]).expect("sound names");
        assert!(source.ends_with("void curl_easy_init(void) { leave(); }\nvoid curl_free(void) { leave(); }\n"));
        assert_eq!(map, "CURL_4 { global: curl_easy_init; curl_free; };\n");
        assert!(source_of(&[import("x(void) { } int y")]).is_err());
    }
}
