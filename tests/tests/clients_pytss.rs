//! The Python bindings: the system API of the TPM software stack, and its own cryptography on the host's side.

use cloister_tests::{
    clients::{Client, Way, packaged},
    server::Server,
};

const SCRIPT: &str = r#"
import os, sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from tpm2_pytss import *
from tpm2_pytss.internal import crypto
from tpm2_pytss.utils import make_credential, wrap

tpm = ESAPI(os.environ["TCTI"])
assert len(tpm.get_random(16)) == 16

# A key that signs, and its signature without the TPM.
signing = TPMA_OBJECT.SIGN_ENCRYPT | TPMA_OBJECT.USERWITHAUTH | TPMA_OBJECT.FIXEDTPM | TPMA_OBJECT.FIXEDPARENT | TPMA_OBJECT.SENSITIVEDATAORIGIN
message = b"a message"
digest, ticket = tpm.hash(message, TPM2_ALG.SHA256, ESYS_TR.OWNER)
key, public, _, _, _ = tpm.create_primary(TPM2B_SENSITIVE_CREATE(), TPM2B_PUBLIC.parse("ecc256:ecdsa-sha256", objectAttributes=signing))
signature = tpm.sign(key, digest, TPMT_SIG_SCHEME(scheme=TPM2_ALG.NULL), ticket)
pair = [int.from_bytes(bytes(part), "big") for part in (signature.signature.ecdsa.signatureR, signature.signature.ecdsa.signatureS)]
serialization.load_pem_public_key(public.to_pem()).verify(encode_dss_signature(*pair), message, ec.ECDSA(hashes.SHA256()))
tpm.verify_signature(key, digest, signature)

# A sealed secret, through a salted session that hides it.
parent, parent_public, _, _, _ = tpm.create_primary(TPM2B_SENSITIVE_CREATE(), "rsa2048")
session = tpm.start_auth_session(tpm_key=parent, bind=ESYS_TR.NONE, session_type=TPM2_SE.HMAC,
                                 symmetric=TPMT_SYM_DEF(algorithm=TPM2_ALG.AES, keyBits=TPMU_SYM_KEY_BITS(aes=128), mode=TPMU_SYM_MODE(aes=TPM2_ALG.CFB)),
                                 auth_hash=TPM2_ALG.SHA256)
tpm.trsess_set_attributes(session, TPMA_SESSION.CONTINUESESSION | TPMA_SESSION.DECRYPT | TPMA_SESSION.ENCRYPT)
private, sealed, _, _, _ = tpm.create(parent, TPM2B_SENSITIVE_CREATE(TPMS_SENSITIVE_CREATE(userAuth="pin", data=b"secret")),
                                      TPM2B_PUBLIC.parse("keyedhash", objectAttributes=TPMA_OBJECT.USERWITHAUTH | TPMA_OBJECT.FIXEDTPM | TPMA_OBJECT.FIXEDPARENT),
                                      session1=session)
handle = tpm.load(parent, private, sealed)
tpm.tr_set_auth(handle, "pin")
assert bytes(tpm.unseal(handle, session1=session)) == b"secret"
tpm.tr_set_auth(handle, "wrong")
try:
    tpm.unseal(handle, session1=session)
    raise SystemExit("a wrong password opened the secret")
except TSS2_Exception as error:
    assert error.rc == 0x98E, hex(error.rc)
tpm.flush_context(handle)

# A credential that the host's own cryptography makes.
identity, secret = make_credential(parent_public, b"credential", public.get_name())
assert bytes(tpm.activate_credential(key, parent, identity, secret, session1=ESYS_TR.PASSWORD, session2=ESYS_TR.PASSWORD)) == b"credential"
tpm.flush_context(key)

# The same for a key on a curve, whose partner's ephemeral point has an x with a leading zero: sent whole, and without the zero. Both sides put into
# KDFe what was sent, as the reference does; tpm2-tools sends the short form.
elliptic, elliptic_public, _, _, _ = tpm.create_primary(TPM2B_SENSITIVE_CREATE(), "ecc256")
owner, owner_public, _, _, _ = tpm.create_primary(TPM2B_SENSITIVE_CREATE(), TPM2B_PUBLIC.parse("ecc256:ecdsa-sha256", objectAttributes=signing))
def seed(whole):
    def generate(partner, algorithm, label):
        while True:
            ephemeral = ec.generate_private_key(partner.curve)
            point = ephemeral.public_key().public_numbers()
            if point.x >> 248 == 0:
                break
        x = point.x.to_bytes(32 if whole else (point.x.bit_length() + 7) // 8, "big")
        y = point.y.to_bytes(32, "big")
        shared = ephemeral.exchange(ec.ECDH(), partner)
        own = partner.public_numbers().x.to_bytes(32, "big")
        return crypto.kdfe(algorithm, shared, label, x, own, 256), len(x).to_bytes(2, "big") + x + len(y).to_bytes(2, "big") + y
    return generate
for whole in (True, False):
    crypto._generate_ecc_seed = seed(whole)
    identity, secret = make_credential(elliptic_public, b"credential", owner_public.get_name())
    assert bytes(tpm.activate_credential(owner, elliptic, identity, secret, session1=ESYS_TR.PASSWORD, session2=ESYS_TR.PASSWORD)) == b"credential"
tpm.flush_context(owner)
tpm.flush_context(elliptic)

# A key from outside, wrapped by the host's own cryptography.
outside = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pem = outside.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
sensitive = TPM2B_SENSITIVE.from_pem(pem)
outside_public = TPM2B_PUBLIC.from_pem(outside.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
                                       objectAttributes=TPMA_OBJECT.SIGN_ENCRYPT | TPMA_OBJECT.USERWITHAUTH)
encryption_key, duplicate, seed = wrap(parent_public.publicArea, outside_public, sensitive, b"", None)
imported = tpm.import_(parent, encryption_key, outside_public, duplicate, seed, TPMT_SYM_DEF_OBJECT(algorithm=TPM2_ALG.NULL))
handle = tpm.load(parent, imported, outside_public)
signature = tpm.sign(handle, digest, TPMT_SIG_SCHEME(scheme=TPM2_ALG.RSASSA, details=TPMU_SIG_SCHEME(rsassa=TPMS_SCHEME_HASH(hashAlg=TPM2_ALG.SHA256))), ticket)
outside.public_key().verify(bytes(signature.signature.rsassa.sig), message, padding.PKCS1v15(), hashes.SHA256())
tpm.flush_context(handle)
tpm.flush_context(parent)
tpm.flush_context(session)

# Two connections at once, of one and the same TPM.
other = ESAPI(os.environ["TCTI"])
tpm.pcr_extend(ESYS_TR.PCR16, TPML_DIGEST_VALUES([TPMT_HA(hashAlg=TPM2_ALG.SHA256, digest=TPMU_HA(sha256=bytes(digest)))]))
read = [connection.pcr_read("sha256:16")[2] for connection in (tpm, other)]
assert bytes(read[0][0]) == bytes(read[1][0]) != bytes(32)
other.close()
tpm.close()
"#;

#[test]
fn python_bindings_agree_with_the_tpm_on_keys_sessions_credentials_and_imports() {
    if !packaged(&["python3-tpm2-pytss"]) {
        return;
    }
    for (engine, way) in [
        ("native", Way::Mssim),
        ("native", Way::Swtpm),
        ("native", Way::SwtpmFile),
        ("wasmi", Way::Mssim),
    ] {
        let server = Server::start(engine);
        server.tpm2("startup -c");
        server.write("script.py", SCRIPT.as_bytes());
        // The distribution's own interpreter, which is the one that has the package.
        Client::new(&server, way).run("/usr/bin/python3 -B script.py");
        assert_eq!(server.tpm2("getcap handles-transient").trim(), "", "left behind");
    }
}
