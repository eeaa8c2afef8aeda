//! The Feature API's tools (`tss2_*`), with both of its profiles. OpenSSL and coreutils check what there is to compute.

use cloister_tests::{
    clients::{Client, Way, packaged, programs_of},
    server::Server,
};
use std::{collections::BTreeSet, fs};

/// What the tools share: options for every script, and a text of the rest of a policy about PCR 16.
const COMMON: &str = "exec < /dev/null
    export TSS2_FAPICONF=$PWD/fapi.json
    pcr_policy() { printf '{\"description\":\"\",\"policy\":[{\"type\":\"POLICYPCR\",\"pcrs\":[{\"pcr\":16,\"hashAlg\":\"TPM2_ALG_SHA256\",\"digest\":\"%s\"}]}]}' $1; }
    hex() { od -An -v -tx1 | tr -d ' \\n'; }
    # OpenSSL's own choice, where the profile's would be PSS.
    padding=$(sed -n 's/.*P_RSA.*/--padding=RSA_SSA/p' fapi.json)
    printf 'a message' > message
    openssl dgst -sha256 -binary message > digest
";

const KEYS: &str = "
    tss2_getinfo -o info
    grep -q fapi_config info
    test $(tss2_getrandom -n 20 -o - | wc -c) = 20
    tss2_createkey -p HS/SRK/sign -t sign,exportable -a ''
    tss2_sign -p HS/SRK/sign $padding -d digest -o signature -k public.pem
    openssl dgst -sha256 -verify public.pem -signature signature message
    tss2_verifysignature -p HS/SRK/sign -d digest -i signature
    openssl genpkey -algorithm EC -pkeyopt group:P-256 -out outside.key
    openssl pkey -in outside.key -pubout -out outside.pub
    openssl dgst -sha256 -sign outside.key -out outside.sig message
    tss2_import -p /ext/key -i outside.pub
    tss2_verifysignature -p /ext/key -d digest -i outside.sig
    tss2_exportkey -p HS/SRK/sign -o exported.json
    sed -n 's/.*\"pem_ext_public\":\"\\(.*\\)\",/\\1/p' exported.json | sed 's/\\\\n/\\n/g; s/\\\\//g' | head -n -1 > exported.pem
    cmp exported.pem public.pem
    tss2_gettpmblobs -p HS/SRK/sign --tpm2bPublic=blob.pub --tpm2bPrivate=blob.priv --policy=blob.policy
    tss2_gettpm2object -p HS/SRK/sign -c object.ctx
    tpm2 readpublic -Q -c object.ctx -f pem -o object.pem
    cmp object.pem public.pem
    tss2_setdescription -p HS/SRK/sign -i description
    test $(tss2_getdescription -p HS/SRK/sign -o -) = description
    tss2_setappdata -p HS/SRK/sign -i message
    tss2_getappdata -p HS/SRK/sign -o - | cmp - message
    openssl req -x509 -new -key outside.key -subj /CN=cloister -days 1 -out outside.crt
    tss2_setcertificate -p HS/SRK/sign --x509certData=outside.crt
    tss2_getcertificate -p HS/SRK/sign --x509certData=- | cmp - outside.crt
    tss2_changeauth -p HS/SRK/sign -a password
    refuse tss2_sign -p HS/SRK/sign -d digest -o refused
    echo password | tss2_sign -p HS/SRK/sign $padding -f -d digest -o signature
    openssl dgst -sha256 -verify public.pem -signature signature message
    tss2_createseal -p HS/SRK/seal -t noda -a '' -i message
    tss2_unseal -p HS/SRK/seal -o - | cmp - message
    tss2_list -p HS/SRK | has seal
    tss2_delete -p HS/SRK/seal
    refuse tss2_unseal -p HS/SRK/seal -o refused
    # There is no certificate of a platform's maker.
    refuse tss2_getplatformcertificates -o refused
";

/// Fapi_Encrypt is for RSA only.
const RSA: &str = "
    tss2_createkey -p HS/SRK/decrypt -t decrypt,noda -a ''
    tss2_encrypt -p HS/SRK/decrypt -i message -o cipher
    tss2_decrypt -p HS/SRK/decrypt -i cipher -o - | cmp - message
";

const NV_AND_PCR: &str = "
    printf 'sixteen bytes  !' > sixteen
    tss2_createnv -p /nv/Owner/data -t noda -s 16 -a ''
    tss2_nvwrite -p /nv/Owner/data -i sixteen
    tss2_nvread -p /nv/Owner/data -o - | cmp - sixteen
    tss2_createnv -p /nv/Owner/counter -t noda,counter -a ''
    tss2_nvincrement -p /nv/Owner/counter
    before=$((16#$(tss2_nvread -p /nv/Owner/counter -o - | hex)))
    tss2_nvincrement -p /nv/Owner/counter
    test $((16#$(tss2_nvread -p /nv/Owner/counter -o - | hex))) = $((before + 1))
    tss2_createnv -p /nv/Owner/bits -t noda,bitfield -a ''
    tss2_nvsetbits -p /nv/Owner/bits -i 0x0102
    test $(tss2_nvread -p /nv/Owner/bits -o - | hex) = 0000000000000102
    tss2_createnv -p /nv/Owner/extended -t noda,pcr -a ''
    tss2_nvextend -p /nv/Owner/extended -i message
    (head -c 32 /dev/zero; cat message) | openssl dgst -sha256 -binary > expected
    tss2_nvread -p /nv/Owner/extended -o extended -l extended.log
    cmp extended expected
    tss2_pcrextend -x 16 -i message
    (head -c 32 /dev/zero; cat digest) | openssl dgst -sha256 -binary > expected
    tss2_pcrread -x 16 -o pcr -l pcr.log
    cmp pcr expected
    tss2_createkey -p HS/SRK/quote -t sign,restricted,noda -a ''
    printf 0123456789 > nonce
    tss2_quote -x 16 -p HS/SRK/quote -Q nonce -o quote.sig -l quote.log -q quote.info
    tss2_verifyquote -k HS/SRK/quote -Q nonce -q quote.info -i quote.sig -l quote.log
    grep -q $(openssl dgst -sha256 -binary pcr | hex) quote.info
    printf 9876543210 > nonce
    refuse tss2_verifyquote -k HS/SRK/quote -Q nonce -q quote.info -i quote.sig -l quote.log
";

const POLICIES: &str = "
    check() { tss2_sign -p HS/SRK/$1 $padding -f -d digest -o signature -k public.pem
              openssl dgst -sha256 -verify public.pem -signature signature message; }
    tss2_pcrread -x 16 -o pcr
    pcr_policy $(hex < pcr) > policy.json
    tss2_import -p /policy/first -i policy.json
    tss2_createkey -p HS/SRK/bound -t sign,noda -P /policy/first -a ''
    check bound
    tss2_exportpolicy -p HS/SRK/bound -o exported.json
    grep -q $(hex < pcr) exported.json
    tss2_pcrextend -x 16 -i message
    refuse tss2_sign -p HS/SRK/bound -d digest -o refused

    printf '{\"description\":\"\",\"policy\":[{\"type\":\"POLICYAUTHORIZE\",\"policyRef\":[1,2,3],\"keyPath\":\"/HS/SRK/authority\"}]}' > policy.json
    tss2_createkey -p HS/SRK/authority -t sign,noda -a ''
    tss2_import -p /policy/authorized -i policy.json
    tss2_createkey -p HS/SRK/flexible -t sign,noda -P /policy/authorized -a ''
    tss2_pcrread -x 16 -f -o pcr
    pcr_policy $(hex < pcr) > policy.json
    tss2_import -p /policy/second -i policy.json
    refuse tss2_sign -p HS/SRK/flexible -d digest -o refused
    printf '\\1\\2\\3' > reference
    tss2_authorizepolicy -P /policy/second -p HS/SRK/authority --policyRef=reference
    check flexible

    printf '{\"description\":\"\",\"policy\":[{\"type\":\"POLICYAUTHORIZENV\",\"nvPath\":\"/nv/Owner/policy\"}]}' > policy.json
    tss2_createnv -p /nv/Owner/policy -t noda -s 34 -a ''
    tss2_import -p /policy/stored -i policy.json
    tss2_createkey -p HS/SRK/stored -t sign,noda -P /policy/stored -a ''
    tss2_writeauthorizenv -p /nv/Owner/policy -P /policy/second
    check stored
    tss2_pcrextend -x 16 -i message
    refuse tss2_sign -p HS/SRK/stored -d digest -o refused
    refuse tss2_sign -p HS/SRK/flexible -d digest -o refused
";

const PROFILES: [&str; 2] = ["P_ECCP256SHA256", "P_RSA2048SHA256"];

/// Writes the settings: a key store of this server alone, and no certificate of a maker.
fn configure(server: &Server, way: Way, profile: &str) {
    let work = server.work();
    for folder in ["user", "system", "log"] {
        fs::create_dir_all(work.join(folder)).expect("a folder");
    }
    let settings = format!(
        r#"{{"profile_name":"{profile}","profile_dir":"/etc/tpm2-tss/fapi-profiles/","user_dir":"{work}/user","system_dir":"{work}/system",
             "tcti":"{}","system_pcrs":[],"log_dir":"{work}/log","ek_cert_less":"yes"}}"#,
        way.tcti(server),
        work = work.display()
    );
    server.write("fapi.json", settings.as_bytes());
}

fn each_profile(script: impl Fn(&str) -> String) {
    if !packaged(&["tpm2-tools"]) {
        return;
    }
    for (profile, way) in PROFILES.into_iter().zip(Way::TCP) {
        let server = Server::start("native");
        server.tpm2("startup -c");
        configure(&server, way, profile);
        let client = Client::new(&server, way);
        client.run(&[COMMON, "tss2_provision\n", &script(profile)].concat());
    }
}

#[test]
fn keys_sign_for_openssl_and_are_kept_with_their_data() {
    each_profile(|profile| [KEYS, if profile.contains("RSA") { RSA } else { "" }].concat());
}

#[test]
fn nv_pcrs_and_quotes_are_what_openssl_computes() {
    each_profile(|_| NV_AND_PCR.to_owned());
}

#[test]
fn policies_bind_keys_to_pcrs_to_an_authority_and_to_nv() {
    each_profile(|_| POLICIES.to_owned());
}

#[test]
fn provisioned_tpm_is_found_again_after_kill_9_reset_restart_and_resume() {
    if !packaged(&["tpm2-tools"]) {
        return;
    }
    let mut server = Server::start("native");
    server.tpm2("startup -c");
    configure(&server, Way::Swtpm, PROFILES[0]);
    let script = "tss2_provision
        tss2_createkey -p HS/SRK/key -t sign,noda -a ''
        tss2_createnv -p /nv/Owner/data -t noda -s 9 -a ''
        tss2_nvwrite -p /nv/Owner/data -i message";
    Client::new(&server, Way::Swtpm).run(&[COMMON, script].concat());
    for (shutdown, startup) in [
        ("", "startup -c"),
        ("shutdown -c", "startup -c"),
        ("shutdown", "startup -c"),
        ("shutdown", "startup"),
    ] {
        if !shutdown.is_empty() {
            server.tpm2(shutdown);
        }
        server.kill_and_restart();
        server.tpm2(startup);
        configure(&server, Way::Mssim, PROFILES[0]);
        let script = "tss2_sign -p HS/SRK/key -f -d digest -o signature -k public.pem
            openssl dgst -sha256 -verify public.pem -signature signature message
            tss2_nvread -p /nv/Owner/data -o - | cmp - message";
        Client::new(&server, Way::Mssim).run(&[COMMON, script].concat());
    }
    // Whoever owns the TPM anew cannot use what was there before.
    server.tpm2("clear -Q");
    Client::new(&server, Way::Mssim).refused(&[COMMON, "tss2_sign -p HS/SRK/key -d digest -o refused"].concat());
}

#[test]
fn every_tool_of_the_feature_api_is_used_here() {
    if !packaged(&["tpm2-tools"]) {
        return;
    }
    let used: BTreeSet<&str> = include_str!("clients_fapi.rs")
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with("tss2_"))
        .collect();
    let tools = programs_of("tpm2-tools", "tss2_");
    assert!(tools.len() > 30, "{tools:?}");
    let unused: Vec<&String> = tools
        .iter()
        .filter(|tool| !used.contains(format!("tss2_{tool}").as_str()))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}
