//! Debian's tpm2-tools against the development server, with each engine.
//!
//! The expectations are the clients' own: tpm2-tools verifies sessions, response HMACs, names, signatures and quotes by itself (`checkquote`,
//! `verifysignature`, OpenSSL underneath), and refuses what does not fit.

use cloister_tests::server::Server;
use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

const ENGINES: [&str; 3] = ["native", "wasmtime", "wasmi"];

fn each_engine(test: impl Fn(&mut Server)) {
    for engine in ENGINES {
        let mut server = Server::start(engine);
        server.tpm2("startup -c");
        test(&mut server);
    }
}

#[test]
fn keys_are_created_loaded_sign_and_verify() {
    each_engine(|server| {
        server.write("message", b"the quick brown fox");
        for (kind, schemes) in [
            ("rsa2048", ["rsassa", "rsapss"].as_slice()),
            ("ecc256", &["ecdsa"]),
            ("ecc384", &["ecdsa"]),
        ] {
            server.tpm2("createprimary -Q -C o -G ecc256 -c primary.ctx");
            server.tpm2(&format!(
                "create -Q -C primary.ctx -G {kind} -u key.pub -r key.priv -p secret"
            ));
            server.tpm2("load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx");
            for scheme in schemes {
                server.tpm2(&format!(
                    "sign -Q -c key.ctx -p secret -g sha256 -s {scheme} -o signature message"
                ));
                server.tpm2("verifysignature -Q -c key.ctx -g sha256 -m message -s signature");
            }
            server.tpm2_refused("sign -Q -c key.ctx -p wrong -g sha256 -o signature message");
            server.tpm2("flushcontext -t");
        }
    });
}

#[test]
fn quote_over_pcrs_is_checked_and_a_changed_one_refused() {
    each_engine(|server| {
        server.tpm2("pcrextend 16:sha256=0101010101010101010101010101010101010101010101010101010101010101");
        server.tpm2("createek -Q -c ek.ctx -G rsa -u ek.pub");
        server.tpm2("createak -Q -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -f pem -n ak.name");
        server.tpm2("quote -Q -c ak.ctx -l sha256:0,16 -q 00112233 -m quote.msg -s quote.sig -o quote.pcrs -g sha256");
        server.tpm2("checkquote -Q -u ak.pub -m quote.msg -s quote.sig -f quote.pcrs -g sha256 -q 00112233");
        server.tpm2_refused("checkquote -Q -u ak.pub -m quote.msg -s quote.sig -f quote.pcrs -g sha256 -q 00112234");
    });
}

#[test]
fn secret_sealed_to_pcrs_opens_only_while_they_hold() {
    each_engine(|server| {
        server.write("secret", b"correct horse battery staple");
        server.tpm2("createprimary -Q -C o -G rsa2048 -c primary.ctx");
        server.tpm2("createpolicy -Q --policy-pcr -l sha256:23 -L policy");
        server.tpm2("create -Q -C primary.ctx -i secret -L policy -u seal.pub -r seal.priv");
        server.tpm2("load -Q -C primary.ctx -u seal.pub -r seal.priv -c seal.ctx");
        assert_eq!(
            server.tpm2("unseal -c seal.ctx -p pcr:sha256:23"),
            "correct horse battery staple"
        );
        server.tpm2("pcrextend 23:sha256=0202020202020202020202020202020202020202020202020202020202020202");
        server.tpm2_refused("unseal -c seal.ctx -p pcr:sha256:23");
        server.tpm2("pcrreset 23");
        assert_eq!(
            server.tpm2("unseal -c seal.ctx -p pcr:sha256:23"),
            "correct horse battery staple"
        );
    });
}

#[test]
fn nv_index_is_written_read_and_survives_kill_9() {
    each_engine(|server| {
        server.write("data", b"sixteen bytes  !");
        server.tpm2("nvdefine -Q 0x1500016 -C o -s 16 -a ownerread|ownerwrite|authread|authwrite -p index");
        server.tpm2("nvwrite -Q 0x1500016 -C o -i data");
        assert_eq!(server.tpm2("nvread 0x1500016 -C o -s 16"), "sixteen bytes  !");
        server.tpm2("createprimary -Q -C o -G ecc256 -c primary.ctx");
        server.tpm2("evictcontrol -Q -C o -c primary.ctx 0x81000005");
        let public = server.tpm2("readpublic -c 0x81000005");
        server.kill_and_restart();
        server.tpm2("startup -c");
        assert_eq!(
            server.tpm2("nvread 0x1500016 -C 0x1500016 -P index -s 16"),
            "sixteen bytes  !"
        );
        assert_eq!(server.tpm2("readpublic -c 0x81000005"), public);
        server.tpm2("nvundefine -Q 0x1500016 -C o");
        server.tpm2_refused("nvread 0x1500016 -C o -s 16");
    });
}

#[test]
fn salted_hmac_session_encrypts_parameters() {
    each_engine(|server| {
        server.tpm2("createprimary -Q -C o -G rsa2048 -c primary.ctx");
        server.tpm2("startauthsession -Q --hmac-session -c primary.ctx -S session.ctx");
        server.tpm2("sessionconfig -Q session.ctx --enable-encrypt --enable-decrypt");
        assert_eq!(server.tpm2("getrandom 16 --hex -S session.ctx").trim().len(), 32);
        server.write("secret", b"hidden on the wire");
        server.tpm2("create -Q -C primary.ctx -P session:session.ctx -i secret -u seal.pub -r seal.priv -p passphrase");
        server.tpm2("load -Q -C primary.ctx -u seal.pub -r seal.priv -c seal.ctx");
        assert_eq!(
            server.tpm2("unseal -c seal.ctx -p session:session.ctx+passphrase"),
            "hidden on the wire"
        );
        server.tpm2("flushcontext session.ctx");
    });
}

#[test]
fn credential_is_activated_only_for_the_key_it_names() {
    each_engine(|server| {
        server.tpm2("createek -Q -c ek.ctx -G ecc -u ek.pub");
        server.tpm2("createak -Q -C ek.ctx -c ak.ctx -G rsa -g sha256 -s rsassa -u ak.pub -n ak.name");
        server.write("secret", b"12345678");
        let name: String = server
            .read("ak.name")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        server.tpm2(&format!(
            "makecredential -Q -u ek.pub -s secret -n {name} -o credential"
        ));
        server.tpm2("startauthsession -Q --policy-session -S session.ctx");
        server.tpm2("policysecret -Q -S session.ctx -c e");
        server.tpm2("activatecredential -Q -c ak.ctx -C ek.ctx -i credential -o recovered -P session:session.ctx");
        assert_eq!(server.read("recovered"), b"12345678");
        server.tpm2("flushcontext session.ctx");
        let other = format!(
            "{}{}",
            &name[..name.len() - 2],
            if name.ends_with("00") { "01" } else { "00" }
        );
        server.tpm2(&format!(
            "makecredential -Q -u ek.pub -s secret -n {other} -o credential"
        ));
        server.tpm2("startauthsession -Q --policy-session -S session.ctx");
        server.tpm2("policysecret -Q -S session.ctx -c e");
        server.tpm2_refused("activatecredential -Q -c ak.ctx -C ek.ctx -i credential -o bad -P session:session.ctx");
    });
}

#[test]
fn hierarchy_authorizations_change_and_clear_empties_them() {
    each_engine(|server| {
        server.tpm2("changeauth -Q -c o ownersecret");
        server.tpm2_refused("createprimary -Q -C o -G ecc256 -c primary.ctx");
        server.tpm2("createprimary -Q -C o -P ownersecret -G ecc256 -c primary.ctx");
        server.tpm2("clear -Q");
        server.tpm2("createprimary -Q -C o -G ecc256 -c primary.ctx");
        let properties = server.tpm2("getcap properties-variable");
        assert!(properties.contains("ownerAuthSet:              0"), "{properties}");
    });
}

#[test]
fn swtpm_protocol_serves_the_same_tpm() {
    let server = Server::start("native");
    server.tpm2("startup -c");
    let tcti = format!("swtpm:host=127.0.0.1,port={}", server.swtpm_port());
    server.tpm2("pcrextend 16:sha256=0303030303030303030303030303030303030303030303030303030303030303");
    let over_swtpm = server.try_tpm2(&tcti, "pcrread sha256:16");
    assert!(
        over_swtpm.status.success(),
        "{}",
        String::from_utf8_lossy(&over_swtpm.stderr)
    );
    assert_eq!(
        String::from_utf8_lossy(&over_swtpm.stdout),
        server.tpm2("pcrread sha256:16")
    );
}

#[test]
fn two_connections_are_open_at_once_and_sigterm_frees_the_port() {
    let mut server = Server::start("native");
    let _idle: Vec<TcpStream> = (0..4)
        .map(|offset| TcpStream::connect(("127.0.0.1", server.port() + offset)).expect("connect"))
        .collect();
    server.tpm2("startup -c");
    assert!(server.terminate().success());
    // No other process uses the port, so that it is free once the server has let go of it.
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(("127.0.0.1", server.port())).is_ok() {
        assert!(Instant::now() < deadline, "the port is still served");
    }
}
