# The story of one boot: what the kernel says, what the TPM does, what can be attested, and a conversation with the guest's owner.

snp_running() { dmesg | grep -E 'SEV: SNP running at VMPL[1-3]'; }

vmpl_shown() {
    vmpl=$(cat /sys/devices/system/cpu/sev/vmpl)
    dmesg | grep -q "SNP running at VMPL$vmpl"
}

# IMA starts before modules can be loaded. A kernel with the driver built in measures into PCR 10; another says that it found no TPM.
ima() {
    dmesg | grep -q 'ima: No TPM chip found, activating TPM-bypass' && return 0
    tpm2 pcrread sha256:10 -o ima
    [ "$(hex ima)" != "$(printf '%064d' 0)" ]
}

tell_story() {
    if [ -n "$plain" ]; then
        skip SEV-SNP 'the command line says that this is a plain machine'
    else
        dmesg | grep -o -E 'SEV: SNP running at .*|tpm tpm0: .*' | while read -r line; do say "$line"; done
        step 'SEV-SNP' snp_running
        step 'VMPL in sysfs' vmpl_shown
    fi
    if [ -c /dev/tpm0 ] || [ -f "$modules/tpm_svsm.ko" ]; then
        tpm_steps
        step 'IMA' ima
        say "IMA: $(dmesg | grep -o 'ima: No TPM chip found.*' || echo 'measures into PCR 10')"
    else
        skip TPM 'this kernel has no driver for the TPM of an SVSM'
    fi
    if [ -n "$plain" ]; then
        skip attestation 'the command line says that this is a plain machine'
    elif [ -d "$reports" ]; then
        attestation_steps
    else
        step 'configfs-tsm' ls "$reports"
    fi
    owner_conversation
    [ -c /dev/tpm0 ] && step 'TPM clear' cleared
    if [ $failures -eq 0 ]; then
        say 'done'
    else
        say "failed $failures"
    fi
}
