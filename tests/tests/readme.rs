//! What the README claims about the tree is true: every path it names exists, every command it names is known.

use std::{fs, path::Path};
use tpm_engine::dispatch::table::{Role, Row, TABLE};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests folder has a parent")
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// Everything between single back quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_path_in_the_readme_exists() {
    let text = readme();
    let tops = ["svsm-host/", "tpm-component/", "tools/", "tests/", "wit/"];
    let paths: Vec<&str> = quoted(&text)
        .into_iter()
        .filter(|q| tops.iter().any(|top| q.starts_with(top)))
        .collect();
    assert!(paths.len() > 15, "the folder map is gone");
    for path in paths {
        assert!(
            root().join(path).exists(),
            "README.md names {path}, which does not exist"
        );
    }
}

#[test]
fn every_xtask_command_in_the_readme_is_known() {
    let text = readme();
    let main = fs::read_to_string(root().join("tools/xtask/src/main.rs")).expect("xtask source");
    for (_, rest) in text
        .match_indices("cargo xtask ")
        .map(|(at, found)| (at, &text[at + found.len()..]))
    {
        let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        let variant = name[..1].to_ascii_uppercase() + &name[1..];
        let known =
            name == "help" || main.contains(&format!("    {variant}")) && main.contains(&format!("Task::{variant}"));
        assert!(known, "README.md names `cargo xtask {name}`, which does not exist");
    }
}

/// A line for each command, as the engine's dispatch table has it.
fn commands() -> String {
    let line = |row: &Row| {
        let handles: Vec<String> = row
            .handles
            .iter()
            .map(|handle| match handle.role {
                Role::None => format!("{:?}", handle.kind),
                role => format!("{:?} ({role:?})", handle.kind),
            })
            .collect();
        let encrypted = match (row.decrypt, row.encrypt) {
            (true, true) => "both",
            (true, false) => "in",
            (false, true) => "out",
            (false, false) => "",
        };
        let handles = handles.join(", ");
        format!("| {} | {:#05x} | {handles} | {encrypted} |\n", row.name, row.code.0)
    };
    TABLE.iter().map(line).collect()
}

// The table is written by hand after what this test prints when it fails.
#[test]
fn engines_readme_lists_exactly_the_commands_that_there_are() {
    let text = fs::read_to_string(root().join("tpm-component/engine/README.md")).expect("the engine's README");
    let listed: String = text
        .lines()
        .filter(|line| line.starts_with("| TPM2_"))
        .map(|line| format!("{line}\n"))
        .collect();
    let expected = commands();
    assert_eq!(listed, expected, "the table should be:\n{expected}");
    let count = format!("{} commands", TABLE.len());
    assert!(text.contains(&count), "the README should speak of {count}");
}

/// What a manifest's section of features names, in order.
fn features(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
    let section = text.split("[features]").nth(1).expect("a section of features");
    let lines = section.lines().skip(1).take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.to_string())
        .filter(|name| !name.starts_with('#'))
        .collect()
}

#[test]
fn features_of_the_engine_are_those_of_the_component_and_of_the_readme() {
    let engine = features("tpm-component/engine/Cargo.toml");
    assert!(!engine.is_empty());
    let mut component = features("tpm-component/guest/Cargo.toml");
    component.retain(|name| name != "trap-on-request");
    assert_eq!(component, engine);
    let text = fs::read_to_string(root().join("tpm-component/engine/README.md")).expect("the engine's README");
    let section = text.split("## Features").nth(1).expect("a section of features");
    let listed: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(listed, engine);
    // What `cargo xtask test --all` compares as well.
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a file of the checkout");
    let compared: Vec<String> = read("tests/Cargo.toml")
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix("\"tpm_engine/")?.split('"').next()?.to_owned()))
        .collect();
    assert_eq!(compared, engine);
    let built = format!("const ALGORITHMS: &str = \"{}\";", engine.join(","));
    assert!(read("tools/xtask/src/testing.rs").contains(&built), "{built}");
}

#[test]
fn top_level_holds_exactly_what_the_project_says() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "svsm-host",
        "tpm-component",
        "wit",
        "tools",
        "tests",
        "fuzz",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "rust-toolchain.toml",
        "target",
    ];
    for entry in fs::read_dir(root()).expect("the checkout") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "{name} does not belong at the top"
        );
    }
}

/// Rust files below a folder, build output left out.
fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a line of code does something unsafe, comments aside.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["unsafe {", "unsafe fn ", "unsafe impl ", "unsafe extern ", "#[unsafe("]
        .iter()
        .any(|word| code.contains(word))
}

#[test]
fn unsafe_code_is_where_the_readme_says() {
    let text = readme();
    let section = text
        .split("## Where unsafe code is")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next())
        .expect("the section");
    let named: Vec<&str> = quoted(section).into_iter().filter(|q| q.contains('/')).collect();
    assert!(named.len() > 4, "the list is gone");
    let mut files = Vec::new();
    for top in ["svsm-host", "tpm-component", "tools"] {
        sources(&root().join(top), &mut files);
    }
    let unsafe_files: Vec<_> = files
        .iter()
        .filter(|file| fs::read_to_string(file).expect("a source").lines().any(is_unsafe))
        .map(|file| file.strip_prefix(root()).expect("below the root"))
        .collect();
    assert!(unsafe_files.len() > 20, "the search finds nothing");
    for file in unsafe_files {
        assert!(
            named.iter().any(|folder| file.starts_with(folder)),
            "{} has unsafe code, and README.md does not name its folder",
            file.display()
        );
    }
}
