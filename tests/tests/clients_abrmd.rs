//! The access broker: several clients at once over a D-Bus of their own, each with its own objects.

use cloister_tests::{
    clients::{Client, Way, packaged},
    server::Server,
};

/// A bus in the server's folder that lets everybody do everything.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Starts the broker, which starts the TPM, and waits until it answers; then each of two clients makes, signs with and verifies keys, while the other does.
const BROKER: &str = r#"
    export TPM2TOOLS_TCTI=tabrmd:bus_type=session
    tpm2-abrmd --allow-root --session --tcti="$TCTI" &
    broker=$!
    for attempt in $(seq 100); do
        if TSS2_LOG=all+none tpm2 getrandom 4 > random; then break; fi
        sleep 0.1
    done
    test $(wc -c < random) = 4
    use() {
        mkdir $1; cd $1
        printf "a message of $1" > message
        for round in 1 2 3; do
            tpm2 createprimary -Q -C o -G ecc256 -c primary.ctx
            tpm2 create -Q -C primary.ctx -G $1 -u key.pub -r key.priv
            tpm2 load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
            tpm2 sign -Q -c key.ctx -g sha256 -f plain -o signature message
            tpm2 readpublic -Q -c key.ctx -f pem -o key.pem
            openssl dgst -sha256 -verify key.pem -signature signature message
            tpm2 startauthsession -Q --policy-session -S session.ctx
            tpm2 policypcr -Q -S session.ctx -l sha256:0 -L policy
            tpm2 flushcontext session.ctx
        done
    }
    (use rsa2048) & first=$!
    (use ecc256) & second=$!
    wait $first
    wait $second
    kill -TERM $broker
    wait $broker
"#;

#[test]
fn two_clients_at_once_have_their_own_objects_and_leave_none() {
    if !packaged(&["tpm2-abrmd", "libtss2-tcti-tabrmd0", "dbus"]) {
        return;
    }
    for way in Way::ALL {
        let server = Server::start("native");
        let bus = BUS.replace("FOLDER", &server.work().display().to_string());
        server.write("bus.conf", bus.as_bytes());
        server.write("broker.sh", BROKER.as_bytes());
        Client::new(&server, way).run("dbus-run-session --config-file bus.conf -- bash -eux broker.sh");
        let left = ["handles-transient", "handles-loaded-session", "handles-saved-session"]
            .map(|list| server.tpm2(&format!("getcap {list}")))
            .concat();
        assert_eq!(left.trim(), "", "left behind");
    }
}
