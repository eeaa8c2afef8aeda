//! OpenSSL with the tpm2 provider; what the provider makes is checked by OpenSSL without it.

use cloister_tests::{
    clients::{Client, Way, packaged},
    server::Server,
};

/// Says where the provider finds the TPM, and names the options that put it before OpenSSL's own.
fn provider(server: &Server, way: Way) -> Client<'_> {
    Client::new(server, way)
        .with("TPM2OPENSSL_TCTI", way.tcti(server))
        .with("TPM", "-provider tpm2 -provider default -propquery ?provider=tpm2")
}

fn each_way(test: impl Fn(&Server, &Client<'_>)) {
    if !packaged(&["tpm2-openssl"]) {
        return;
    }
    for way in Way::ALL {
        let server = Server::start("native");
        server.tpm2("startup -c");
        test(&server, &provider(&server, way));
    }
}

#[test]
fn signatures_of_the_provider_are_good_for_openssl_alone() {
    each_way(|_, client| {
        client.run(
            "printf 'a message' > message
             openssl genpkey -provider tpm2 -algorithm RSA -pkeyopt bits:2048 -out rsa.key
             openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -out p256.key
             openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-384 -out p384.key
             for key in rsa p256 p384; do
                 grep -q 'BEGIN TSS2 PRIVATE KEY' $key.key
                 openssl pkey $TPM -in $key.key -pubout -out $key.pub
                 openssl dgst $TPM -sha256 -sign $key.key -out signature message
                 openssl dgst -sha256 -verify $key.pub -signature signature message
             done
             openssl dgst $TPM -sha384 -sign p384.key -out signature message
             openssl dgst -sha384 -verify p384.pub -signature signature message
             openssl dgst $TPM -sha256 -sigopt rsa_padding_mode:pss -sign rsa.key -out signature message
             openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify rsa.pub -signature signature message",
        );
        client.run("printf 'another message' > other");
        client.refused("openssl dgst -sha256 -verify rsa.pub -signature signature other");
    });
}

#[test]
fn certificate_of_the_provider_and_agreed_secret_are_good_for_openssl_alone() {
    each_way(|_, client| {
        client.run(
            "openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256 -out own.key
             openssl pkey $TPM -in own.key -pubout -out own.pub
             openssl req $TPM -x509 -new -key own.key -subj /CN=cloister -days 1 -out own.crt
             openssl verify -CAfile own.crt own.crt
             openssl genpkey -algorithm EC -pkeyopt group:P-256 -out peer.key
             openssl pkey -in peer.key -pubout -out peer.pub
             openssl pkeyutl $TPM -derive -inkey own.key -peerkey peer.pub -out ours
             openssl pkeyutl -derive -inkey peer.key -peerkey own.pub -out theirs
             cmp ours theirs
             test $(openssl rand -provider tpm2 -hex 20 | tr -d '\\n' | wc -c) = 40",
        );
    });
}

#[test]
fn what_openssl_encrypts_to_the_tpm_key_opens_there_also_after_a_power_cut() {
    each_way(|server, client| {
        client.run(
            "openssl genpkey -provider tpm2 -algorithm RSA -pkeyopt bits:2048 -out rsa.key
             openssl pkey $TPM -in rsa.key -pubout -out rsa.pub
             printf 'a message' > message
             openssl pkeyutl -encrypt -pubin -inkey rsa.pub -in message -out cipher",
        );
        let open = "openssl pkeyutl $TPM -decrypt -inkey rsa.key -in cipher";
        assert_eq!(client.run(open), "a message");
        server.power_cycle();
        server.tpm2("startup -c");
        assert_eq!(client.run(open), "a message");
        // The key hangs on the owner's seed, which TPM2_Clear replaces.
        server.tpm2("clear -Q");
        client.refused(open);
    });
}
