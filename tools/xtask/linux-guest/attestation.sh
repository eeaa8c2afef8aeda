# Attestation through the kernel's configfs-tsm: the SVSM's reports of its services, and the guest's own.
#
# Report offsets are those of the SEV-SNP firmware ABI's ATTESTATION_REPORT: VMPL at 0x30, REPORT_DATA at 0x50. What is checked here is that
# the parts fit together; whether the signature is AMD's only a verifier outside can judge.

reports=/sys/kernel/config/tsm/report
report_size=1184
vtpm_guid=c476f1eb-0123-45a5-9641-b4e7dde5bfe3
cloister_guid=a8f0b0f6-5f5c-4d6e-9a58-2c7d1e93c1b4
# Services manifest's GUID 63849ebb-3d92-4670-a1ff-58f9c94b87bb, as bytes.
services_bytes=bb9e8463923d7046a1ff58f9c94b87bb

# A fresh report into the files report, manifest and certificates: tsm_report NONCE-FILE [GUID VERSION]
tsm_report() {
    entry=$reports/entry$$
    mkdir "$entry" || return 1
    svsm_answer "$@"
    answered=$?
    rmdir "$entry"
    return $answered
}

svsm_answer() {
    echo svsm >"$entry/service_provider" || return 1
    if [ $# -eq 3 ]; then
        echo "$2" >"$entry/service_guid" || return 1
        echo "$3" >"$entry/service_manifest_version" || return 1
    fi
    cat "$1" >"$entry/inblob" || return 1
    cat "$entry/outblob" >report || return 1
    cat "$entry/manifestblob" >manifest || return 1
    # A platform without certificates gives none.
    cat "$entry/auxblob" >certificates 2>/dev/null || : >certificates
}

# The guest's own report, at its own VMPL: own_report DATA-FILE
own_report() {
    entry=$reports/own$$
    mkdir "$entry" || return 1
    { cat /sys/devices/system/cpu/sev/vmpl >"$entry/privlevel" &&
        cat "$1" >"$entry/inblob" &&
        cat "$entry/outblob" >report; }
    answered=$?
    rmdir "$entry"
    return $answered
}

# The report in the file is VMPL0's, and answers the nonce with the manifest: REPORT_DATA is SHA-512(nonce, manifest).
fits() {
    same "$(size_of report)" $report_size
    same "$(hex report 48 4)" 00000000
    same "$(hex report 80 64)" "$(cat nonce manifest | sha512sum | cut -d ' ' -f 1)"
}

all_services() {
    random_file nonce 64
    tsm_report nonce
    fits
    same "$(hex manifest 0 16)" $services_bytes
}

# one_service GUID VERSION KEEP
one_service() {
    random_file nonce 64
    tsm_report nonce "$1" "$2"
    fits
    [ "$(size_of manifest)" -gt 0 ]
    cp manifest "$3"
}

# The event log of the measured boot, crypto-agile: the signature of its first event is in the TCG PC Client Platform Firmware Profile, 10.4.5.1.
event_log() {
    one_service $cloister_guid 2 log
    same "$(tail -c +33 log | head -c 15)" 'Spec ID Event03'
}

# The nonce that the SVSM takes has 64 bytes, and the kernel takes no other.
short_nonce() {
    random_file nonce 63
    refused 'invalid argument' tsm_report nonce
}

# The report that the SVSM had made before this kernel started: the P-256 keys' X coordinates are its REPORT_DATA.
boot_identity() {
    length=$(printf '%d' "0x$(hex full 55 1)$(hex full 54 1)$(hex full 53 1)$(hex full 52 1)")
    same "$length" $report_size
    tail -c +57 full | head -c "$length" >boot-report
    same "$(hex boot-report 48 4)" 00000000
    [ -s p256-ek ] || return 0
    same "$(hex boot-report 80 64)" "$(x_of p256-ek)$(x_of p256-srk)"
}

# X coordinate at the end of a TPM2B_PUBLIC of a P-256 key: size, X, size, Y.
x_of() { tail -c 66 "$1" | head -c 32 | xxd -p | tr -d '\n'; }

own_report_made() {
    random_file data 64
    own_report data
    same "$(size_of report)" $report_size
    same "$(hex report 48 1)" "$(printf '%02x' "$(cat /sys/devices/system/cpu/sev/vmpl)")"
    same "$(hex report 80 64)" "$(hex data)"
}

attestation_steps() {
    step 'attestation of all services' all_services
    step 'attestation of the vTPM' one_service $vtpm_guid 0 vtpm
    step 'attestation of Cloister, whole manifest' one_service $cloister_guid 0 full
    step 'attestation of Cloister, keys alone' one_service $cloister_guid 1 keys
    random_file nonce 64
    if tsm_report nonce $cloister_guid 2 2>/dev/null; then
        step 'attestation of Cloister, event log' event_log
    else
        skip 'attestation of Cloister, event log' 'this SVSM offers none'
    fi
    step 'attestation refuses a short nonce' short_nonce
    step 'boot identity' boot_identity
    step "the guest's own report" own_report_made
}
