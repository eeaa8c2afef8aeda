//! Links the bare-metal program at a fixed address with its multiboot header in front; the host build needs nothing.

fn main() {
    println!("cargo:rerun-if-changed=src/machine/link.ld");
    println!("cargo:rerun-if-changed=src/machine/boot.s");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bins=-T{folder}/src/machine/link.ld");
        println!("cargo:rustc-link-arg-bins=--no-pie");
        println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
    }
}
