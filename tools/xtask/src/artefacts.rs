//! Builds what runs elsewhere than on the dev host: the component (wasm32), the firmware, the simulator and its guest.
//!
//! Every build uses the profile `firmware` or `component`, the standard library's source that [`Toolchain`] found, and paths that are mapped
//! away: the same sources and the same compiler give the same bytes in every checkout, which `cargo xtask test` shows. The builds
//! have a target folder of their own: they need `RUSTC_BOOTSTRAP`, and would otherwise make cargo rebuild what the tests use.

use crate::{
    build_record,
    process::{Running, Step},
    toolchain::Toolchain,
    workspace::Workspace,
};
use anyhow::{Context, Result};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const BUILD_LIMIT: Duration = Duration::from_secs(1500);
const COMPONENT: &str = "tpm_component";
const WASM: &str = "wasm32-unknown-unknown";
const BARE: &str = "x86_64-unknown-none";
const FIRMWARE: &str = "x86_64-cloister-none";

/// The finished files of one build.
pub struct Artefacts {
    /// The TPM component.
    pub component: PathBuf,
    /// The SVSM, an ELF64 file.
    pub firmware: PathBuf,
    /// The simulator, an ELF32 file as multiboot wants it.
    pub simulator: PathBuf,
    /// The bare-metal guest, an ELF64 file.
    pub guest: PathBuf,
}

/// Builds everything.
pub fn build(workspace: &Workspace, toolchain: &Toolchain) -> Result<Artefacts> {
    Ok(Artefacts {
        component: component(workspace, toolchain)?,
        firmware: firmware(workspace, toolchain)?,
        simulator: simulator(workspace, toolchain)?,
        guest: guest(workspace, toolchain)?,
    })
}

/// Builds and packs the TPM component.
pub fn component(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    pack(workspace, toolchain, COMPONENT, &[], "tpm.component.wasm")
}

/// Builds and packs a TPM component with features of the engine, beside the one without.
pub fn featured_component(workspace: &Workspace, toolchain: &Toolchain, features: &str) -> Result<PathBuf> {
    let arguments = ["--features", features];
    pack(
        workspace,
        toolchain,
        "tpm_component",
        &arguments,
        "featured.component.wasm",
    )
}

/// Builds the component that traps on request, for the boot that shows how a fault is contained.
pub fn trapping_component(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    pack(
        workspace,
        toolchain,
        "tpm_component",
        &["--features", "trap-on-request"],
        "trapping.component.wasm",
    )
}

/// Builds the template of a component, for the trial that it must pass.
pub fn template_component(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    pack(
        workspace,
        toolchain,
        "template_component",
        &[],
        "template.component.wasm",
    )
}

fn pack(workspace: &Workspace, toolchain: &Toolchain, package: &str, features: &[&str], name: &str) -> Result<PathBuf> {
    let folder = cargo(workspace, toolchain, package, WASM, features)?;
    let bytes = read(&folder.join(package).with_extension("wasm"))?;
    let packed = component_pack::pack(&bytes).context("packing the component")?;
    finish(workspace, toolchain, name, &packed)
}

/// Builds the firmware.
pub fn firmware(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    let elf = cargo(workspace, toolchain, "svsm_firmware", FIRMWARE, &[])?.join("svsm_firmware");
    finish(workspace, toolchain, "svsm.elf", &read(&elf)?)
}

/// Builds the simulator, and beside it the guest that probes it.
pub fn simulator(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    let folder = cargo(workspace, toolchain, "snp_sim", BARE, &[])?;
    finish(workspace, toolchain, "snp-probe.elf", &read(&folder.join("snp_probe"))?)?;
    let elf = folder.join("snp_sim");
    let elf32 = crate::elf32::from_elf64(&read(&elf)?).with_context(|| format!("{}", elf.display()))?;
    finish(workspace, toolchain, "snp-sim.elf32", &elf32)
}

/// Builds the bare-metal guest.
pub fn guest(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    let elf = cargo(workspace, toolchain, "sim_guest", BARE, &[])?.join("sim_guest");
    finish(workspace, toolchain, "guest.elf", &read(&elf)?)
}

/// Runs one cargo build and returns the folder with its output.
fn cargo(
    workspace: &Workspace,
    toolchain: &Toolchain,
    package: &str,
    target: &str,
    features: &[&str],
) -> Result<PathBuf> {
    let (mut command, folder) = cargo_call(workspace, toolchain, package, target, features);
    Step::new(
        &workspace.logs(),
        &format!("building {package} for {target}"),
        BUILD_LIMIT,
    )?
    .run(&mut command)?;
    Ok(folder)
}

/// Starts a build of the TPM component beside what comes next; once it has ended well, [`component`] has nothing left to compile.
pub fn begin_component(workspace: &Workspace, toolchain: &Toolchain) -> Result<Running> {
    let (mut command, _) = cargo_call(workspace, toolchain, COMPONENT, WASM, &[]);
    let title = format!("building {COMPONENT} for {WASM} in another folder");
    Step::new(&workspace.logs(), &title, BUILD_LIMIT)?.begin(&mut command)
}

/// A cargo build, and the folder with its output.
fn cargo_call(
    workspace: &Workspace,
    toolchain: &Toolchain,
    package: &str,
    target: &str,
    features: &[&str],
) -> (Command, PathBuf) {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let profile = if target == WASM { "component" } else { "firmware" };
    command
        .current_dir(workspace.root())
        .args(["build", "--locked", "--profile", profile, "--package", package]);
    command.args(features).arg("--target-dir").arg(workspace.bare_target());
    toolchain.apply(&mut command);
    if target == FIRMWARE {
        command.args(["-Z", "json-target-spec", "--target"]);
        command.arg(workspace.root().join(format!("svsm-host/firmware/{FIRMWARE}.json")));
    } else {
        command.args(["--target", target]);
    }
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        rustflags(workspace, toolchain, target).join("\u{1f}"),
    );
    (command, workspace.bare_target().join(target).join(profile))
}

/// Flags that take this machine's paths out of the result.
fn rustflags(workspace: &Workspace, toolchain: &Toolchain, target: &str) -> Vec<String> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let home = env::var_os("HOME")?;
        Some(Path::new(&home).join(".cargo"))
    });
    // Where several apply, the last one wins.
    let mut flags = vec![format!("--remap-path-prefix={}=/cloister", workspace.root().display())];
    flags.push(format!(
        "--remap-path-prefix={}=/cloister/target/bare",
        workspace.bare_target().display()
    ));
    if let Some(home) = cargo_home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    // Cargo names what lies in the checkout by its path from there.
    let source = toolchain.source_root();
    for path in [Some(source), source.strip_prefix(workspace.root()).ok()]
        .into_iter()
        .flatten()
    {
        flags.push(format!("--remap-path-prefix={}=/rust", path.display()));
    }
    match target {
        WASM => flags.extend(["-C".into(), "target-feature=+wide-arithmetic".into()]),
        // The guest and the simulator lie where they are linked, below 2 GiB; the firmware's own target says how it is linked.
        BARE => flags.extend(["-C".into(), "relocation-model=static".into()]),
        _ => {}
    }
    flags
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a finished file, and beside it which compiler made it.
fn finish(workspace: &Workspace, toolchain: &Toolchain, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = workspace.artefacts().join(name);
    fs::create_dir_all(workspace.artefacts())?;
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    build_record::write(&path, &toolchain.version)?;
    Ok(path)
}
