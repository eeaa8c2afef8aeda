//! IBM's TSS utilities, a second client stack, over MSSIM and swtpm's socket. OpenSSL and coreutils compute what there is to compute.
//!
//! The utilities number handles themselves, as a TPM that was just started does. They know three hash algorithms, so that they cannot read an answer
//! with a digest of each of the four banks (tsspcrevent, tsseventsequencecomplete): swtpm's answer is none for them either.

use cloister_tests::{
    clients::{Client, Way, packaged},
    server::Server,
};
use std::{collections::BTreeSet, process::Command};

/// What the scripts share: a storage key at 80000000, and a message.
const COMMON: &str = r"
    hex() { od -An -v -tx1 | tr -d ' \n'; }
    printf 'a message' > message
    tsscreateprimary -hi o -rsa -st -pwdk storage | has 'Handle 80000000'
";

/// Signing keys, and another password.
const SIGNATURES: &str = r"
    tsscreate -hp 80000000 -pwdp storage -si -rsa -kt f -kt p -pwdk key -opu rsa.pub -opr rsa.priv -opem rsa.pem > out
    tssload -hp 80000000 -pwdp storage -ipu rsa.pub -ipr rsa.priv | has 'Handle 80000001'
    tsssign -hk 80000001 -pwdk key -halg sha256 -rsa -if message -os signature > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify rsa.pem -signature plain message
    tssverifysignature -hk 80000001 -halg sha256 -if message -is signature -tk ticket > out
    tssverifysignature -ipem rsa.pem -halg sha256 -if message -is signature > out
    refuse tsssign -hk 80000001 -pwdk wrong -halg sha256 -rsa -if message -os signature > out
    has TPM_RC_BAD_AUTH < out
    tssflushcontext -ha 80000001
    tsscreate -hp 80000000 -pwdp storage -si -ecc nistp256 -kt f -kt p -pwdk key -opu ecc.pub -opr ecc.priv -opem ecc.pem > out
    tssload -hp 80000000 -pwdp storage -ipu ecc.pub -ipr ecc.priv > out
    tsssign -hk 80000001 -pwdk key -halg sha256 -ecc -if message -os signature > out
    tssverifysignature -ipem ecc.pem -ecc -halg sha256 -if message -is signature > out
    printf 'another' > other
    refuse tssverifysignature -ipem ecc.pem -ecc -halg sha256 -if other -is signature > out
    tssobjectchangeauth -hp 80000000 -pwdo key -ho 80000001 -pwdn new -opr new.priv > out
    tssflushcontext -ha 80000001
    tssload -hp 80000000 -pwdp storage -ipu ecc.pub -ipr new.priv > out
    tsssign -hk 80000001 -pwdk new -halg sha256 -ecc -if message -os signature > out
";

/// A salted session hides sealed data; contexts go out and in.
const SESSIONS: &str = r"
    tssstartauthsession -se h -hs 80000000 -sym aes | has 'Handle 02000000'
    tssgetrandom -by 20 -se0 02000000 41 > out
    tsscreate -hp 80000000 -pwdp storage -bl -if message -kt f -kt p -pwdk pin -opu seal.pub -opr seal.priv -se0 02000000 61 > out
    tssload -hp 80000000 -pwdp storage -ipu seal.pub -ipr seal.priv -se0 02000000 61 | has 'Handle 80000001'
    tssunseal -ha 80000001 -pwd pin -of opened -se0 02000000 41 > out
    cmp opened message
    tsscontextsave -ha 80000001 -of saved > out
    tssflushcontext -ha 80000001
    tsscontextload -if saved | has 'Handle 80000001'
    tssunseal -ha 80000001 -pwd pin -of opened -se0 02000000 40 > out
    cmp opened message
    tssflushcontext -ha 80000001
";

/// Keys from outside, and those that encrypt; HMACs and hashes in one go and in a sequence.
const KEYS: &str = r"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out outside.key
    openssl rsa -in outside.key -traditional -out outside.trad
    openssl pkey -in outside.key -pubout -out outside.pem
    tssimportpem -hp 80000000 -pwdp storage -ipem outside.trad -pwdk key -opu out.pub -opr out.priv > out
    tssload -hp 80000000 -pwdp storage -ipu out.pub -ipr out.priv > out
    tsssign -hk 80000001 -pwdk key -halg sha256 -rsa -if message -os signature > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify outside.pem -signature plain message
    tssflushcontext -ha 80000001
    tssloadexternal -ipem outside.pem > out
    tssverifysignature -hk 80000001 -halg sha256 -if message -is signature > out
    tssflushcontext -ha 80000001
    tsscreate -hp 80000000 -pwdp storage -den -kt f -kt p -opu den.pub -opr den.priv -opem den.pem > out
    tssload -hp 80000000 -pwdp storage -ipu den.pub -ipr den.priv > out
    openssl pkeyutl -encrypt -pubin -inkey den.pem -in message -out cipher
    tssrsadecrypt -hk 80000001 -ie cipher -od plain > out
    # Without a scheme, what OpenSSL padded comes out whole.
    tail -c 9 plain | cmp - message
    tssflushcontext -ha 80000001
    tsscreate -hp 80000000 -pwdp storage -des -kt f -kt p -opu des.pub -opr des.priv > out
    tssload -hp 80000000 -pwdp storage -ipu des.pub -ipr des.priv > out
    tssencryptdecrypt -hk 80000001 -if message -of cipher > out
    tssencryptdecrypt -2 -hk 80000001 -d -if cipher -of plain > out
    cmp plain message
    tssflushcontext -ha 80000001
    tsshash -hi n -halg sha384 -if message -oh digest > out
    openssl dgst -sha384 -binary message | cmp - digest
    tsscreate -hp 80000000 -pwdp storage -kh -kt f -kt p -opu kh.pub -opr kh.priv > out
    tssload -hp 80000000 -pwdp storage -ipu kh.pub -ipr kh.priv > out
    tsshmac -hk 80000001 -if message -os mac1 > out
    tsshmacstart -hk 80000001 -pwda seq > out
    tsssequenceupdate -hs 80000002 -pwds seq -if message > out
    tsssequencecomplete -hs 80000002 -pwds seq -of mac2 > out
    cmp mac1 mac2
    tssflushcontext -ha 80000001
    tsshashsequencestart -halg sha256 -pwda seq > out
    tsssequenceupdate -hs 80000001 -pwds seq -if message > out
    tsssequencecomplete -hs 80000001 -pwds seq -of digest > out
    openssl dgst -sha256 -binary message | cmp - digest
";

/// A key goes to another parent, and from there to a third.
const MOVES: &str = r"
    tsscreateprimary -hi n -rsa -st > out
    tssstartauthsession -se t > out
    tsspolicycommandcode -ha 03000000 -cc 14b > out
    tsspolicygetdigest -ha 03000000 -of policy > out
    tssflushcontext -ha 03000000
    tsscreate -hp 80000000 -pwdp storage -si -rsa -kt nf -kt np -pol policy -opu moving.pub -opr moving.priv -opem moving.pem > out
    tssload -hp 80000000 -pwdp storage -ipu moving.pub -ipr moving.priv | has 80000002
    tssstartauthsession -se p > out
    tsspolicycommandcode -ha 03000000 -cc 14b > out
    tssduplicate -ho 80000002 -hp 80000001 -od moved.dup -oss moved.seed -se0 03000000 0 > out
    tssflushcontext -ha 80000002
    tssimport -hp 80000001 -ipu moving.pub -id moved.dup -iss moved.seed -opr moved.priv > out
    tssload -hp 80000001 -ipu moving.pub -ipr moved.priv > out
    tsssign -hk 80000002 -halg sha256 -rsa -if message -os signature > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify moving.pem -signature plain message
    tssflushcontext -ha 80000002
    (printf '\0\13'; tail -c +3 moving.pub | openssl dgst -sha256 -binary) > moving.name
    tssrewrap -ho 80000001 -hn 80000000 -id moved.dup -in moving.name -iss moved.seed -od again.dup -oss again.seed > out
    tssimport -hp 80000000 -pwdp storage -ipu moving.pub -id again.dup -iss again.seed -opr again.priv > out
    tssload -hp 80000000 -pwdp storage -ipu moving.pub -ipr again.priv > out
    tsssign -hk 80000002 -halg sha256 -rsa -if message -os signature > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify moving.pem -signature plain message
";

/// Curves, and what they are for.
const CURVES: &str = r"
    tsseccparameters -cv nistp256 -of curve > out
    hex < curve | has 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296
    tssecephemeral -ecc nistp256 -oq point > out
    tsscreate -hp 80000000 -pwdp storage -dau -ecc nistp256 -kt f -kt p -opu daa.pub -opr daa.priv > out
    tssload -hp 80000000 -pwdp storage -ipu daa.pub -ipr daa.priv > out
    tsscommit -hk 80000001 -Ef e.point > out
    tssflushcontext -ha 80000001
    tsscreateloaded -hp 80000000 -pwdp storage -si -ecc nistp256 -kt f -kt p -pwdk key | has 80000001
    tsssign -hk 80000001 -pwdk key -halg sha256 -ecc -if message -os signature > out
    tssflushcontext -ha 80000001
";

/// NV indices of every kind, and one with a count of wrong guesses.
const NV: &str = r"
    tssnvdefinespace -hi o -ha 01500001 -pwdn index -sz 16 +at wst +at rst > out
    printf 'sixteen bytes  !' > sixteen
    tssnvwrite -ha 01500001 -pwdn index -if sixteen > out
    tssnvread -ha 01500001 -pwdn index -sz 16 -of read > out
    cmp read sixteen
    refuse tssnvread -ha 01500001 -pwdn wrong -sz 16 > out
    tssnvreadpublic -ha 01500001 > out
    tssnvwritelock -ha 01500001 -pwdn index > out
    refuse tssnvwrite -ha 01500001 -pwdn index -if sixteen > out
    tssnvundefinespace -hi o -ha 01500001 > out
    tssnvdefinespace -hi o -ha 01500002 -pwdn index -ty c > out
    tssnvincrement -ha 01500002 -pwdn index > out
    tssnvread -ha 01500002 -pwdn index -sz 8 -of first > out
    tssnvincrement -ha 01500002 -pwdn index > out
    tssnvread -ha 01500002 -pwdn index -sz 8 -of second > out
    test $((16#$(hex < second))) = $((16#$(hex < first) + 1))
    tssnvdefinespace -hi o -ha 01500003 -pwdn index -ty b > out
    tssnvsetbits -ha 01500003 -pwdn index -bit 3 > out
    tssnvread -ha 01500003 -pwdn index -sz 8 -of bits > out
    test $(hex < bits) = 0000000000000008
    tssnvdefinespace -hi o -ha 01500004 -pwdn index -ty e > out
    tssnvextend -ha 01500004 -pwdn index -if message > out
    tssnvread -ha 01500004 -pwdn index -sz 32 -of extended > out
    (head -c 32 /dev/zero; cat message) | openssl dgst -sha256 -binary | cmp - extended
    for index in 01500002 01500003 01500004; do tssnvundefinespace -hi o -ha $index > out; done
    tssnvdefinespace -hi o -hia o -ha 01500005 -pwdn pin -ty f -sz 8 > out
    tssnvwrite -hia o -ha 01500005 -id 0 2 > out
    refuse tssnvread -ha 01500005 -pwdn wrong -sz 8 > out
    refuse tssnvread -ha 01500005 -pwdn wrong -sz 8 > out
    refuse tssnvread -ha 01500005 -pwdn pin -sz 8 > out
    tssnvundefinespace -hi o -ha 01500005 > out
";

/// PCRs and everything that an attestation key signs.
const ATTESTATION: &str = r#"
    tsspcrreset -ha 16
    tsspcrextend -ha 16 -halg sha256 -if message > out
    tsspcrread -ha 16 -halg sha256 -of pcr > out
    (head -c 32 /dev/zero; cat message; head -c 23 /dev/zero) | openssl dgst -sha256 -binary | cmp - pcr
    tsscreate -hp 80000000 -pwdp storage -sir -rsa -kt f -kt p -pwdk key -opu ak.pub -opr ak.priv -opem ak.pem > out
    tssload -hp 80000000 -pwdp storage -ipu ak.pub -ipr ak.priv > out
    tssquote -hp 16 -hk 80000001 -pwdk key -halg sha256 -palg sha256 -os signature -oa quoted > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify ak.pem -signature plain quoted
    test "$(tail -c 32 quoted | hex)" = $(openssl dgst -sha256 -binary pcr | hex)
    tssgettime -hk 80000001 -pwdk key -os signature -oa attested > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify ak.pem -signature plain attested
    tsscreate -hp 80000000 -pwdp storage -si -ecc nistp256 -kt f -kt p -opu k.pub -opr k.priv -tk ticket -ch hash > out
    tssload -hp 80000000 -pwdp storage -ipu k.pub -ipr k.priv > out
    tsscertify -ho 80000002 -hk 80000001 -pwdk key -os signature -oa attested > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify ak.pem -signature plain attested
    tsscertifycreation -ho 80000002 -hk 80000001 -pwdk key -tk ticket -ch hash -os signature -oa attested > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify ak.pem -signature plain attested
    tssflushcontext -ha 80000002
    tssflushcontext -ha 80000001
"#;

/// Audit digests of a session and of commands.
const AUDIT: &str = r"
    tsscreate -hp 80000000 -pwdp storage -sir -rsa -kt f -kt p -opu ak.pub -opr ak.priv -opem ak.pem > out
    tssload -hp 80000000 -pwdp storage -ipu ak.pub -ipr ak.priv > out
    tssstartauthsession -se h > out
    tssgetrandom -by 8 -se0 02000000 81 > out
    tssgetsessionauditdigest -hk 80000001 -hs 02000000 -os signature -oa attested > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify ak.pem -signature plain attested
    tssflushcontext -ha 02000000
    tssgetcommandauditdigest -hk 80000001 -os signature -oa attested > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify ak.pem -signature plain attested
    tssflushcontext -ha 80000001
";

/// PCRs in a policy.
const POLICIES: &str = r"
    tsspcrread -ha 16 -halg sha256 -ns > pcr.txt
    tsspolicymakerpcr -halg sha256 -bm 010000 -if pcr.txt -pr > pcrline.txt
    tsspolicymaker -halg sha256 -if pcrline.txt -of policy > out
    tssstartauthsession -se t > out
    tsspolicypcr -ha 03000000 -halg sha256 -bm 010000 > out
    tsspolicygetdigest -ha 03000000 -of digest > out
    cmp policy digest
    tssflushcontext -ha 03000000
    tsscreate -hp 80000000 -pwdp storage -bl -if message -kt f -kt p -pol digest -uwa -opu seal.pub -opr seal.priv > out
    tssload -hp 80000000 -pwdp storage -ipu seal.pub -ipr seal.priv > out
    tssstartauthsession -se p > out
    tsspolicypcr -ha 03000000 -halg sha256 -bm 010000 > out
    tssunseal -ha 80000001 -of opened -se0 03000000 1 > out
    cmp opened message
    tsspolicyrestart -ha 03000000
    refuse tssunseal -ha 80000001 -of opened -se0 03000000 0 > out
    tsspcrextend -ha 16 -halg sha256 -if message > out
    tsspolicypcr -ha 03000000 -halg sha256 -bm 010000 > out
    refuse tssunseal -ha 80000001 -of opened -se0 03000000 0 > out
    tssflushcontext -ha 03000000
    tssflushcontext -ha 80000001
";

/// Whoever has a private key, now or for a while.
const AUTHORITY: &str = r"
    openssl genrsa -aes128 -passout pass:rrrr -traditional -out authority.key 2048
    openssl rsa -in authority.key -passin pass:rrrr -pubout -out authority.pem
    tssloadexternal -hi o -ipem authority.pem -halg sha256 | has 80000001
    tssstartauthsession -se p -on nonce > out
    tsspolicysigned -hk 80000001 -ha 03000000 -in nonce -exp -200 -halg sha256 -sk authority.key -pwdk rrrr -tk signed.ticket -to signed.timeout > out
    tsspolicygetdigest -ha 03000000 -of policy > out
    tssflushcontext -ha 03000000
    tsscreate -hp 80000000 -pwdp storage -bl -if message -kt f -kt p -uwa -pol policy -opu seal.pub -opr seal.priv > out
    tssload -hp 80000000 -pwdp storage -ipu seal.pub -ipr seal.priv | has 80000002
    tssstartauthsession -se p > out
    tsspolicyticket -ha 03000000 -to signed.timeout -na h80000001.bin -tk signed.ticket > out
    tssflushcontext -ha 03000000
    tssstartauthsession -se p -on nonce > out
    tsspolicysigned -hk 80000001 -ha 03000000 -in nonce -halg sha256 -sk authority.key -pwdk rrrr > out
    tssunseal -ha 80000002 -of opened -se0 03000000 0 > out
    cmp opened message
    tssflushcontext -ha 80000002
    tssflushcontext -ha 80000001
";

/// Other policies.
const TRIALS: &str = r"
    tssnvdefinespace -hi o -ha 01500001 -pwdn index -sz 4 +at rst > out
    printf '\0\0\0\7' > seven
    tssnvwrite -ha 01500001 -pwdn index -if seven > out
    printf '\0\0\0\5' > five
    tssstartauthsession -se p > out
    tsspolicynv -ha 01500001 -pwda index -hs 03000000 -if five -op 3 > out
    refuse tsspolicynv -ha 01500001 -pwda index -hs 03000000 -if five -op 5 > out
    tsspolicyauthvalue -ha 03000000
    tsspolicypassword -ha 03000000
    tsspolicycountertimer -ha 03000000 -ic 0 -op 1 > out
    tsspolicysecret -ha 4000000a -hs 03000000 > out
    tssflushcontext -ha 03000000
    tssstartauthsession -se t > out
    tsspolicynvwritten -hs 03000000 -ws y > out
    tsspolicygetdigest -ha 03000000 -of first > out
    tsspolicyrestart -ha 03000000
    tsspolicycommandcode -ha 03000000 -cc 15e > out
    tsspolicygetdigest -ha 03000000 -of second > out
    tsspolicyor -ha 03000000 -if first -if second > out
    tsspolicygetdigest -ha 03000000 -of or > out
    (head -c 32 /dev/zero; printf '\0\0\1\161'; cat first second) | openssl dgst -sha256 -binary | cmp - or
    tssflushcontext -ha 03000000
    tssnvreadlock -ha 01500001 -pwdn index > out
    refuse tssnvread -ha 01500001 -pwdn index -sz 4 > out
    tssnvundefinespace -hi o -ha 01500001 > out
";

/// Bare RSA, a credential, and NV under a signature.
const CREDENTIALS: &str = r#"
    tsscreate -hp 80000000 -pwdp storage -den -kt f -kt p -opu den.pub -opr den.priv > out
    tssload -hp 80000000 -pwdp storage -ipu den.pub -ipr den.priv > out
    (head -c 247 /dev/zero; cat message) > raw
    tssrsaencrypt -hk 80000001 -id raw -oe cipher > out
    tssrsadecrypt -hk 80000001 -ie cipher -od plain > out
    cmp raw plain
    tssflushcontext -ha 80000001
    tsscreate -hp 80000000 -pwdp storage -sir -rsa -kt f -kt p -opu ak.pub -opr ak.priv -opem ak.pem > out
    tssload -hp 80000000 -pwdp storage -ipu ak.pub -ipr ak.priv > out
    (printf '\0\13'; tail -c +3 ak.pub | openssl dgst -sha256 -binary) > ak.name
    printf 'a credential' > credential
    tssmakecredential -ha 80000000 -icred credential -in ak.name -ocred blob -os secret > out
    tssactivatecredential -ha 80000001 -hk 80000000 -pwdk storage -icred blob -is secret -ocred recovered > out
    cmp recovered credential
    tssnvdefinespace -hi o -ha 01500001 -pwdn index -sz 9 > out
    tssnvwrite -ha 01500001 -pwdn index -if message > out
    tssnvcertify -ha 01500001 -pwdn index -hk 80000001 -sz 9 -os signature -oa attested > out
    tail -c 256 signature > plain
    openssl dgst -sha256 -verify ak.pem -signature plain attested
    test "$(tail -c 9 attested)" = "$(cat message)"
    tssflushcontext -ha 80000001
"#;

/// An index that only its policy takes away, and one that gets another password.
const NV_POLICIES: &str = r"
    tssstartauthsession -se t > out
    tsspolicycommandcode -ha 03000000 -cc 11f > out
    tsspolicygetdigest -ha 03000000 -of policy > out
    tssflushcontext -ha 03000000
    tssnvdefinespace -hi p -ha 01500002 -pwdn index -sz 9 +at pold -pol policy > out
    refuse tssnvundefinespace -hi p -ha 01500002 > out
    tssstartauthsession -se p > out
    tsspolicycommandcode -ha 03000000 -cc 11f > out
    tssnvundefinespacespecial -ha 01500002 -pwdn index -se0 03000000 0 -se1 40000009 0 > out
    refuse tssnvreadpublic -ha 01500002 > out
    tssstartauthsession -se t > out
    tsspolicycommandcode -ha 03000000 -cc 13b > out
    tsspolicyauthvalue -ha 03000000
    tsspolicygetdigest -ha 03000000 -of policy > out
    tssflushcontext -ha 03000000
    tssnvdefinespace -hi o -ha 01500003 -pwdn index -sz 9 -pol policy > out
    tssstartauthsession -se p > out
    tsspolicycommandcode -ha 03000000 -cc 13b > out
    tsspolicyauthvalue -ha 03000000
    tssnvchangeauth -ha 01500003 -pwdo index -pwdn new -se0 03000000 0 > out
    tssnvwrite -ha 01500003 -pwdn new -if message > out
    refuse tssnvwrite -ha 01500003 -pwdn index -if message > out
";

/// What an authority approved, by signature or in NV.
const APPROVED: &str = r"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out authority.key
    openssl pkey -in authority.key -pubout -out authority.pem
    tssloadexternal -hi o -ipem authority.pem > out
    tssstartauthsession -se t > out
    tsspolicycommandcode -ha 03000000 -cc 15e > out
    tsspolicygetdigest -ha 03000000 -of approved > out
    openssl dgst -sha256 -sign authority.key -out approved.sig approved
    tssverifysignature -hk 80000001 -halg sha256 -if approved -raw -is approved.sig -tk ticket > out
    tssreadpublic -ho 80000001 -opu authority.pub > out
    (printf '\0\13'; tail -c +3 authority.pub | openssl dgst -sha256 -binary) > authority.name
    tsspolicyauthorize -ha 03000000 -appr approved -skn authority.name -tk ticket > out
    tsspolicygetdigest -ha 03000000 -of policy > out
    tssflushcontext -ha 03000000
    tsscreate -hp 80000000 -pwdp storage -bl -if message -kt f -kt p -uwa -pol policy -opu seal.pub -opr seal.priv > out
    tssload -hp 80000000 -pwdp storage -ipu seal.pub -ipr seal.priv | has 80000002
    tssstartauthsession -se p > out
    tsspolicycommandcode -ha 03000000 -cc 15e > out
    tsspolicyauthorize -ha 03000000 -appr approved -skn authority.name -tk ticket > out
    tssunseal -ha 80000002 -of opened -se0 03000000 0 > out
    cmp opened message
    tssnvdefinespace -hi o -hia o -ha 01500004 -sz 34 > out
    (printf '\0\13'; cat approved) > approved.nv
    tssnvwrite -hia o -ha 01500004 -if approved.nv > out
    tssstartauthsession -se p > out
    refuse tsspolicyauthorizenv -hi o -ha 01500004 -hs 03000000 > out
    tsspolicycommandcode -ha 03000000 -cc 15e > out
    tsspolicyauthorizenv -hi o -ha 01500004 -hs 03000000 > out
    tsspolicygetdigest -ha 03000000 -of digest > out
    tssflushcontext -ha 03000000
";

/// The digests of two policies: Part 3, TPM2_PolicyCpHash and TPM2_PolicyTemplate.
const HASHES: &str = r"
    tssstartauthsession -se t > out
    openssl dgst -sha256 -binary message > hash
    tsspolicycphash -ha 03000000 -cp hash > out
    tsspolicygetdigest -ha 03000000 -of digest > out
    (head -c 32 /dev/zero; printf '\0\0\1\156'; cat hash) | openssl dgst -sha256 -binary | cmp - digest
    tsspolicyrestart -ha 03000000
    tsspolicytemplate -ha 03000000 -te hash > out
    tsspolicygetdigest -ha 03000000 -of digest > out
    (head -c 32 /dev/zero; printf '\0\0\1\220'; cat hash) | openssl dgst -sha256 -binary | cmp - digest
    tssflushcontext -ha 03000000
";

/// What is there after the next start.
const PERSISTENT: &str = r"
    tsshierarchychangeauth -hi o -pwdn owner > out
    refuse tsscreateprimary -hi o -ecc nistp256 -st > out
    tsshierarchychangeauth -hi o -pwda owner > out
    tssgetcapability -cap 1 -pr 80000000 > out
    has 80000000 < out
    tssreadclock > out
    tssevictcontrol -hi o -ho 80000000 -hp 81000001 > out
    tssreadpublic -ho 81000001 -opem storage.pem > out
    openssl pkey -pubin -in storage.pem -noout
    tssreturncode 9a2 | has TPM_RC_BAD_AUTH
";

/// Clock, dictionary attack logic and hierarchies.
const MANAGEMENT: &str = r"
    tssstirrandom -if message > out
    tssdictionaryattackparameters -nmt 7 -nrt 60 -lr 60 > out
    tssdictionaryattacklockreset > out
    tssclockset -hi o -time 90000000 > out
    refuse tssclockset -hi o -time 5 > out
    tssclockrateadjust -hi o > out
    head -c 32 /dev/zero > policy
    tsssetprimarypolicy -hi o -pol policy -halg sha256 > out
    tsshierarchycontrol -hi o -he o -state 0 > out
    refuse tsscreateprimary -hi o -ecc nistp256 -st > out
    tsshierarchycontrol -hi p -he o -state 1 > out
    tssnvglobalwritelock -hia o > out
    tssclearcontrol -hi l -state 1 > out
    refuse tssclear -hi l > out
    tssclearcontrol -hi p -state 0 > out
    tssclear -hi l > out
    tsschangeeps > out
    tsschangepps > out
";

/// Says where the utilities find the TPM; they keep what they know of handles in the server's folder.
fn utilities(server: &Server, way: Way) -> Client<'_> {
    let (kind, port) = match way {
        Way::Mssim => ("mssim", server.port()),
        // Bare commands.
        Way::Swtpm | Way::SwtpmFile => ("raw", server.swtpm_port()),
    };
    Client::new(server, way)
        .with("TPM_INTERFACE_TYPE", "socsim")
        .with("TPM_SERVER_TYPE", kind)
        .with("TPM_SERVER_NAME", "127.0.0.1")
        .with("TPM_COMMAND_PORT", port.to_string())
        .with("TPM_PLATFORM_PORT", (server.port() + 1).to_string())
        .with("TPM_DATA_DIR", ".")
        // A session's state in a file is for the next utility, which has another key for it.
        .with("TPM_ENCRYPT_SESSIONS", "0")
}

fn each_way(scripts: &[&str]) {
    if !packaged(&["tss2"]) {
        return;
    }
    for way in Way::TCP {
        for script in scripts {
            let server = Server::start("native");
            let client = utilities(&server, way);
            client.run(&["tssstartup\n", COMMON, script].concat());
        }
    }
}

#[test]
fn keys_sign_encrypt_and_move_as_openssl_agrees() {
    each_way(&[SIGNATURES, SESSIONS, KEYS, MOVES, CURVES]);
}

#[test]
fn nv_pcrs_and_attestations_are_what_openssl_computes() {
    each_way(&[NV, NV_POLICIES, ATTESTATION, CREDENTIALS, AUDIT]);
}

#[test]
fn policies_open_what_they_should() {
    each_way(&[POLICIES, AUTHORITY, APPROVED, HASHES, TRIALS]);
}

#[test]
fn management_changes_what_it_says() {
    each_way(&[MANAGEMENT]);
}

#[test]
fn persistent_key_is_there_after_kill_9_and_every_kind_of_start() {
    if !packaged(&["tss2"]) {
        return;
    }
    let mut server = Server::start("native");
    utilities(&server, Way::Mssim).run(&["tssstartup\n", COMMON, PERSISTENT].concat());
    let same = "tssreadpublic -ho 81000001 -opem again.pem
                cmp again.pem storage.pem";
    server.kill_and_restart();
    utilities(&server, Way::Swtpm).run(&["tssstartup\n", same].concat());
    for (shutdown, startup) in [("-c", "-c"), ("-s", "-c"), ("-s", "-s")] {
        let client = utilities(&server, Way::Mssim);
        // The utility for the platform port cuts the power.
        client.run(&format!(
            "tssshutdown {shutdown}\n tsspowerup\n tssstartup {startup}\n {same}"
        ));
    }
}

/// Utilities that no script uses, and why.
const UNUSED: [(&str, &str); 12] = [
    (
        "tsscreateek",
        "reads the certificate of a maker, which there is none of",
    ),
    (
        "tsseventextend",
        "sends what tsspcrextend sends, from an event log of a machine",
    ),
    ("tsseventsequencecomplete", "knows no answer of four banks"),
    (
        "tssimaextend",
        "sends what tsspcrextend sends, from the log of a kernel",
    ),
    ("tssntc2getconfig", "a command of one maker"),
    ("tssntc2lockconfig", "a command of one maker"),
    ("tssntc2preconfig", "a command of one maker"),
    ("tsspcrallocate", "knows two banks only"),
    ("tsspcrevent", "knows no answer of four banks"),
    ("tsssignapp", "an example that reads the certificate of a maker"),
    ("tsstimepacket", "measures time"),
    ("tsswriteapp", "an example that reads the certificate of a maker"),
];

#[test]
fn every_utility_is_used_here_or_cannot_be() {
    if !packaged(&["tss2"]) {
        return;
    }
    let source = include_str!("clients_ibm_tss.rs");
    let source = source.split_once("UNUSED").map_or("", |(scripts, _)| scripts);
    let used: BTreeSet<&str> = source
        .split(|character: char| !character.is_ascii_alphanumeric())
        .collect();
    let list = Command::new("dpkg")
        .args(["--listfiles", "tss2"])
        .output()
        .expect("dpkg");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let utilities: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("/usr/bin/")).collect();
    assert!(utilities.len() > 90, "{utilities:?}");
    let known = |name: &&str| used.contains(*name) || UNUSED.iter().any(|(unused, _)| unused == name);
    let unknown: Vec<&&str> = utilities.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
