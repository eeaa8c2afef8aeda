//! clevis: a secret encrypted to the TPM and to what was measured.

use cloister_tests::{
    clients::{Client, Way, packaged},
    server::Server,
};

const PACKAGES: [&str; 2] = ["clevis", "clevis-tpm2"];
const EXTEND: &str = "pcrextend 16:sha256=0404040404040404040404040404040404040404040404040404040404040404";

#[test]
fn secret_opens_while_the_pcrs_hold_and_not_after_one_changed() {
    if !packaged(&PACKAGES) {
        return;
    }
    for (engine, way, key) in [
        ("native", Way::Mssim, "rsa"),
        ("native", Way::Swtpm, "ecc"),
        ("native", Way::SwtpmFile, "rsa"),
        ("wasmi", Way::Mssim, "ecc"),
    ] {
        let server = Server::start(engine);
        server.tpm2("startup -c");
        server.tpm2(EXTEND);
        let client = Client::new(&server, way).with("KEY", key);
        client.run(
            r#"head -c 500 /dev/urandom | base64 > secret
               clevis encrypt tpm2 '{"pcr_bank":"sha256","pcr_ids":"0,16"}' < secret > bound.jwe
               clevis encrypt tpm2 "{\"key\":\"$KEY\",\"hash\":\"sha256\"}" < secret > free.jwe
               clevis decrypt < bound.jwe | cmp - secret"#,
        );
        // tpm2_createpolicy of this release leaves its session, whatever the TPM; no object may stay.
        assert_eq!(server.tpm2("getcap handles-transient").trim(), "", "left behind");
        server.tpm2(EXTEND);
        client.refused("clevis decrypt < bound.jwe");
        client.run("clevis decrypt < free.jwe | cmp - secret");
        server.tpm2("pcrreset 16");
        server.tpm2(EXTEND);
        client.run("clevis decrypt < bound.jwe | cmp - secret");
    }
}

#[test]
fn secret_opens_after_kill_9_and_only_on_the_tpm_that_sealed_it() {
    if !packaged(&PACKAGES) {
        return;
    }
    let mut server = Server::start("native");
    server.tpm2("startup -c");
    Client::new(&server, Way::Mssim)
        .run("echo secret > secret; clevis encrypt tpm2 '{\"pcr_ids\":\"7\"}' < secret > sealed.jwe");
    server.kill_and_restart();
    server.tpm2("startup -c");
    Client::new(&server, Way::Swtpm).run("clevis decrypt < sealed.jwe | cmp - secret");
    let other = Server::start("native");
    other.tpm2("startup -c");
    Client::new(&server, Way::Mssim)
        .with("TPM2TOOLS_TCTI", Way::Mssim.tcti(&other))
        .refused("clevis decrypt < sealed.jwe");
}
