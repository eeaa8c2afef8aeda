//! Which command comes next, and the commands that use what is there: hashes, PCRs, sessions and policies, signatures, ciphers, capabilities.

use super::{
    objects::{self, ENDORSEMENT, NULL, OWNER, PLATFORM, a_selection},
    storage,
    world::{Compare, Kind, Request, World},
};
use crate::{
    oracle::{Cmd, sized},
    with_optional,
};

/// TPM_RH_LOCKOUT.
const LOCKOUT: u32 = 0x4000_000A;
const HASHES: [u16; 6] = [0x04, 0x0B, 0x0C, 0x0D, 0x10, 0x27];
/// Sessions at a time: what swtpm holds.
const SESSIONS: usize = 3;

type Maker = fn(&mut World) -> Request;

/// Each maker, as often as it should come.
const MAKERS: [(usize, Maker); 41] = [
    (4, objects::create_primary),
    (4, objects::create),
    (5, objects::load),
    (6, objects::load_external),
    (3, objects::flush),
    (2, objects::read_public),
    (3, objects::context),
    (2, objects::evict),
    (3, objects::unseal),
    (2, objects::change_auth),
    (3, storage::define),
    (2, storage::undefine),
    (5, storage::write),
    (5, storage::read),
    (2, storage::read_public),
    (4, storage::count),
    (2, storage::lock),
    (2, storage::policy_nv),
    (2, storage::certify),
    (2, random),
    (3, hash),
    (4, sequence),
    (4, hmac),
    (4, extend),
    (3, read_pcr),
    (2, event),
    (1, reset_pcr),
    (4, policy_session),
    (9, policy),
    (2, policy_digest),
    (4, sign),
    (3, verify),
    (3, attest),
    (4, cipher),
    (3, ecdh),
    (4, rsa),
    (2, credential),
    (3, capability),
    (2, parameters),
    (2, hierarchy),
    (2, testing),
];

/// The next command.
pub fn choose(world: &mut World) -> Request {
    let whole: usize = MAKERS.iter().map(|(times, _)| times).sum();
    let mut at = world.dice.below(whole);
    for (times, maker) in MAKERS {
        if at < times {
            return maker(world);
        }
        at -= times;
    }
    random(world)
}

fn random(world: &mut World) -> Request {
    if world.dice.once_in(3) {
        let count = world.dice.pick(&[0usize, 16, 128, 129]);
        return Request::same(Cmd::new(0x146).sized(&world.dice.bytes(count)), Compare::Bytes);
    }
    let count = world.dice.pick(&[0u16, 1, 32, 64, 65, 0xFFFF]);
    Request::same(Cmd::new(0x17B).u16(count), Compare::Size)
}

fn hash(world: &mut World) -> Request {
    let count = world.dice.pick(&[0usize, 3, 55, 64, 119, 1024, 1025]);
    let data = world.dice.bytes(count);
    let hash = world.dice.pick(&HASHES);
    let hierarchy = world.dice.pick(&[NULL, NULL, OWNER, 0x4000_0005]);
    Request::same(Cmd::new(0x17D).sized(&data).u16(hash).u32(hierarchy), Compare::ToTicket)
}

fn sequence(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::Sequence]) else {
        if world.objects.len() >= 3 {
            return objects::flush(world);
        }
        let hash = world.dice.pick(&HASHES);
        let request = Request::same(Cmd::new(0x186).sized(b"").u16(hash), Compare::Bytes);
        return request.then(|world, answers| {
            world.objects.push(super::world::Object {
                handle: [answers[0].handle(), answers[1].handle()],
                auth: Vec::new(),
                kind: Kind::Sequence,
                public: [Vec::new(), Vec::new()],
            });
        });
    };
    let count = world.dice.pick(&[0usize, 1, 63, 64, 200, 1024]);
    let data = world.dice.bytes(count);
    let handle = object.handle;
    // The key of a keyed sequence may be the TPM's own.
    let keyed = !object.public[0].is_empty();
    match world.dice.below(5) {
        0 => {
            let hierarchy = world.dice.pick(&[NULL, OWNER]);
            let compare = if hierarchy == NULL && !keyed {
                Compare::Bytes
            } else {
                Compare::Size
            };
            let request = Request::each(
                |side| {
                    Cmd::new(0x13E)
                        .handle(handle[side])
                        .password(b"")
                        .sized(&data)
                        .u32(hierarchy)
                },
                compare,
            );
            request.then(move |world, _| world.objects.retain(|object| object.handle != handle))
        }
        1 => {
            let pcr = world.dice.pick(&[16u32, 0, 23, NULL]);
            let request = Request::each(
                |side| {
                    Cmd::new(0x185)
                        .handle(pcr)
                        .handle(handle[side])
                        .password(b"")
                        .password(b"")
                        .sized(&data)
                },
                Compare::Bytes,
            );
            request.then(move |world, _| world.objects.retain(|object| object.handle != handle))
        }
        _ => Request::each(
            |side| Cmd::new(0x15C).handle(handle[side]).password(b"").sized(&data),
            Compare::Bytes,
        ),
    }
}

fn hmac(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::Hmac]) else {
        return objects::load_external(world);
    };
    let password = world.auth_of(&object.auth);
    let hash = world.dice.pick(&HASHES);
    if world.dice.once_in(4) && world.objects.len() < 3 {
        let request = Request::each(
            |side| {
                Cmd::new(0x15B)
                    .handle(object.handle[side])
                    .password(&password)
                    .sized(b"")
                    .u16(hash)
            },
            Compare::Bytes,
        );
        return request.then(|world, answers| {
            world.objects.push(super::world::Object {
                handle: [answers[0].handle(), answers[1].handle()],
                auth: Vec::new(),
                kind: Kind::Sequence,
                public: object.public,
            });
        });
    }
    let count = world.dice.pick(&[0usize, 8, 100, 1024]);
    let data = world.dice.bytes(count);
    Request::each(
        |side| {
            Cmd::new(0x155)
                .handle(object.handle[side])
                .password(&password)
                .sized(&data)
                .u16(hash)
        },
        // A key from outside is the same on both, one that a TPM made is not.
        if object.public[0] == object.public[1] {
            Compare::Bytes
        } else {
            Compare::Size
        },
    )
}

/// A PCR, usually one that is nobody's.
fn a_pcr(world: &mut World) -> u32 {
    world.dice.pick(&[16u32, 23, 0, 7, 10, 17, 24, NULL])
}

fn extend(world: &mut World) -> Request {
    let pcr = a_pcr(world);
    let mut command = Cmd::new(0x182).handle(pcr).password(b"");
    let count = 1 + world.dice.below(3);
    command = command.u32(count as u32);
    for _ in 0..count {
        let (hash, size) = world
            .dice
            .pick(&[(0x04u16, 20usize), (0x0B, 32), (0x0C, 48), (0x0D, 64)]);
        let digest = world.dice.bytes(size);
        command = command.u16(hash).raw(&digest);
    }
    Request::same(command, Compare::Bytes)
}

fn read_pcr(world: &mut World) -> Request {
    let hash = world.dice.pick(&[0x04u16, 0x0B, 0x0C, 0x0D]);
    let mask: [u8; 3] = [
        world.dice.word() as u8,
        world.dice.word() as u8,
        world.dice.word() as u8,
    ];
    let mask = if world.dice.once_in(2) { [0xFF, 0, 0x81] } else { mask };
    let command = Cmd::new(0x17E).u32(1).u16(hash).u8(3).raw(&mask);
    // The update counter counts differently (verdicts): the size shows which were read, the values are compared by quotes and policies.
    Request::same(command, Compare::Size)
}

fn event(world: &mut World) -> Request {
    let pcr = a_pcr(world);
    let count = world.dice.pick(&[0usize, 5, 1024, 1025]);
    let data = world.dice.bytes(count);
    Request::same(Cmd::new(0x13C).handle(pcr).password(b"").sized(&data), Compare::Bytes)
}

fn reset_pcr(world: &mut World) -> Request {
    let pcr = a_pcr(world);
    Request::same(Cmd::new(0x13D).handle(pcr).password(b""), Compare::Bytes)
}

fn policy_session(world: &mut World) -> Request {
    let kind = world.dice.pick(&[1u8, 1, 3, 3, 0, 2]);
    if world.policies.len() + world.sessions.len() >= SESSIONS {
        let handle = if world.policies.is_empty() {
            world.sessions.remove(0)
        } else {
            world.policies.remove(0)
        };
        return Request::each(|side| Cmd::new(0x165).u32(handle[side]), Compare::Bytes);
    }
    let nonce = world.dice.pick(&[16usize, 32, 15, 33]);
    let symmetric = world.dice.pick(&["0010", "000600800043", "000a000b", "000600800042"]);
    let hash = world.dice.pick(&[0x0Bu16, 0x0B, 0x04, 0x0C, 0x10]);
    let nonce = world.dice.bytes(nonce);
    let command = Cmd::new(0x176)
        .handle(NULL)
        .handle(NULL)
        .sized(&nonce)
        .sized(b"")
        .u8(kind)
        .hex(symmetric)
        .u16(hash);
    Request::same(command, Compare::Size).then(move |world, answers| {
        let handle = [answers[0].handle(), answers[1].handle()];
        if kind == 0 {
            world.sessions.push(handle);
        } else {
            world.policies.push(handle);
        }
    })
}

fn a_policy(world: &mut World) -> Option<[u32; 2]> {
    if world.policies.is_empty() {
        return None;
    }
    let at = world.dice.below(world.policies.len());
    Some(world.policies[at])
}

fn policy(world: &mut World) -> Request {
    let Some(session) = a_policy(world) else {
        return policy_session(world);
    };
    let size = world.dice.pick(&[32usize, 32, 32, 20, 48, 0]);
    let digest = world.dice.bytes(size);
    let on = |code: u32| move |side: usize| Cmd::new(code).handle(session[side]);
    let bytes = Compare::Bytes;
    match world.dice.below(16) {
        0 => Request::each(on(0x16B), bytes),
        1 => Request::each(on(0x18C), bytes),
        2 => {
            let code = world.dice.pick(&[0x157u32, 0x15E, 0x120, 0x17D, 0x11F, 0x300]);
            Request::each(|side| on(0x16C)(side).u32(code), bytes)
        }
        3 => {
            let locality = world.dice.pick(&[1u8, 3, 0, 0x1F, 0x20, 0x47]);
            Request::each(|side| on(0x16F)(side).u8(locality), bytes)
        }
        4 => Request::each(|side| on(0x163 + 0x0B)(side).sized(&digest), bytes),
        5 => Request::each(|side| on(0x170)(side).sized(&digest), bytes),
        6 => Request::each(|side| on(0x190)(side).sized(&digest), bytes),
        7 => {
            let written = world.dice.pick(&[0u8, 1, 2]);
            Request::each(|side| on(0x18F)(side).u8(written), bytes)
        }
        8 => {
            let count = 1 + world.dice.below(4);
            let branches: Vec<u8> = (0..count).flat_map(|_| sized(&world.dice.bytes(32))).collect();
            Request::each(|side| on(0x171)(side).u32(count as u32).raw(&branches), bytes)
        }
        9 => {
            let selection = a_selection(world);
            let digest = if world.dice.once_in(3) { digest } else { Vec::new() };
            Request::each(|side| on(0x17F)(side).sized(&digest).raw(&selection), bytes)
        }
        10 => {
            let entity = world.dice.pick(&[OWNER, ENDORSEMENT, PLATFORM, NULL, LOCKOUT]);
            let expiration = world.dice.pick(&[0u32, 0, 10, 0xFFFF_FFF6]);
            Request::each(
                |side| {
                    Cmd::new(0x151)
                        .handle(entity)
                        .handle(session[side])
                        .password(b"")
                        .sized(b"")
                        .sized(b"")
                        .sized(b"ref")
                        .u32(expiration)
                },
                Compare::Size,
            )
        }
        11 => {
            let operation = world.dice.pick(&[0u16, 1, 2, 5, 9, 11, 12]);
            let offset = world.dice.pick(&[0u16, 8, 16, 24, 25]);
            Request::each(
                |side| {
                    on(0x16D)(side)
                        .sized(&[0, 0, 0, 0, 0, 0, 0, 1])
                        .u16(offset)
                        .u16(operation)
                },
                // What the clocks show is each TPM's own: only malformed ones are the same.
                Compare::Code,
            )
        }
        12 => Request::each(
            |side| {
                on(0x188)(side)
                    .sized(&[&[0, 0x0B][..], &[1; 32]].concat())
                    .sized(&[&[0, 0x0B][..], &[2; 32]].concat())
                    .u8(1)
            },
            bytes,
        ),
        13 => Request::each(on(0x187), bytes),
        14 => Request::each(on(0x180), bytes),
        _ => {
            // PolicyAuthorize with a ticket that nobody made.
            Request::each(
                |side| {
                    on(0x16A)(side)
                        .sized(&digest)
                        .sized(b"")
                        .sized(&[&[0, 0x0B][..], &[3; 32]].concat())
                        .u16(0x8022)
                        .u32(OWNER)
                        .sized(&[4; 32])
                },
                bytes,
            )
        }
    }
}

fn policy_digest(world: &mut World) -> Request {
    let Some(session) = a_policy(world) else {
        return policy_session(world);
    };
    Request::each(|side| Cmd::new(0x189).handle(session[side]), Compare::Size)
}

fn sign(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::EccSigner, Kind::Attester, Kind::Rsa, Kind::Hmac]) else {
        return objects::load_external(world);
    };
    let password = world.auth_of(&object.auth);
    let size = world.dice.pick(&[32usize, 32, 32, 20, 48, 0]);
    let digest = world.dice.bytes(size);
    let scheme = world.dice.pick(&with_optional(
        &[
            "0010", "0018000b", "0014000b", "0016000b", "0005000b", "001c000b", "0014000c",
        ],
        &["001b000b"],
    ));
    let request = Request::each(
        |side| {
            Cmd::new(0x15D)
                .handle(object.handle[side])
                .password(&password)
                .sized(&digest)
                .hex(scheme)
                .u16(0x8024)
                .u32(NULL)
                .sized(b"")
        },
        // An ECDSA signature's two numbers are as short as they happen to be.
        Compare::Code,
    );
    request.then(move |world, answers| {
        let signature = [0, 1].map(|side: usize| answers[side].parameters(false).to_vec());
        world.signature = Some((digest, signature));
    })
}

fn verify(world: &mut World) -> Request {
    let Some((digest, signature)) = world.signature.clone() else {
        return sign(world);
    };
    let Some(object) = world.find(&[Kind::EccSigner, Kind::Attester, Kind::Rsa, Kind::Hmac]) else {
        return sign(world);
    };
    let digest = if world.dice.once_in(5) {
        vec![0x77; digest.len()]
    } else {
        digest
    };
    Request::each(
        |side| {
            Cmd::new(0x177)
                .handle(object.handle[side])
                .sized(&digest)
                .raw(&signature[side])
        },
        Compare::Size,
    )
}

fn attest(world: &mut World) -> Request {
    let signer = world.find(&[Kind::Attester, Kind::EccSigner, Kind::Rsa, Kind::Hmac]);
    let handle = signer.as_ref().map_or([NULL; 2], |object| object.handle);
    let password = signer.map_or(Vec::new(), |object| object.auth);
    let scheme = world.dice.pick(&["0010", "0010", "0018000b", "0014000b", "0005000b"]);
    let extra = world.dice.pick(&[b"".to_vec(), vec![9; 32], vec![9; 65]]);
    match world.dice.below(3) {
        0 => {
            let selection = a_selection(world);
            Request::each(
                |side| {
                    Cmd::new(0x158)
                        .handle(handle[side])
                        .password(&password)
                        .sized(&extra)
                        .hex(scheme)
                        .raw(&selection)
                },
                Compare::Code,
            )
        }
        1 => {
            let Some(object) = world.find(&[Kind::Parent, Kind::Sealed, Kind::Cipher, Kind::EccDecrypter]) else {
                return objects::create_primary(world);
            };
            Request::each(
                |side| {
                    Cmd::new(0x148)
                        .handle(object.handle[side])
                        .handle(handle[side])
                        .password(&object.auth)
                        .password(&password)
                        .sized(&extra)
                        .hex(scheme)
                },
                Compare::Code,
            )
        }
        _ => Request::each(
            |side| {
                Cmd::new(0x14C)
                    .handle(ENDORSEMENT)
                    .handle(handle[side])
                    .password(b"")
                    .password(&password)
                    .sized(&extra)
                    .hex(scheme)
            },
            Compare::Code,
        ),
    }
}

fn cipher(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::Cipher]) else {
        return objects::load_external(world);
    };
    let password = world.auth_of(&object.auth);
    let decrypt = world.dice.pick(&[0u8, 1, 1, 0, 2]);
    let mode = world.dice.pick(&[0x43u16, 0x10, 0x40, 0x41, 0x42, 0x44, 0x45]);
    let iv = world.dice.pick(&[16usize, 16, 16, 0, 8]);
    let count = world.dice.pick(&[0usize, 1, 16, 17, 64, 1024, 1025]);
    let (iv, data) = (world.dice.bytes(iv), world.dice.bytes(count));
    let newer = world.dice.once_in(2);
    Request::each(
        |side| {
            let command = Cmd::new(if newer { 0x193 } else { 0x164 })
                .handle(object.handle[side])
                .password(&password);
            match newer {
                true => command.sized(&data).u8(decrypt).u16(mode).sized(&iv),
                false => command.u8(decrypt).u16(mode).sized(&iv).sized(&data),
            }
        },
        Compare::Size,
    )
}

fn ecdh(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::EccDecrypter, Kind::Parent, Kind::EccSigner]) else {
        return objects::load_external(world);
    };
    if world.dice.once_in(3) {
        return Request::each(|side| Cmd::new(0x163).handle(object.handle[side]), Compare::Code);
    }
    let password = world.auth_of(&object.auth);
    // The point of RFC 6979 A.2.5, and one that is not on the curve.
    let x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    let y = world.dice.pick(&[
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462298",
    ]);
    let point = hex::decode(format!("0020{x}0020{y}")).expect("hexadecimal");
    Request::each(
        |side| {
            Cmd::new(0x154)
                .handle(object.handle[side])
                .password(&password)
                .sized(&point)
        },
        Compare::Size,
    )
}

fn rsa(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::Rsa]) else {
        return objects::load_external(world);
    };
    let scheme = world.dice.pick(&["0010", "0015", "0017000b", "00170004", "0018000b"]);
    let label = world.dice.pick(&[b"".to_vec(), b"label\0".to_vec(), b"label".to_vec()]);
    if world.dice.once_in(2) {
        let count = world.dice.pick(&[0usize, 16, 190, 191, 245, 246, 256]);
        let data = world.dice.bytes(count);
        return Request::each(
            |side| {
                Cmd::new(0x174)
                    .handle(object.handle[side])
                    .sized(&data)
                    .hex(scheme)
                    .sized(&label)
            },
            Compare::Size,
        );
    }
    let password = world.auth_of(&object.auth);
    let count = world.dice.pick(&[256usize, 255, 0, 257]);
    let mut data = world.dice.bytes(count);
    // Below the modulus, most of the time.
    if let Some(first) = data.first_mut()
        && !world.dice.once_in(6)
    {
        *first = 0;
    }
    Request::each(
        |side| {
            Cmd::new(0x159)
                .handle(object.handle[side])
                .password(&password)
                .sized(&data)
                .hex(scheme)
                .sized(&label)
        },
        Compare::Size,
    )
}

fn credential(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::Parent, Kind::EccDecrypter]) else {
        return objects::create_primary(world);
    };
    let size = world.dice.pick(&[16usize, 32, 33, 0]);
    let secret = world.dice.bytes(size);
    let name = world.dice.pick(&[[&[0, 0x0B][..], &[1; 32]].concat(), b"x".to_vec()]);
    Request::each(
        |side| Cmd::new(0x168).handle(object.handle[side]).sized(&secret).sized(&name),
        Compare::Size,
    )
}

fn capability(world: &mut World) -> Request {
    let (capability, property) = world.dice.pick(&[
        (1u32, 0x8000_0000u32),
        (1, 0x8100_0000),
        (1, 0x0100_0000),
        (1, 0x0200_0000),
        (1, 0x0300_0000),
        (1, 0x4000_0000),
        (1, 0),
        (5, 0),
        (5, 1),
        (7, 0),
        (9, 0x4000_0000),
        (0, 0),
        (2, 0x11F),
        (6, 0x100),
        (6, 0x200),
        (8, 0),
        (3, 0),
        (4, 0),
        (0x100, 0),
        (99, 0),
    ]);
    let count = world.dice.pick(&[0u32, 1, 5, 64, 0xFFFF]);
    // Only what was made at run time is the same on both; the rest tells which implementation it is.
    let compare = if capability == 1 && property != 0x4000_0000 {
        Compare::Size
    } else {
        Compare::Code
    };
    let command = Cmd::new(0x17A).u32(capability).u32(property).u32(count);
    Request::same(command, compare)
}

fn parameters(world: &mut World) -> Request {
    if world.dice.once_in(3) {
        let curve = world.dice.pick(&with_optional(&[3u16, 4, 0, 0x7F], &[0x10, 0x20]));
        return Request::same(Cmd::new(0x178).u16(curve), Compare::Bytes);
    }
    let parameters = world.dice.pick(&with_optional(
        &[
            "000100100010080000000000",
            "00010010001004000000",
            "0023001000100003 0010",
            "00230010001800 0b00030010",
            "0008 0005000b",
            "00080010",
            "0025000600800043",
            "002500060081 0043",
            "0025000600800010",
        ],
        &[
            "002500260080 0043",
            "0025 000300c0 0040",
            "0025 000300c1 0040",
            "0023 0010 001b000b 0020 0010",
            "0023 0010 0010 0010 0010",
            "0001 0026 0080 0043 0010 0800 00000000",
        ],
    ));
    Request::same(Cmd::new(0x18A).hex(&parameters.replace(' ', "")), Compare::Bytes)
}

fn hierarchy(world: &mut World) -> Request {
    match world.dice.below(7) {
        0 => {
            let handle = world.dice.pick(&[OWNER, ENDORSEMENT, LOCKOUT, PLATFORM]);
            Request::same(Cmd::new(0x129).handle(handle).password(b"").sized(b""), Compare::Bytes)
        }
        1 => {
            let handle = world.dice.pick(&[OWNER, ENDORSEMENT, PLATFORM]);
            let enable = world.dice.pick(&[OWNER, ENDORSEMENT, 0x4000_000D, NULL]);
            let state = world.dice.pick(&[1u8, 1, 1, 0, 2]);
            let command = Cmd::new(0x121).handle(handle).password(b"").u32(enable).u8(state);
            Request::same(command, Compare::Bytes).then(move |world, _| {
                if state == 0 {
                    world.objects.clear();
                }
            })
        }
        2 => {
            let digest = world.dice.bytes(32);
            let handle = world.dice.pick(&[OWNER, ENDORSEMENT, LOCKOUT, PLATFORM]);
            let hash = world.dice.pick(&[0x0Bu16, 0x10, 0x0C]);
            Request::same(
                Cmd::new(0x12E).handle(handle).password(b"").sized(&digest).u16(hash),
                Compare::Bytes,
            )
        }
        3 => {
            let handle = world.dice.pick(&[LOCKOUT, LOCKOUT, PLATFORM]);
            let disable = world.dice.pick(&[0u8, 0, 1]);
            Request::same(Cmd::new(0x127).handle(handle).password(b"").u8(disable), Compare::Bytes)
        }
        4 if world.dice.once_in(4) => {
            let handle = world.dice.pick(&[LOCKOUT, PLATFORM]);
            Request::same(Cmd::new(0x126).handle(handle).password(b""), Compare::Bytes).then(|world, _| {
                world.objects.clear();
                world.indices.clear();
                world.contexts.clear();
                world.blobs.clear();
            })
        }
        5 => Request::same(
            Cmd::new(0x13A)
                .handle(LOCKOUT)
                .password(b"")
                .u32(10)
                .u32(1000)
                .u32(1000),
            Compare::Bytes,
        ),
        _ => Request::same(Cmd::new(0x139).handle(LOCKOUT).password(b""), Compare::Bytes),
    }
}

fn testing(world: &mut World) -> Request {
    match world.dice.below(6) {
        0 => Request::same(Cmd::new(0x181), Compare::Size),
        1 => Request::same(Cmd::new(0x144).u16(0), Compare::Bytes),
        2 => Request::same(Cmd::new(0x17C), Compare::Code),
        3 => Request::same(Cmd::new(0x143).u8(world.dice.pick(&[0, 1, 2])), Compare::Bytes),
        4 => {
            let code = world.dice.pick(&[0x11Eu32, 0x15F, 0x1A5, 0x2000_0000, 0x2000_0001]);
            Request::same(Cmd::new(code), Compare::Bytes)
        }
        _ => Request::same(Cmd::new(0x142).u32(1).u16(0x0B), Compare::Code),
    }
}
