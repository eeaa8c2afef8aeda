# What a client finds when it uses the TPM through the kernel's own driver, with tpm2-tools.
#
# The endorsement and storage keys were provisioned by the SVSM before this kernel started. Expected values come from the TPM 2.0 library
# specification, computed here with busybox's hashes where there is something to compute.

rsa_ek=0x81010001
p256_ek=0x81010002
rsa_srk=0x81000001
p256_srk=0x81000002
nv_index=0x01500000
# Seconds until the dictionary-attack protection forgives one failure.
recovery=5

devices() {
    ls -l /dev/tpm0 /dev/tpmrm0
    [ -c /dev/tpm0 ] && [ -c /dev/tpmrm0 ]
}

properties() {
    tpm2 getcap properties-fixed >properties
    grep -q TPM2_PT_MANUFACTURER properties
    grep -A 2 TPM2_PT_FAMILY_INDICATOR properties | grep -q '2\.0'
}

pcrs_read() {
    tpm2 pcrread sha256:0,1,2,3,4,5,6,7,16 -o pcrs
    same "$(size_of pcrs)" 288
}

# The new value is the hash of the old one and the digest: Part 1, section 11.4.7.
pcr_extended() {
    digest=1111111111111111111111111111111111111111111111111111111111111111
    tpm2 pcrread sha256:16 -o before
    tpm2 pcrextend "16:sha256=$digest"
    tpm2 pcrread sha256:16 -o after
    echo $digest | xxd -r -p >digest
    same "$(hex after)" "$(cat before digest | sha256sum | cut -d ' ' -f 1)"
}

# provisioned HANDLE FILE
provisioned() {
    tpm2 readpublic -c "$1" -f tss -o "$2"
    [ "$(size_of "$2")" -gt 66 ]
}

attestation_key() {
    tpm2 createak -C $rsa_ek -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.tss -f tss -n ak.name
    tpm2 readpublic -c ak.ctx -f pem -o ak.pem
}

# quote NONCE PCRS
quote() {
    tpm2 quote -c ak.ctx -l "sha256:$2" -q "$1" -m quote.attest -s quote.signature -o quote.pcrs -g sha256
}

quote_checked() {
    random_file nonce 32
    quote "$(hex nonce)" $usual_pcrs
    tpm2 checkquote -u ak.pem -m quote.attest -s quote.signature -f quote.pcrs -g sha256 -q "$(hex nonce)"
    refused 'nonce|error|fail' \
        tpm2 checkquote -u ak.pem -m quote.attest -s quote.signature -f quote.pcrs -g sha256 -q 00ff
}

sealed() {
    printf 'a secret of the guest' >secret
    tpm2 createpolicy --policy-pcr -l sha256:16 -L pcr.policy
    tpm2 create -C $rsa_srk -L pcr.policy -i secret -u sealed.public -r sealed.private
    tpm2 load -C $rsa_srk -u sealed.public -r sealed.private -c sealed.ctx
    tpm2 unseal -c sealed.ctx -p pcr:sha256:16 -o opened
    cmp secret opened
}

sealed_refused() {
    tpm2 pcrextend 16:sha256=2222222222222222222222222222222222222222222222222222222222222222
    refused 'policy' tpm2 unseal -c sealed.ctx -p pcr:sha256:16
}

nv_storage() {
    printf 'sixteen bytes...' >written
    tpm2 nvdefine $nv_index -C o -s 16 -a 'ownerread|ownerwrite'
    tpm2 nvwrite $nv_index -C o -i written
    tpm2 nvread $nv_index -C o -s 16 -o found
    tpm2 nvundefine $nv_index -C o
    cmp written found
    refused 'handle' tpm2 nvread $nv_index -C o -s 16
}

# One wrong guess locks (TPM_RC_LOCKOUT, even with the right authorisation), and only time opens.
lockout() {
    tpm2 dictionarylockout --setup-parameters --max-tries=1 --recovery-time=$recovery --lockout-recovery-time=$recovery
    tpm2 create -C $p256_srk -i secret -p right -u guarded.public -r guarded.private
    tpm2 load -C $p256_srk -u guarded.public -r guarded.private -c guarded.ctx
    refused 'authorization|auth' tpm2 unseal -c guarded.ctx -p wrong
    refused 'lockout' tpm2 unseal -c guarded.ctx -p right
    sleep $((recovery + 1))
    tpm2 unseal -c guarded.ctx -p right -o opened
    cmp secret opened
    tpm2 dictionarylockout --setup-parameters --max-tries=32 --recovery-time=7200 --lockout-recovery-time=86400
}

# TPM2_Clear takes the storage hierarchy with all its keys and keeps the endorsement seed: Part 3, section 24.6.
cleared() {
    tpm2 clear
    refused 'handle' tpm2 readpublic -c $p256_srk
    tpm2 createek -G ecc -c ek.ctx -u ek.again -f tss
    cmp p256-ek ek.again
}

tpm_steps() {
    step 'TPM devices' devices
    step 'TPM properties' properties
    step 'TPM PCR read' pcrs_read
    step 'TPM PCR extend' pcr_extended
    step 'TPM RSA endorsement key' provisioned $rsa_ek rsa-ek
    step 'TPM P-256 endorsement key' provisioned $p256_ek p256-ek
    step 'TPM RSA storage root key' provisioned $rsa_srk rsa-srk
    step 'TPM P-256 storage root key' provisioned $p256_srk p256-srk
    step 'TPM attestation key under the endorsement key' attestation_key
    step 'TPM quote' quote_checked
    step 'TPM seal to a PCR' sealed
    step 'TPM unseal refused after the PCR changed' sealed_refused
    step 'TPM NV' nv_storage
    step 'TPM lockout' lockout
}
