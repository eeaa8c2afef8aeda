//! The story of one boot: a conversation with the TPM, then with the guest's owner.
//!
//! The TPM conversation checks what a client can check; what only a verifier can check (report, credential, quote) goes to the owner, who
//! asks for it line by line.

use crate::{machine::Machine, memory, psp};
use sim_guest::{
    owner::{self, Request, hex},
    tpm::{self, Command, Trouble, cc},
};
use svsm_proto::{
    attest_call,
    calling_area::{Call, protocol, version_range},
    core_call, report, vtpm_call,
};

extern crate alloc;
use alloc::{format, string::String, vec::Vec};

/// TPM_RC_INITIALIZE: the SVSM has started the TPM already.
const RC_INITIALIZE: u32 = 0x100;
/// TPM_RC_FAILURE.
const RC_FAILURE: u32 = 0x101;
/// Where the NV part of the story writes.
const NV_INDEX: u32 = 0x0150_0000;
/// The command on which the trapping build of the component traps (a vendor command code that no build implements).
const TRAP_COMMAND: u32 = 0x2000_0BAD;

/// What went wrong, in words for the owner.
type Outcome<T> = Result<T, Trouble>;

/// The whole story.
pub fn run(machine: &mut Machine) {
    protocols(machine);
    if let Err(trouble) = conversation(machine) {
        machine.say(format_args!("FAIL: the TPM conversation: {trouble:x?}"));
    }
    let key = match attestation_key(machine) {
        Ok(key) => key,
        Err(trouble) => return machine.say(format_args!("FAIL: no attestation key: {trouble:x?}")),
    };
    machine.say(format_args!("waiting for the owner"));
    machine.send_line(owner::HELLO);
    loop {
        let line = machine.receive_line();
        match Request::parse(&line) {
            Some(Request::Done) => return,
            Some(request) => {
                for answer in answer(machine, &key, request) {
                    machine.send_line(&answer);
                }
            }
            None => machine.send_line("error not a request"),
        }
        machine.send_line(owner::END);
    }
}

/// A TPM that faults answers with a failure, and the guest and every other service live on.
pub fn trap(machine: &mut Machine) {
    let code = |machine: &Machine, command: Vec<u8>| match machine.svsm.tpm(&command, |_| Ok(())) {
        Ok(()) => 0,
        Err(Trouble::Code(code)) => u64::from(code),
        Err(Trouble::Malformed) => u64::MAX,
    };
    let random = || Command::new(cc::GET_RANDOM).u16(8).build();
    let before = code(machine, random());
    machine.check("the TPM works before the fault", before, 0);
    let trapped = code(machine, Command::new(TRAP_COMMAND).build());
    machine.check(
        "a trap in the middle of a command is TPM_RC_FAILURE",
        trapped,
        u64::from(RC_FAILURE),
    );
    let after = code(machine, random());
    machine.check("the TPM stays in failure mode", after, u64::from(RC_FAILURE));
    let startup = code(machine, Command::new(cc::STARTUP).u16(0).build());
    machine.check(
        "TPM2_Startup does not leave failure mode",
        startup,
        u64::from(RC_FAILURE),
    );
    let core = machine.svsm.core(
        core_call::call::QUERY_PROTOCOL,
        u64::from(protocol::VTPM) << 32 | 1,
        0,
        0,
    );
    machine.check("the SVSM serves its other calls", core.rcx, version_range(1, 1));
}

fn protocols(machine: &mut Machine) {
    for (number, name) in [
        (protocol::CORE, "core"),
        (protocol::ATTESTATION, "attestation"),
        (protocol::VTPM, "vTPM"),
    ] {
        let out = machine
            .svsm
            .core(core_call::call::QUERY_PROTOCOL, u64::from(number) << 32 | 1, 0, 0);
        machine.check(
            &format!("the SVSM offers the {name} protocol"),
            out.rcx,
            version_range(1, 1),
        );
    }
    let out = machine
        .svsm
        .call(Call::rax(protocol::VTPM, vtpm_call::call::QUERY), 0, 0, 0);
    machine.check(
        "the vTPM takes TPM_SEND_COMMAND and nothing else",
        out.rcx,
        1 << vtpm_call::TPM_SEND_COMMAND,
    );
}

fn conversation(machine: &mut Machine) -> Outcome<()> {
    let again = machine.svsm.tpm(&Command::new(cc::STARTUP).u16(0).build(), |_| Ok(()));
    let code = if let Err(Trouble::Code(code)) = again { code } else { 0 };
    machine.check("the TPM is started already", u64::from(code), u64::from(RC_INITIALIZE));
    let commands = machine.svsm.tpm(
        &Command::new(cc::GET_CAPABILITY).u32(2).u32(0x11F).u32(254).build(),
        |mut response| {
            response.take(5)?;
            response.u32()
        },
    )?;
    machine.say(format_args!("the TPM has {commands} commands"));
    let random = Command::new(cc::GET_RANDOM).u16(16).build();
    let first = machine
        .svsm
        .tpm(&random, |mut response| response.sized().map(<[u8]>::to_vec))?;
    let second = machine
        .svsm
        .tpm(&random, |mut response| response.sized().map(<[u8]>::to_vec))?;
    machine.check("GetRandom never repeats itself", u64::from(first == second), 0);
    for handle in tpm::PROVISIONED {
        let public = machine
            .svsm
            .tpm(&Command::new(cc::READ_PUBLIC).handle(handle).build(), |mut r| {
                r.sized().map(<[u8]>::to_vec)
            })?;
        machine.say(format_args!(
            "provisioned key at {handle:#x}, public area of {} bytes",
            public.len()
        ));
    }
    pcrs(machine)?;
    seal(machine)?;
    nv(machine)
}

fn pcrs(machine: &mut Machine) -> Outcome<()> {
    let digest = [0x11; 32];
    let extend = Command::new(cc::PCR_EXTEND)
        .authorized(16)
        .u32(1)
        .u16(0x0B)
        .bytes(&digest)
        .build();
    machine.svsm.tpm(&extend, |_| Ok(()))?;
    let value = read_pcrs(machine, 1 << 16)?;
    // SHA-256 over 32 zero bytes and the digest: Part 1, section 11.4.7 (extend).
    use sha2::Digest;
    let expected = sha2::Sha256::new()
        .chain_update([0; 32])
        .chain_update(digest)
        .finalize();
    machine.check(
        "PCR 16 is extended as Part 1 says",
        u64::from(value == expected.as_slice()),
        1,
    );
    Ok(())
}

fn read_pcrs(machine: &Machine, mask: u32) -> Outcome<Vec<u8>> {
    machine.svsm.tpm(
        &Command::new(cc::PCR_READ).bytes(&tpm::sha256_pcrs(mask)).build(),
        |mut response| {
            response.take(14)?;
            let mut values = Vec::new();
            for _ in 0..response.u32()? {
                values.extend_from_slice(response.sized()?);
            }
            Ok(values)
        },
    )
}

fn load(machine: &Machine, created: Vec<u8>) -> Outcome<(u32, Vec<u8>)> {
    let (private, public) = machine.svsm.tpm(&created, |response| {
        let mut response = response.parameters()?;
        Ok((response.sized()?.to_vec(), response.sized()?.to_vec()))
    })?;
    let load = Command::new(cc::LOAD)
        .authorized(tpm::P256_SRK)
        .sized(&private)
        .sized(&public)
        .build();
    let handle = machine.svsm.tpm(&load, |mut response| response.u32())?;
    Ok((handle, public))
}

fn flush(machine: &Machine, handle: u32) -> Outcome<()> {
    machine
        .svsm
        .tpm(&Command::new(cc::FLUSH_CONTEXT).u32(handle).build(), |_| Ok(()))
}

fn seal(machine: &mut Machine) -> Outcome<()> {
    let secret = b"a secret of the guest";
    let (handle, _) = load(
        machine,
        tpm::create(tpm::P256_SRK, &tpm::sealed_data_template(), secret),
    )?;
    let opened = machine
        .svsm
        .tpm(&Command::new(cc::UNSEAL).authorized(handle).build(), |response| {
            response.parameters()?.sized().map(<[u8]>::to_vec)
        })?;
    machine.check(
        "what was sealed under the storage root key opens",
        u64::from(opened == secret),
        1,
    );
    flush(machine, handle)
}

fn nv(machine: &mut Machine) -> Outcome<()> {
    // TPMS_NV_PUBLIC: ordinary index, SHA-256, OWNERWRITE, AUTHWRITE, OWNERREAD, AUTHREAD, 16 bytes.
    let attributes: u32 = 1 << 1 | 1 << 2 | 1 << 17 | 1 << 18;
    let mut public = NV_INDEX.to_be_bytes().to_vec();
    public.extend_from_slice(&[0x00, 0x0B]);
    public.extend_from_slice(&attributes.to_be_bytes());
    public.extend_from_slice(&[0, 0, 0, 16]);
    let svsm = &machine.svsm;
    svsm.tpm(
        &Command::new(cc::NV_DEFINE)
            .authorized(tpm::OWNER)
            .sized(&[])
            .sized(&public)
            .build(),
        |_| Ok(()),
    )?;
    let data = *b"sixteen bytes...";
    let write = Command::new(cc::NV_WRITE)
        .authorized(tpm::OWNER)
        .handle(NV_INDEX)
        .sized(&data)
        .u16(0)
        .build();
    svsm.tpm(&write, |_| Ok(()))?;
    let read = Command::new(cc::NV_READ)
        .authorized(tpm::OWNER)
        .handle(NV_INDEX)
        .u16(16)
        .u16(0)
        .build();
    let found = svsm.tpm(&read, |response| response.parameters()?.sized().map(<[u8]>::to_vec))?;
    let undefine = Command::new(cc::NV_UNDEFINE)
        .authorized(tpm::OWNER)
        .handle(NV_INDEX)
        .build();
    svsm.tpm(&undefine, |_| Ok(()))?;
    machine.check("an NV index gives back what was written", u64::from(found == data), 1);
    Ok(())
}

/// The guest's attestation key.
struct Key {
    handle: u32,
    public: Vec<u8>,
}

fn attestation_key(machine: &mut Machine) -> Outcome<Key> {
    let (handle, public) = load(
        machine,
        tpm::create(tpm::P256_SRK, &tpm::attestation_key_template(), &[]),
    )?;
    machine.say(format_args!("attestation key at {handle:#x}"));
    Ok(Key { handle, public })
}

fn answer(machine: &mut Machine, key: &Key, request: Request) -> Vec<String> {
    let answer = match request {
        Request::Attest {
            nonce,
            service,
            version,
        } => return attest(machine, &nonce, service, version),
        Request::OwnReport { data } => return own_report(machine, &data),
        Request::AttestationKey => Ok(alloc::vec![format!("public {}", hex(&key.public))]),
        Request::Activate {
            key: endorsement_key,
            blob,
            secret,
        } => activate(machine, key.handle, endorsement_key, &blob, &secret)
            .map(|found| alloc::vec![format!("credential {}", hex(&found))]),
        Request::Quote { nonce, pcrs } => quote(machine, key.handle, &nonce, &pcrs),
        Request::Done => Ok(Vec::new()),
    };
    answer.unwrap_or_else(|trouble| alloc::vec![format!("error {trouble:x?}")])
}

fn attest(machine: &mut Machine, nonce: &[u8], guid: [u8; 16], version: u32) -> Vec<String> {
    let pages = memory::pages(8);
    let [report, manifest, certificates, request] = [0, 1, 5, 7].map(|index| pages + index * memory::PAGE);
    memory::write_bytes(request + 256, nonce);
    let buffer = |gpa, pages: u64| attest_call::Buffer {
        gpa,
        size: (pages * memory::PAGE) as u32,
        reserved: 0,
    };
    let operation = attest_call::SingleService {
        services: attest_call::Services {
            report: buffer(report, 1),
            nonce: attest_call::Nonce {
                gpa: request + 256,
                size: nonce.len() as u16,
                reserved: [0; 6],
            },
            manifest: buffer(manifest, 4),
            certificates: buffer(certificates, 2),
        },
        guid,
        version,
        reserved: 0,
    };
    let out = machine.svsm.attest(request, &operation);
    if out.rax != 0 {
        return alloc::vec![format!("error SVSM_ATTEST_SINGLE_SERVICE {:#x}", out.rax)];
    }
    let bounded = out.rcx <= 4 * memory::PAGE && out.rdx <= 2 * memory::PAGE && out.r8 <= memory::PAGE;
    if !bounded {
        return alloc::vec!["error sizes out of bounds".into()];
    }
    [
        ("report", report, out.r8),
        ("manifest", manifest, out.rcx),
        ("certificates", certificates, out.rdx),
    ]
    .map(|(name, gpa, size)| format!("{name} {}", hex(&memory::read_bytes(gpa, size as usize))))
    .to_vec()
}

fn own_report(machine: &mut Machine, data: &[u8]) -> Vec<String> {
    let Ok(data) = data.try_into() else {
        return alloc::vec!["error REPORT_DATA has 64 bytes".into()];
    };
    let vmpl = machine.info.vmpl;
    let mut channel = psp::Channel::new(machine, vmpl as u8);
    alloc::vec![match channel.report(machine, data, vmpl) {
        Ok(report) => format!("report {}", hex(&report[..report::REPORT_SIZE])),
        Err(refused) => format!("error {refused:x?}"),
    }]
}

fn activate(machine: &Machine, key: u32, endorsement_key: u32, blob: &[u8], secret: &[u8]) -> Outcome<Vec<u8>> {
    let svsm = &machine.svsm;
    // A policy session (type 1) without salt, binding or parameter encryption, for SHA-256.
    let start = Command::new(cc::START_AUTH_SESSION)
        .handle(0x4000_0007)
        .handle(0x4000_0007);
    let start = start.sized(&[0x5A; 16]).sized(&[]).u8(1).u16(0x10).u16(0x0B).build();
    let session = svsm.tpm(&start, |mut response| response.u32())?;
    // PolicySecret(endorsement), without nonce, cpHash, policyRef and expiration: the endorsement keys' policy.
    let policy = Command::new(cc::POLICY_SECRET)
        .authorized(tpm::ENDORSEMENT)
        .handle(session);
    let policy = policy.sized(&[]).sized(&[]).sized(&[]).u32(0).build();
    let opened = svsm.tpm(&policy, |_| Ok(())).and_then(|()| {
        let command = Command::new(cc::ACTIVATE_CREDENTIAL)
            .authorized(key)
            .by_policy(endorsement_key, session);
        svsm.tpm(&command.bytes(blob).bytes(secret).build(), |response| {
            response.parameters()?.sized().map(<[u8]>::to_vec)
        })
    });
    if opened.is_err() {
        flush(machine, session)?;
    }
    opened
}

fn quote(machine: &Machine, key: u32, nonce: &[u8], pcrs: &[u8]) -> Outcome<Vec<String>> {
    let selection = tpm::sha256_pcrs(pcrs.iter().map(|pcr| 1u32 << pcr).sum());
    // The key's own scheme: TPM_ALG_NULL asks for it.
    let command = Command::new(cc::QUOTE)
        .authorized(key)
        .sized(nonce)
        .u16(0x10)
        .bytes(&selection)
        .build();
    let (attest, signature) = machine.svsm.tpm(&command, |response| {
        let mut response = response.parameters()?;
        Ok((response.sized()?.to_vec(), response.rest().to_vec()))
    })?;
    // One at a time: TPM2_PCR_Read gives eight at most.
    let mut values = Vec::new();
    for pcr in pcrs {
        values.extend(read_pcrs(machine, 1u32 << pcr)?);
    }
    Ok([("attest", attest), ("signature", signature), ("pcrs", values)]
        .map(|(name, bytes)| format!("{name} {}", hex(&bytes)))
        .to_vec())
}
