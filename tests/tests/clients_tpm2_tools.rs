//! Every program of tpm2-tools, over each way to the server. Where there is something to compute, OpenSSL computes it too.
//!
//! There is no resource manager: an object that a tool loads stays loaded, so the scripts flush what is left after each tool.

use cloister_tests::{
    clients::{Client, Way, long, packaged, programs_of},
    server::Server,
};
use std::collections::BTreeSet;

/// What the scripts share: a storage key at 0x81000001, and a message.
const COMMON: &str = r#"
    hex() { od -An -v -tx1 | tr -d ' \n'; }
    tpm2() { local code=0; command tpm2 "$@" || code=$?; command tpm2 flushcontext -t; return $code; }
    printf 'a message' > message
    tpm2 startup -c
    tpm2 createprimary -Q -C o -G ecc256 -c primary.ctx
    tpm2 evictcontrol -Q -C o -c primary.ctx 0x81000001
"#;

/// Signatures of every kind, and a key file of OpenSSL's provider.
const SIGNATURES: &str = r#"
    for kind in rsa2048:rsassa rsa2048:rsapss ecc256:ecdsa ecc384:ecdsa; do
      tpm2 create -Q -C 0x81000001 -G ${kind%:*} -u key.pub -r key.priv
      tpm2 load -Q -C 0x81000001 -u key.pub -r key.priv -c key.ctx
      tpm2 readpublic -Q -c key.ctx -f pem -o key.pem
      tpm2 print -t TPM2B_PUBLIC key.pub | has attributes
      tpm2 sign -Q -c key.ctx -g sha256 -s ${kind#*:} -f plain -o signature message
      pss=; test ${kind#*:} = rsapss && pss="-sigopt rsa_padding_mode:pss"
      openssl dgst -sha256 $pss -verify key.pem -signature signature message
      tpm2 verifysignature -Q -c key.ctx -g sha256 -m message -f ${kind#*:} -s signature
      tpm2 loadexternal -Q -C n -G $(echo ${kind%:*} | tr -d 0-9) -u key.pem -c outside.ctx
      tpm2 verifysignature -Q -c outside.ctx -g sha256 -m message -f ${kind#*:} -s signature
    done
    tpm2 create -Q -C 0x81000001 -G ecc256 -u key.pub -r key.priv
    tpm2 encodeobject -Q -C 0x81000001 -u key.pub -r key.priv -o key.tss
    has 'BEGIN TSS2 PRIVATE KEY' < key.tss
"#;

/// RSA encryption, and secrets agreed on curves.
const EXCHANGES: &str = r"
    tpm2 create -Q -C 0x81000001 -G rsa2048 -c rsa.ctx
    tpm2 readpublic -Q -c rsa.ctx -f pem -o rsa.pem
    tpm2 rsaencrypt -Q -c rsa.ctx -s oaep -o cipher message
    tpm2 rsadecrypt -Q -c rsa.ctx -s oaep -o plain cipher
    cmp message plain
    openssl pkeyutl -encrypt -pubin -inkey rsa.pem -in message -out cipher
    tpm2 rsadecrypt -Q -c rsa.ctx -s rsaes -o plain cipher
    cmp message plain
    tpm2 create -Q -C 0x81000001 -G ecc256 -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt' -c ecdh.ctx
    tpm2 ecdhkeygen -Q -u public.point -o secret.point -c ecdh.ctx
    tpm2 ecdhzgen -Q -u public.point -o recovered.point -c ecdh.ctx
    cmp secret.point recovered.point
    tpm2 geteccparameters -Q ecc256 -o curve
    hex < curve | has 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296
    # The first phase of an exchange in two is the same as that of one.
    tpm2 create -Q -C 0x81000001 -G ecc256:ecdh -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt' -c two.ctx
    tpm2 ecephemeral -Q -u eph.point -t eph.counter ecc256
    tpm2 zgen2phase -Q -c two.ctx --static-public public.point --ephemeral-public public.point -t 0x$(hex < eph.counter) --output-Z1 z1 --output-Z2 z2
    tpm2 ecdhzgen -Q -u public.point -o z -c two.ctx
    cmp z z1
    # An anonymous signature begins.
    tpm2 create -Q -C 0x81000001 -G ecc256:ecdaa -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' -c daa.ctx
    tpm2 commit -Q -c daa.ctx -t commit.counter -u commit.point --eccpoint-K k.point --eccpoint-L l.point
";

/// Symmetric keys, hashes and HMACs, made inside and brought in.
const SYMMETRIC: &str = r"
    tpm2 create -Q -C 0x81000001 -G aes128cfb -c aes.ctx
    tpm2 getrandom 16 -o iv
    tpm2 encryptdecrypt -Q -c aes.ctx -t iv -o cipher message
    refuse cmp cipher message
    tpm2 encryptdecrypt -Q -d -c aes.ctx -t iv -o plain cipher
    cmp plain message
    head -c 16 /dev/urandom > aes.raw
    tpm2 import -Q -C 0x81000001 -G aes -i aes.raw -u aes.pub -r aes.priv
    tpm2 load -Q -C 0x81000001 -u aes.pub -r aes.priv -c aes.ctx
    tpm2 encryptdecrypt -Q -c aes.ctx -t iv -G cfb -o cipher message
    openssl enc -d -aes-128-cfb -K $(hex < aes.raw) -iv $(hex < iv) -in cipher | cmp - message
    printf 'a secret of thirty-two bytes...!' > hmac.raw
    tpm2 import -Q -C 0x81000001 -G hmac -i hmac.raw -u hmac.pub -r hmac.priv
    tpm2 load -Q -C 0x81000001 -u hmac.pub -r hmac.priv -c hmac.ctx
    tpm2 hmac -c hmac.ctx -g sha256 -o mac message
    openssl dgst -sha256 -mac HMAC -macopt hexkey:$(hex < hmac.raw) -binary message | cmp - mac
    tpm2 hash -g sha384 -C n -o digest -t ticket message
    openssl dgst -sha384 -binary message | cmp - digest
    head -c 5000 /dev/urandom > long
    tpm2 hash -g sha1 -C n -o digest long
    openssl dgst -sha1 -binary long | cmp - digest
    tpm2 hmac -Q -c hmac.ctx -g sha256 -o mac long
    openssl dgst -sha256 -mac HMAC -macopt hexkey:$(hex < hmac.raw) -binary long | cmp - mac
    tpm2 testparms aes128cfb
    tpm2 testparms rsa2048:rsassa-sha256
    refuse tpm2 testparms camellia128cfb
";

/// Keys that come from outside, go to another parent, or get another password; sealed data.
const MOVES: &str = r"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
    openssl pkey -in rsa.key -pubout -out rsa.pem
    tpm2 import -Q -C 0x81000001 -G rsa -i rsa.key -u rsa.pub -r rsa.priv
    tpm2 load -Q -C 0x81000001 -u rsa.pub -r rsa.priv -c rsa.ctx
    tpm2 sign -Q -c rsa.ctx -g sha256 -s rsassa -f plain -o signature message
    openssl dgst -sha256 -verify rsa.pem -signature signature message
    tpm2 createprimary -Q -C n -G rsa2048 -c other.ctx
    tpm2 readpublic -Q -c other.ctx -o other.pub -n other.name
    tpm2 startauthsession -S session.ctx
    tpm2 policycommandcode -Q -S session.ctx -L dup.policy TPM2_CC_Duplicate
    tpm2 flushcontext session.ctx
    tpm2 create -Q -C 0x81000001 -G ecc256 -a 'sensitivedataorigin|userwithauth|sign' -L dup.policy -u moving.pub -r moving.priv -c moving.ctx
    tpm2 readpublic -Q -c moving.ctx -n moving.name -f pem -o moving.pem
    tpm2 startauthsession --policy-session -S session.ctx
    tpm2 policycommandcode -Q -S session.ctx TPM2_CC_Duplicate
    tpm2 duplicate -Q -C other.ctx -c moving.ctx -G null -p session:session.ctx -r moved.dup -s moved.seed
    tpm2 flushcontext session.ctx
    tpm2 import -Q -C other.ctx -u moving.pub -r moved.priv -i moved.dup -s moved.seed -L dup.policy
    tpm2 load -Q -C other.ctx -u moving.pub -r moved.priv -c moved.ctx
    tpm2 sign -Q -c moved.ctx -g sha256 -f plain -o signature message
    openssl dgst -sha256 -verify moving.pem -signature signature message
    # The policy that names the new parent.
    tpm2 startauthsession -S session.ctx
    tpm2 policyduplicationselect -Q -S session.ctx -N other.name -L select.policy
    tpm2 flushcontext session.ctx
    tpm2 create -Q -C 0x81000001 -G ecc256 -a 'sensitivedataorigin|userwithauth|sign' -L select.policy -u moving.pub -r moving.priv -c moving.ctx
    tpm2 readpublic -Q -c moving.ctx -n moving.name -f pem -o moving.pem
    tpm2 startauthsession --policy-session -S session.ctx
    tpm2 policyduplicationselect -Q -S session.ctx -n moving.name -N other.name
    tpm2 duplicate -Q -C other.ctx -c moving.ctx -G null -p session:session.ctx -r moved.dup -s moved.seed
    tpm2 flushcontext session.ctx
    # Another password.
    tpm2 create -Q -C 0x81000001 -G ecc256 -u key.pub -r key.priv -c key.ctx
    tpm2 changeauth -Q -c key.ctx -C 0x81000001 -r new.priv new
    tpm2 load -Q -C 0x81000001 -u key.pub -r new.priv -c key.ctx
    refuse tpm2 sign -Q -c key.ctx -o signature message
    tpm2 sign -Q -c key.ctx -p new -o signature message
    tpm2 create -Q -C 0x81000001 -i message -u seal.pub -r seal.priv -p pin
    tpm2 load -Q -C 0x81000001 -u seal.pub -r seal.priv -c seal.ctx
    tpm2 unseal -c seal.ctx -p pin | cmp - message
    refuse tpm2 unseal -c seal.ctx -p pon
";

/// Credentials and everything that an attestation key signs.
const ATTESTATION: &str = r#"
    tpm2 createek -Q -c 0x81010001 -G rsa -u ek.pub
    tpm2 createak -Q -C 0x81010001 -c ak.ctx -G rsa -g sha256 -s rsassa -u ak.pem -f pem -n ak.name
    tpm2 readpublic -Q -c 0x81010001 -f tss -o ek.pub
    printf 12345678 > secret
    tpm2 makecredential -Q -u ek.pub -s secret -n $(hex < ak.name) -o credential
    tpm2 startauthsession --policy-session -S session.ctx
    tpm2 policysecret -Q -S session.ctx -c e
    tpm2 activatecredential -Q -c ak.ctx -C 0x81010001 -i credential -o recovered -P session:session.ctx
    cmp recovered secret
    tpm2 flushcontext session.ctx
    tpm2 pcrextend 16:sha256=$(openssl dgst -sha256 -binary message | hex)
    tpm2 quote -Q -c ak.ctx -l sha256:0,16 -q 00112233 -m quote.msg -s quote.sig -f plain -o quote.pcrs -g sha256
    openssl dgst -sha256 -verify ak.pem -signature quote.sig quote.msg
    tpm2 quote -Q -c ak.ctx -l sha256:0,16 -q 00112233 -m quote.msg -s quote.sig -o quote.pcrs -g sha256
    tpm2 checkquote -Q -u ak.pem -m quote.msg -s quote.sig -f quote.pcrs -g sha256 -q 00112233
    refuse tpm2 checkquote -Q -u ak.pem -m quote.msg -s quote.sig -f quote.pcrs -g sha256 -q 00112234
    tpm2 print -t TPMS_ATTEST quote.msg | has 00112233
    tpm2 create -Q -C 0x81000001 -G ecc256 -u key.pub -r key.priv -d creation.hash -t creation.ticket
    tpm2 load -Q -C 0x81000001 -u key.pub -r key.priv -c key.ctx
    tpm2 certify -Q -c key.ctx -C ak.ctx -g sha256 -o certify.msg -s certify.sig -f plain
    openssl dgst -sha256 -verify ak.pem -signature certify.sig certify.msg
    tpm2 readpublic -Q -c key.ctx -n key.name
    hex < certify.msg | has "$(hex < key.name)"
    tpm2 certifycreation -Q -C ak.ctx -c key.ctx -d creation.hash -t creation.ticket -g sha256 -s rsassa -f plain \
        -o creation.sig --attestation creation.msg
    openssl dgst -sha256 -verify ak.pem -signature creation.sig creation.msg
    tpm2 gettime -Q -c ak.ctx -g sha256 -s rsassa -f plain -q 0badcafe -o time.sig --attestation time.msg
    openssl dgst -sha256 -verify ak.pem -signature time.sig time.msg
    hex < time.msg | has 0badcafe
    tpm2 nvdefine -Q 0x1500001 -C o -s 9
    tpm2 nvwrite -Q 0x1500001 -C o -i message
    tpm2 nvcertify -Q -C ak.ctx -c o -g sha256 -s rsassa -f plain -o nv.sig --attestation nv.msg --size 9 0x1500001
    openssl dgst -sha256 -verify ak.pem -signature nv.sig nv.msg
    hex < nv.msg | has "$(hex < message)"
    tpm2 setcommandauditstatus -Q -C o -g sha256
    tpm2 setcommandauditstatus -Q -C o TPM2_CC_GetRandom
    tpm2 getrandom -o random 8
    tpm2 getcommandauditdigest -Q -P '' -c ak.ctx -g sha256 --scheme rsassa -f plain -s audit.sig -m audit.msg
    openssl dgst -sha256 -verify ak.pem -signature audit.sig audit.msg
    tpm2 setcommandauditstatus -Q -C o --clear-list TPM2_CC_GetRandom
    tpm2 startauthsession --audit-session -S audit.ctx
    tpm2 getrandom -o random -S audit.ctx 8
    tpm2 getsessionauditdigest -Q -c ak.ctx -g sha256 --scheme rsassa -f plain -s session.sig -m session.msg -S audit.ctx
    openssl dgst -sha256 -verify ak.pem -signature session.sig session.msg
    tpm2 flushcontext audit.ctx
"#;

/// What needs no TPM or only its NV: certificates and an event log.
const OFFLINE: &str = r#"
    tpm2 certifyX509certutil -o partial.der -d 365 -i 'C=US;O=Issuer;CN=ca' -s 'C=US;O=Subject;CN=leaf'
    openssl asn1parse -inform DER -in partial.der > parsed
    has Subject < parsed
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj /CN=maker -days 1 -outform DER -out ek.der
    tpm2 nvdefine -Q 0x1c00002 -C p -s $(wc -c < ek.der) -a 'ppread|ppwrite|ownerread|authread|no_da|platformcreate'
    tpm2 nvwrite -Q 0x1c00002 -C p -i ek.der
    # It is in NV, where the tool looks before it asks the maker.
    tpm2 getekcertificate -o got.der
    cmp got.der ek.der
    # A log of one event, in the format of the PC Client platform.
    tpm2 pcrreset 16
    { printf '\0\0\0\0\3\0\0\0'; head -c 20 /dev/zero; printf '\x21\0\0\0Spec ID Event03\0\0\0\0\0\0\2\0\2\1\0\0\0\x0b\0\x20\0\0'
      printf '\x10\0\0\0\5\0\0\0\1\0\0\0\x0b\0'; openssl dgst -sha256 -binary message; printf '\x09\0\0\0'; cat message; } > log
    tpm2 pcrevent -Q 16 message
    tpm2 pcrread -Q sha256:16 -o pcr
    tpm2 eventlog log | has "$(hex < pcr)"
"#;

/// A secret is sealed to `policy`, which a trial session computes; a real session opens it or does not.
const POLICY: &str = r#"
    seal() { tpm2 create -Q -C 0x81000001 -i message -L policy -a 'fixedtpm|fixedparent|noda' -u seal.pub -r seal.priv
             tpm2 load -Q -C 0x81000001 -u seal.pub -r seal.priv -c seal.ctx; }
    trial() { tpm2 startauthsession -S session.ctx
              "$@"
              tpm2 getpolicydigest -S session.ctx -o digest
              cmp digest policy
              tpm2 flushcontext session.ctx; }
    real() { tpm2 startauthsession --policy-session -S session.ctx; }
    opens() { tpm2 unseal -c seal.ctx -p session:session.ctx${1-} | cmp - message; tpm2 flushcontext session.ctx; }
    refused() { refuse tpm2 unseal -c seal.ctx -p session:session.ctx${1-} > refused; tpm2 flushcontext session.ctx; }
"#;

/// Policies of the TPM's own state.
const POLICIES: &str = r"
    # What is in PCRs.
    trial tpm2 policypcr -Q -S session.ctx -l sha256:16 -L policy
    tpm2 createpolicy -Q --policy-pcr -l sha256:16 -L created; cmp created policy; tpm2 flushcontext -l
    seal
    real; tpm2 policypcr -Q -S session.ctx -l sha256:16; opens
    real; refused
    real; tpm2 policypcr -Q -S session.ctx -l sha256:16; tpm2 policyrestart -Q -S session.ctx; refused
    # A password, hidden or not.
    trial tpm2 policyauthvalue -Q -S session.ctx -L policy
    cp policy authvalue
    tpm2 create -Q -C 0x81000001 -i message -L policy -p pin -a 'fixedtpm|fixedparent|noda' -u seal.pub -r seal.priv
    tpm2 load -Q -C 0x81000001 -u seal.pub -r seal.priv -c seal.ctx
    real; tpm2 policyauthvalue -Q -S session.ctx; opens +pin
    real; tpm2 policyauthvalue -Q -S session.ctx; refused +pon
    real; tpm2 policypassword -Q -S session.ctx; opens +pin
    trial tpm2 policypassword -Q -S session.ctx -L policy
    cmp policy authvalue
    # The command.
    trial tpm2 policycommandcode -Q -S session.ctx -L policy TPM2_CC_Unseal
    seal
    real; tpm2 policycommandcode -Q -S session.ctx TPM2_CC_Unseal; opens
    real; tpm2 policycommandcode -Q -S session.ctx TPM2_CC_Create; refused
    # Where the command comes from.
    trial tpm2 policylocality -Q -S session.ctx -L policy zero
    seal
    real; tpm2 policylocality -Q -S session.ctx zero; opens
    # Whoever knows another secret.
    trial tpm2 policysecret -Q -S session.ctx -c o -L policy
    seal
    real; tpm2 policysecret -Q -S session.ctx -c o; opens
    # One of several.
    trial tpm2 policypcr -Q -S session.ctx -l sha256:16 -L policy; cp policy first
    trial tpm2 policycommandcode -Q -S session.ctx -L policy TPM2_CC_Unseal; cp policy second
    trial tpm2 policyor -Q -S session.ctx -L policy -l sha256:first,second
    seal
    real; tpm2 policycommandcode -Q -S session.ctx TPM2_CC_Unseal; tpm2 policyor -Q -S session.ctx -l sha256:first,second; opens
    real; refuse tpm2 policyor -Q -S session.ctx -l sha256:first,second; tpm2 flushcontext session.ctx
";

/// Policies of an authority.
const AUTHORITIES: &str = r"
    # Whoever has the private key, now or for a while.
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out authority.key
    openssl pkey -in authority.key -pubout -out authority.pem
    tpm2 loadexternal -Q -C o -G rsa -u authority.pem -c authority.ctx -n authority.name
    tpm2 startauthsession --policy-session -S session.ctx
    tpm2 policysigned -Q -S session.ctx -c authority.ctx --raw-data signed.data
    openssl dgst -sha256 -sign authority.key -out signed.sig signed.data
    tpm2 policysigned -Q -S session.ctx -c authority.ctx -g sha256 -s signed.sig -f rsassa -L policy
    tpm2 flushcontext session.ctx
    seal
    real; tpm2 policysigned -Q -S session.ctx -c authority.ctx -g sha256 -s signed.sig -f rsassa; opens
    real; tpm2 policysigned -Q -S session.ctx -c authority.ctx -x -t -300 --raw-data signed.data
    openssl dgst -sha256 -sign authority.key -out ticket.sig signed.data
    tpm2 policysigned -Q -S session.ctx -c authority.ctx -x -t -300 -g sha256 -s ticket.sig -f rsassa --ticket signed.ticket --timeout signed.timeout
    opens
    real; tpm2 policyticket -Q -S session.ctx -n authority.name --ticket signed.ticket --timeout signed.timeout; opens
    # What an authority approved.
    trial tpm2 policypcr -Q -S session.ctx -l sha256:16 -L policy; cp policy approved
    trial tpm2 policyauthorize -Q -S session.ctx -i approved -n authority.name -L policy
    seal
    openssl dgst -sha256 -sign authority.key -out approved.sig approved
    tpm2 verifysignature -Q -c authority.ctx -g sha256 -m approved -s approved.sig -f rsassa -t approved.ticket
    real; tpm2 policypcr -Q -S session.ctx -l sha256:16
    tpm2 policyauthorize -Q -S session.ctx -i approved -n authority.name -t approved.ticket; opens
    real; tpm2 policypcr -Q -S session.ctx -l sha256:17
    refuse tpm2 policyauthorize -Q -S session.ctx -i approved -n authority.name -t approved.ticket; tpm2 flushcontext session.ctx
";

/// Policies of NV, time, and of what is done.
const STORED_POLICIES: &str = r"
    # What is in NV.
    printf '\0\0\0\7' > seven
    tpm2 nvdefine -Q 0x1500010 -C o -s 4 -a 'ownerread|ownerwrite|authread|authwrite'
    trial tpm2 policynvwritten -Q -S session.ctx -L policy c
    tpm2 nvwrite -Q 0x1500010 -C o -i seven
    printf '\0\0\0\5' > five
    trial tpm2 policynv -Q -S session.ctx -C o -i five -L policy 0x1500010 ugt
    seal
    real; tpm2 policynv -Q -S session.ctx -C o -i five 0x1500010 ugt; opens
    printf '\0\0\0\1' | tpm2 nvwrite -Q 0x1500010 -C o -i -
    real; refuse tpm2 policynv -Q -S session.ctx -C o -i five 0x1500010 ugt; tpm2 flushcontext session.ctx
    # The policy that is in NV.
    (printf '\0\13'; cat approved) > approved.nv
    tpm2 nvdefine -Q 0x1500011 -C o -s 34 -a 'ownerread|ownerwrite|authread|authwrite'
    tpm2 nvwrite -Q 0x1500011 -C o -i approved.nv
    trial tpm2 policyauthorizenv -Q -S session.ctx -C o -L policy 0x1500011
    seal
    real; tpm2 policypcr -Q -S session.ctx -l sha256:16; tpm2 policyauthorizenv -Q -S session.ctx -C o 0x1500011; opens
    real; refuse tpm2 policyauthorizenv -Q -S session.ctx -C o 0x1500011; tpm2 flushcontext session.ctx
    # The clock.
    trial tpm2 policycountertimer -Q -S session.ctx -L policy --ult clock=3600000
    seal
    real; tpm2 policycountertimer -Q -S session.ctx --ult clock=3600000; opens
    real; refuse tpm2 policycountertimer -Q -S session.ctx --ult clock=1; tpm2 flushcontext session.ctx
    # One command with its parameters, or its objects, or a template.
    tpm2 nvdefine -Q 0x1500012 -C o -s 4 -a 'ownerread|authread|policywrite|ownerwrite'
    tpm2 nvwrite -Q 0x1500012 -C o -i seven --cphash cp.hash
    trial tpm2 policycphash -Q -S session.ctx -L policy --cphash cp.hash
    tpm2 readpublic -Q -c 0x81000001 -n parent.name
    openssl dgst -sha256 -binary parent.name > name.hash
    trial tpm2 policynamehash -Q -S session.ctx -L policy -n name.hash
    openssl dgst -sha256 -binary message > template.hash
    trial tpm2 policytemplate -Q -S session.ctx -L policy --template-hash template.hash
";

/// NV indices of every kind, with their locks.
const NV: &str = r"
    printf 'sixteen bytes  !' > sixteen
    tpm2 nvdefine -Q 0x1500020 -C o -s 16 -p index -a 'no_da|authread|authwrite|ownerread|ownerwrite|read_stclear|write_stclear'
    tpm2 nvwrite -Q 0x1500020 -P index -i sixteen
    tpm2 nvread 0x1500020 -P index | cmp - sixteen
    tpm2 nvread 0x1500020 -C o -s 5 --offset 8 | has bytes
    refuse tpm2 nvread 0x1500020 -P wrong > refused
    tpm2 nvreadpublic 0x1500020 | has 'size: 16'
    tpm2 nvwritelock -Q 0x1500020 -C o
    refuse tpm2 nvwrite -Q 0x1500020 -C o -i sixteen
    tpm2 nvreadlock -Q 0x1500020 -C o
    refuse tpm2 nvread 0x1500020 -C o > refused
    tpm2 nvundefine -Q 0x1500020 -C o
    tpm2 nvdefine -Q 0x1500021 -C o -a 'nt=counter|ownerread|ownerwrite'
    tpm2 nvincrement -Q 0x1500021 -C o
    first=$((16#$(tpm2 nvread 0x1500021 -C o | hex)))
    tpm2 nvincrement -Q 0x1500021 -C o
    test $((16#$(tpm2 nvread 0x1500021 -C o | hex))) = $((first + 1))
    tpm2 nvdefine -Q 0x1500022 -C o -a 'nt=bits|ownerread|ownerwrite'
    tpm2 nvsetbits -Q 0x1500022 -C o -i 0x8000000000000001
    test $(tpm2 nvread 0x1500022 -C o | hex) = 8000000000000001
    tpm2 nvdefine -Q 0x1500023 -C o -g sha256 -a 'nt=extend|ownerread|ownerwrite'
    tpm2 nvextend -Q 0x1500023 -C o -i message
    (head -c 32 /dev/zero; cat message) | openssl dgst -sha256 -binary > expected
    tpm2 nvread 0x1500023 -C o | cmp - expected
    for index in 0x1500021 0x1500022 0x1500023; do tpm2 nvundefine -Q $index -C o; done
";

/// PCRs.
const PCRS: &str = r"
    tpm2 pcrreset 16
    tpm2 pcrextend 16:sha256=$(openssl dgst -sha256 -binary message | hex)
    (head -c 32 /dev/zero; openssl dgst -sha256 -binary message) | openssl dgst -sha256 -binary > expected
    tpm2 pcrread -Q sha256:16 -o pcr; cmp pcr expected
    tpm2 pcrreset 16
    tpm2 pcrevent 16 message > event
    tpm2 pcrread -Q sha256:16 -o pcr; cmp pcr expected
    has sha384 < event
";

/// Self-tests, capabilities, clock and sessions.
const MANAGEMENT: &str = r"
    tpm2 selftest --fulltest
    tpm2 incrementalselftest sha256 aes
    tpm2 gettestresult
    tpm2 stirrandom message
    test $(tpm2 getrandom --hex 24 | tr -d '\n' | wc -c) = 48
    tpm2 getcap properties-fixed | has TPM2_PT_FAMILY_INDICATOR
    tpm2 getcap -l | has algorithms
    for list in algorithms commands pcrs properties-variable ecc-curves handles-persistent handles-permanent handles-pcr; do
        tpm2 getcap $list > list
        test -s list
    done
    tpm2 rc_decode 0x98e | has HMAC
    printf '\200\001\000\000\000\014\000\000\001\173\000\010' > command
    tpm2 send -o response < command
    test $(wc -c < response) = 20
    # clock
    tpm2 readclock | has 'clock:'
    tpm2 setclock -c o 36000000
    test $(tpm2 readclock | sed -n 's/^  clock: *//p') -ge 36000000
    refuse tpm2 setclock -c o 5
    tpm2 clockrateadjust -c o s
    tpm2 clockrateadjust -c o f
    # A session that hides what goes to and fro.
    tpm2 startauthsession --hmac-session -c 0x81000001 -S session.ctx
    tpm2 sessionconfig session.ctx --enable-encrypt --enable-decrypt
    test $(tpm2 getrandom -S session.ctx --hex 16 | tr -d '\n' | wc -c) = 32
    tpm2 flushcontext session.ctx
";

/// Passwords, policies and seeds of the hierarchies; the dictionary attack logic.
const HIERARCHIES: &str = r"
    tpm2 changeauth -Q -c o ownerauth
    refuse tpm2 createprimary -Q -C o -c x.ctx
    tpm2 createprimary -Q -C o -P ownerauth -c x.ctx
    tpm2 changeauth -Q -c o -p ownerauth
    tpm2 startauthsession -S session.ctx; tpm2 policycommandcode -Q -S session.ctx -L policy TPM2_CC_HierarchyChangeAuth; tpm2 flushcontext session.ctx
    tpm2 setprimarypolicy -Q -C o -g sha256 -L policy
    tpm2 startauthsession --policy-session -S session.ctx; tpm2 policycommandcode -Q -S session.ctx TPM2_CC_HierarchyChangeAuth
    tpm2 changeauth -Q -c o -p session:session.ctx bypolicy; tpm2 flushcontext session.ctx
    tpm2 changeauth -Q -c o -p bypolicy
    tpm2 hierarchycontrol -Q -C o shEnable clear
    refuse tpm2 createprimary -Q -C o -c x.ctx
    tpm2 hierarchycontrol -Q -C p shEnable set
    tpm2 createprimary -Q -C o -c x.ctx
    tpm2 dictionarylockout -Q -s -n 5 -t 60 -l 60
    tpm2 getcap properties-variable | has 'TPM2_PT_MAX_AUTH_FAIL: 0x5'
    tpm2 create -Q -C x.ctx -i message -p pin -c seal.ctx
    refuse tpm2 unseal -c seal.ctx -p wrong > refused
    tpm2 getcap properties-variable | has 'LOCKOUT_COUNTER: 0x1'
    tpm2 dictionarylockout -Q -c
    tpm2 getcap properties-variable | has 'LOCKOUT_COUNTER: 0x0'
    tpm2 clearcontrol -Q -C l s
    refuse tpm2 clear -Q
    tpm2 clearcontrol -Q -C p c
    tpm2 createprimary -Q -C e -c e.ctx; tpm2 readpublic -Q -c e.ctx -n e.name
    tpm2 changeeps -Q
    tpm2 createprimary -Q -C e -c e.ctx; tpm2 readpublic -Q -c e.ctx -n e2.name; refuse cmp e.name e2.name
    tpm2 createprimary -Q -C p -c e.ctx; tpm2 readpublic -Q -c e.ctx -n e.name
    tpm2 changepps -Q
    tpm2 createprimary -Q -C p -c e.ctx; tpm2 readpublic -Q -c e.ctx -n e2.name; refuse cmp e.name e2.name
    tpm2 clear -Q
    refuse tpm2 load -Q -C x.ctx -u seal.pub -r seal.priv -c s.ctx
";

/// Before the power goes: what each kind of start keeps, or not.
const BEFORE: &str = r#"
    tpm2 pcrextend 0:sha256=$(openssl dgst -sha256 -binary message | hex)
    tpm2 pcrread -Q sha256:0 -o pcr.before
    tpm2 nvdefine -Q 0x1500001 -C o -s 9 -a 'ownerread|ownerwrite|read_stclear'
    tpm2 nvwrite -Q 0x1500001 -C o -i message
    tpm2 nvreadlock -Q 0x1500001 -C o
    tpm2 nvdefine -Q 0x1500002 -C o -a 'nt=counter|ownerread|ownerwrite'
    tpm2 nvincrement -Q 0x1500002 -C o
    tpm2 nvread 0x1500002 -C o > counter.before
    tpm2 create -Q -C 0x81000001 -G ecc256 -c key.ctx -u key.pub -r key.priv
    tpm2 createprimary -Q -C n -G ecc256 -c null.ctx
    tpm2 readpublic -Q -c null.ctx -n null.before
    tpm2 changeauth -Q -c o ownerauth
    tpm2 hierarchycontrol -Q -C p phEnableNV clear
    tpm2 readclock > clock.before
"#;

/// After the start: `$START` says of which kind it was. Part 1, "TPM State", and Part 3, TPM2_Startup.
const AFTER: &str = r#"
    hex() { od -An -v -tx1 | tr -d ' \n'; }
    tpm2() { local code=0; command tpm2 "$@" || code=$?; command tpm2 flushcontext -t; return $code; }
    field() { sed -n "s/^ *$1: *//p" $2; }
    tpm2 readclock > clock.after
    tpm2 pcrread -Q sha256:0 -o pcr.after
    resets=$(($(field reset_count clock.after) - $(field reset_count clock.before)))
    restarts=$(($(field restart_count clock.after) - $(field restart_count clock.before)))
    test $(field clock clock.after) -ge $(field clock clock.before)
    head -c 32 /dev/zero > zero
    case $START in
    reset)
        test $resets = 1
        test $(field restart_count clock.after) = 0
        cmp pcr.after zero
        refuse tpm2 readpublic -Q -c key.ctx
        tpm2 nvread 0x1500001 -C o -P ownerauth | cmp - message ;;
    restart)
        test $resets = 0 -a $restarts = 1
        cmp pcr.after zero
        tpm2 readpublic -Q -c key.ctx
        tpm2 nvread 0x1500001 -C o -P ownerauth | cmp - message ;;
    resume)
        test $resets = 0 -a $restarts = 1
        cmp pcr.after pcr.before
        tpm2 readpublic -Q -c key.ctx
        refuse tpm2 nvread 0x1500001 -C o -P ownerauth > refused ;;
    esac
    # A resume, and nothing else, keeps what was switched off.
    tpm2 getcap properties-variable > properties
    case $START in
    resume) test $(field phEnableNV properties) = 0 ;;
    *) test $(field phEnableNV properties) = 1 ;;
    esac
    # The null hierarchy's seed is new after a reset only.
    tpm2 createprimary -Q -C n -G ecc256 -c null.ctx
    tpm2 readpublic -Q -c null.ctx -n null.after
    case $START in
    reset) refuse cmp null.before null.after ;;
    *) cmp null.before null.after ;;
    esac
    # All this is there for ever.
    tpm2 load -Q -C 0x81000001 -u key.pub -r key.priv -c key.ctx
    tpm2 nvread 0x1500002 -C o -P ownerauth | cmp - counter.before
    tpm2 nvincrement -Q 0x1500002 -C o -P ownerauth
    refuse tpm2 evictcontrol -Q -C o -c 0x81000001
    # For the next round.
    tpm2 nvundefine -Q 0x1500001 -C o -P ownerauth
    tpm2 nvundefine -Q 0x1500002 -C o -P ownerauth
    tpm2 evictcontrol -Q -C o -P ownerauth -c 0x81000001
    tpm2 changeauth -Q -c o -p ownerauth
"#;

fn each_way(scripts: &[&str]) {
    if !packaged(&["tpm2-tools"]) {
        return;
    }
    let mut places = Way::ALL.map(|way| ("native", way)).to_vec();
    if long() {
        places.extend(Way::TCP.map(|way| ("wasmi", way)));
    }
    for (engine, way) in places {
        let server = Server::start(engine);
        Client::new(&server, way).run(&[COMMON, &scripts.concat()].concat());
    }
}

#[test]
fn keys_sign_encrypt_and_agree_as_openssl_does() {
    each_way(&[SIGNATURES, EXCHANGES]);
}

#[test]
fn symmetric_keys_hash_and_encrypt_as_openssl_does() {
    each_way(&[SYMMETRIC]);
}

#[test]
fn keys_move_and_secrets_stay() {
    each_way(&[MOVES]);
}

#[test]
fn attestations_are_good_for_openssl() {
    each_way(&[ATTESTATION, OFFLINE]);
}

#[test]
fn policies_open_what_they_should_and_nothing_else() {
    each_way(&[POLICY, POLICIES]);
    each_way(&[POLICY, AUTHORITIES, STORED_POLICIES]);
}

#[test]
fn nv_and_pcrs_hold_what_openssl_computes() {
    each_way(&[NV, PCRS]);
}

#[test]
fn management_changes_what_it_says() {
    each_way(&[MANAGEMENT, HIERARCHIES]);
}

#[test]
fn bank_that_is_deallocated_is_gone_after_the_reset() {
    if !packaged(&["tpm2-tools"]) {
        return;
    }
    let server = Server::start("native");
    server.tpm2("startup -c");
    let before = server.tpm2("getcap pcrs");
    server.tpm2("pcrallocate sha256:all+sha1:none");
    assert_eq!(server.tpm2("getcap pcrs"), before, "before the reset");
    server.tpm2("shutdown -c");
    server.power_cycle();
    server.tpm2("startup -c");
    let after = server.tpm2("getcap pcrs");
    assert_ne!(after, before);
    assert!(after.contains("sha1: [ ]") || !after.contains("sha1"), "{after}");
}

#[test]
fn reset_restart_and_resume_keep_what_part_1_says_also_in_another_process() {
    if !packaged(&["tpm2-tools"]) {
        return;
    }
    for way in Way::ALL {
        for killed in [false, true] {
            let mut server = Server::start("native");
            for (shutdown, startup, start) in [
                ("shutdown -c", "startup -c", "reset"),
                ("shutdown", "startup -c", "restart"),
                ("shutdown", "startup", "resume"),
            ] {
                Client::new(&server, way).run(
                    &[COMMON, BEFORE]
                        .concat()
                        .replace("    tpm2 startup -c\n", "    tpm2 startup -c || true\n"),
                );
                server.tpm2(shutdown);
                if killed {
                    server.kill_and_restart();
                } else {
                    server.power_cycle();
                }
                server.tpm2(startup);
                Client::new(&server, way).with("START", start).run(AFTER);
            }
        }
    }
}

#[test]
fn every_tool_of_the_package_is_used_here() {
    if !packaged(&["tpm2-tools"]) {
        return;
    }
    let source = include_str!("clients_tpm2_tools.rs").replace("tpm2(\"", "tpm2 ");
    let words: Vec<&str> = source.split_whitespace().collect();
    let called = words.windows(2).filter(|pair| pair[0].ends_with("tpm2"));
    let used: BTreeSet<&str> = called.map(|pair| pair[1]).collect();
    let tools = programs_of("tpm2-tools", "tpm2_");
    assert!(tools.len() > 90, "{tools:?}");
    let unused: Vec<&String> = tools.iter().filter(|tool| !used.contains(tool.as_str())).collect();
    assert!(unused.is_empty(), "{unused:?}");
}
