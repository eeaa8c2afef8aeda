//! The PKCS #11 module over the TPM, driven by OpenSC's pkcs11-tool; signatures are checked by OpenSSL.

use cloister_tests::{
    clients::{Client, Way, file_of, packaged},
    server::Server,
};

const PACKAGES: [&str; 3] = ["libtpm2-pkcs11-1", "libtpm2-pkcs11-tools", "opensc"];

/// A token whose store is in the server's folder.
fn token(server: &Server, way: Way) -> Client<'_> {
    server.tpm2("startup -c");
    let module = file_of("libtpm2-pkcs11-1", "pkcs11/libtpm2_pkcs11.so");
    let client = Client::new(server, way)
        .with("TPM2_PKCS11_TCTI", way.tcti(server))
        .with("TPM2_PKCS11_STORE", server.work().join("store").display().to_string())
        .with("TOOL", format!("pkcs11-tool --module {}", module.display()));
    client.run(
        "mkdir store
         tpm2_ptool init
         tpm2_ptool addtoken --pid=1 --sopin=sopin --userpin=userpin --label=token",
    );
    client
}

#[test]
fn keys_of_the_token_sign_for_openssl_and_open_what_it_encrypts() {
    if !packaged(&PACKAGES) {
        return;
    }
    for way in Way::TCP {
        let server = Server::start("native");
        let client = token(&server, way);
        client.run(
            "export LOGIN='--login --pin userpin'
             $TOOL $LOGIN --keypairgen --key-type EC:prime256v1 --label elliptic --id 01
             $TOOL $LOGIN --keypairgen --key-type RSA:2048 --label rsa --id 02
             $TOOL --read-object --type pubkey --id 01 -o elliptic.der
             $TOOL --read-object --type pubkey --id 02 -o rsa.der
             printf 'a message' > message
             openssl dgst -sha256 -binary message > digest
             $TOOL $LOGIN --sign --mechanism ECDSA --signature-format openssl --id 01 -i digest -o signature
             openssl dgst -sha256 -verify elliptic.der -keyform DER -signature signature message
             $TOOL $LOGIN --sign --mechanism SHA256-RSA-PKCS --id 02 -i message -o signature
             openssl dgst -sha256 -verify rsa.der -keyform DER -signature signature message
             openssl pkeyutl -encrypt -pubin -keyform DER -inkey rsa.der -in message -out cipher
             $TOOL $LOGIN --decrypt --mechanism RSA-PKCS --id 02 -i cipher -o opened
             cmp message opened
             test $($TOOL --generate-random 16 | wc -c) = 16",
        );
        let said = client.refused("$TOOL --login --pin wrong --sign --mechanism ECDSA --id 01 -i digest -o bad");
        assert!(said.contains("CKR_PIN_INCORRECT"), "{said}");
    }
}

#[test]
fn token_lives_on_after_kill_9_reset_and_resume() {
    if !packaged(&PACKAGES) {
        return;
    }
    let mut server = Server::start("native");
    token(&server, Way::Mssim).run(
        "$TOOL --login --pin userpin --keypairgen --key-type EC:prime256v1 --label key --id 01
         $TOOL --read-object --type pubkey --id 01 -o key.der
         printf 'a message' > message
         openssl dgst -sha256 -binary message > digest",
    );
    // None is a power cut.
    for (shutdown, startup) in [
        (None, "-c"),
        (Some("shutdown -c"), "-c"),
        (Some("shutdown"), "-c"),
        (Some("shutdown"), ""),
    ] {
        if let Some(line) = shutdown {
            server.tpm2(line);
        }
        server.kill_and_restart();
        server.tpm2(&format!("startup {startup}"));
        // The ports are others now.
        let module = file_of("libtpm2-pkcs11-1", "pkcs11/libtpm2_pkcs11.so");
        Client::new(&server, Way::Mssim)
            .with("TPM2_PKCS11_TCTI", Way::Mssim.tcti(&server))
            .with("TPM2_PKCS11_STORE", server.work().join("store").display().to_string())
            .with("TOOL", format!("pkcs11-tool --module {}", module.display()))
            .run(
                "$TOOL --login --pin userpin --sign --mechanism ECDSA --signature-format openssl --id 01 -i digest -o signature
                 openssl dgst -sha256 -verify key.der -keyform DER -signature signature message",
            );
    }
}
