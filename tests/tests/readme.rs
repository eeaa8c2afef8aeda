//! What the README claims about the tree is true: every path it names exists, every command it names is known.

use std::{fs, path::Path};

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
