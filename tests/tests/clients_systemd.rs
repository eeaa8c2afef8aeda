//! systemd's credentials and disk enrolment. systemd keeps two connections to the TPM open at once, and a third one idles here beside them.

use cloister_tests::{
    clients::{Client, Way, packaged},
    server::Server,
};

const EXTEND: &str = "pcrextend 16:sha256=0505050505050505050505050505050505050505050505050505050505050505";

#[test]
fn credential_opens_by_name_and_pcr_also_after_kill_9() {
    if !packaged(&["systemd"]) {
        return;
    }
    for (engine, way) in [
        ("native", Way::Mssim),
        ("native", Way::Swtpm),
        ("native", Way::SwtpmFile),
        ("wasmi", Way::Swtpm),
    ] {
        let mut server = Server::start(engine);
        server.tpm2("startup -c");
        server.tpm2(EXTEND);
        Client::new(&server, way).run(
            "exec 3<>/dev/tcp/127.0.0.1/$MSSIM_PORT 4<>/dev/tcp/127.0.0.1/$SWTPM_PORT
             head -c 300 /dev/urandom > secret
             systemd-creds encrypt --with-key=tpm2 --tpm2-device=$TCTI --tpm2-pcrs=16 --name=password secret sealed
             systemd-creds decrypt --tpm2-device=$TCTI --name=password sealed - | cmp - secret",
        );
        server.kill_and_restart();
        server.tpm2("startup -c");
        let client = Client::new(&server, way);
        // After the restart nothing has been measured yet.
        client.refused("systemd-creds decrypt --tpm2-device=$TCTI --name=password sealed -");
        server.tpm2(EXTEND);
        client.run("systemd-creds decrypt --tpm2-device=$TCTI --name=password sealed - | cmp - secret");
        client.refused("systemd-creds decrypt --tpm2-device=$TCTI --name=another sealed -");
        server.tpm2("clear -Q");
        client.refused("systemd-creds decrypt --tpm2-device=$TCTI --name=password sealed -");
    }
}

#[test]
fn disk_key_that_cryptenroll_seals_is_unsealed_by_tpm2_tools_and_opens_the_disk() {
    if !packaged(&["systemd", "cryptsetup-bin"]) {
        return;
    }
    for way in Way::TCP {
        let server = Server::start("native");
        server.tpm2("startup -c");
        server.tpm2(EXTEND);
        let client = Client::new(&server, way);
        client.run(
            "truncate --size=20M disk
             printf passphrase > passphrase
             PATH=$PATH:/usr/sbin
             cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file passphrase disk
             PASSWORD=passphrase systemd-cryptenroll --tpm2-device=$TCTI --tpm2-pcrs=16 disk
             systemd-cryptenroll disk | has tpm2",
        );
        // What the token in the disk's header says: the private and the public part, each after its size.
        let unseal = "PATH=$PATH:/usr/sbin
             cryptsetup token export --token-id 0 disk | sed 's/.*\"tpm2-blob\":\"\\([^\"]*\\)\".*/\\1/' | base64 --decode > blob
             size=$((16#$(head -c 2 blob | od -An -tx1 | tr -d ' ') + 2))
             head -c $size blob > sealed.priv
             tail -c +$((size + 1)) blob > sealed.pub
             tpm2 createprimary -Q -C o -G ecc256 -c primary.ctx
             tpm2 load -Q -C primary.ctx -u sealed.pub -r sealed.priv -c sealed.ctx
             tpm2 unseal -c sealed.ctx -p pcr:sha256:16 | base64 --wrap=0 > key
             cryptsetup open --test-passphrase --key-slot 1 --key-file key disk";
        client.run(unseal);
        server.tpm2(EXTEND);
        server.tpm2("flushcontext -t");
        client.refused(unseal);
    }
}
