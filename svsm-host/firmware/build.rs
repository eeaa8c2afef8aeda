//! Links the firmware at its fixed address inside the SVSM region; the host build needs nothing.

fn main() {
    println!("cargo:rerun-if-changed=src/boot/link.ld");
    println!("cargo:rerun-if-changed=src/boot/entry.s");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo:rustc-link-arg-bins=-T{folder}/src/boot/link.ld");
        println!("cargo:rustc-link-arg-bins=-zmax-page-size=4096");
        println!("cargo:rustc-link-arg-bins=-znognustack");
    }
}
