//! Links the bare-metal programs at fixed addresses; the host build needs nothing.

fn main() {
    for input in [
        "src/machine/link.ld",
        "src/machine/boot.s",
        "probe/link.ld",
        "probe/entry.s",
    ] {
        println!("cargo:rerun-if-changed={input}");
    }
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bin=snp_sim=-T{folder}/src/machine/link.ld");
        println!("cargo:rustc-link-arg-bin=snp_probe=-T{folder}/probe/link.ld");
        println!("cargo:rustc-link-arg-bins=--no-pie");
        println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
    }
}
