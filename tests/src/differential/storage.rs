//! Commands about NV indices.

use super::{
    objects::{NULL, OWNER, PLATFORM},
    operations,
    world::{Compare, Index, Kind, Request, World},
};
use crate::oracle::{Cmd, sized};

/// Most indices at a time.
const MOST: usize = 5;

/// TPMA_NV: PPWRITE, OWNERWRITE, AUTHWRITE, PPREAD, OWNERREAD, AUTHREAD, NO_DA.
const OPEN: u32 = 1 | 1 << 1 | 1 << 2 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 25;

/// Index types of TPM_NT with the size that they have.
const TYPES: [(u32, u16); 8] = [(0, 16), (0, 64), (0, 1), (1, 8), (2, 8), (4, 32), (8, 8), (9, 8)];

fn an_index(world: &mut World) -> Option<Index> {
    if world.indices.is_empty() || world.dice.once_in(30) {
        return None;
    }
    let at = world.dice.below(world.indices.len());
    Some(world.indices[at].clone())
}

/// Who authorises: the index itself, its owner, the platform.
fn authority(world: &mut World, index: &Index) -> (u32, Vec<u8>) {
    match world.dice.below(4) {
        0 | 1 => (index.handle, world.auth_of(&index.auth)),
        2 => (OWNER, Vec::new()),
        _ => (PLATFORM, Vec::new()),
    }
}

/// TPM2_NV_DefineSpace.
pub fn define(world: &mut World) -> Request {
    if world.indices.len() >= MOST {
        return undefine(world);
    }
    let handle = 0x0100_0000 + world.dice.below(12) as u32;
    let (kind, size) = world.dice.pick(&TYPES);
    let extra = world.dice.pick(&[
        0u32,
        0,
        0,
        0,
        1 << 12,
        1 << 13,
        1 << 14,
        1 << 15,
        1 << 26,
        1 << 27,
        1 << 31,
        1 << 30,
        1 << 10,
        1 << 3,
    ]);
    let size = if world.dice.once_in(12) { size + 1 } else { size };
    let attributes = (OPEN | kind << 4) ^ extra;
    let hash = world.dice.pick(&[0x0Bu16, 0x0B, 0x0B, 0x04, 0x10]);
    let auth = world.dice.pick(&[b"".to_vec(), b"nv".to_vec(), vec![1; 33]]);
    let public = [
        &handle.to_be_bytes()[..],
        &hash.to_be_bytes(),
        &attributes.to_be_bytes(),
        &sized(b""),
        &size.to_be_bytes(),
    ]
    .concat();
    let provision = world.dice.pick(&[OWNER, OWNER, PLATFORM, NULL]);
    let command = Cmd::new(0x12A)
        .handle(provision)
        .password(b"")
        .sized(&auth)
        .sized(&public);
    Request::same(command, Compare::Bytes).then(move |world, _| {
        world.indices.push(Index {
            handle,
            auth,
            attributes,
            size,
        });
    })
}

/// TPM2_NV_UndefineSpace.
pub fn undefine(world: &mut World) -> Request {
    let handle = an_index(world).map_or(0x0100_0099, |index| index.handle);
    let provision = world.dice.pick(&[OWNER, OWNER, PLATFORM]);
    Request::same(
        Cmd::new(0x122).handle(provision).handle(handle).password(b""),
        Compare::Bytes,
    )
    .then(move |world, _| world.indices.retain(|index| index.handle != handle))
}

/// TPM2_NV_Write.
pub fn write(world: &mut World) -> Request {
    let Some(index) = an_index(world) else {
        return define(world);
    };
    let (authority, password) = authority(world, &index);
    let offset = world.dice.pick(&[0u16, 0, 0, 1, 8, 0xFFFF]);
    let size = world.dice.pick(&[usize::from(index.size), 1, 0, 8, 2048]);
    let data = world.dice.bytes(size);
    Request::same(
        Cmd::new(0x137)
            .handle(authority)
            .handle(index.handle)
            .password(&password)
            .sized(&data)
            .u16(offset),
        Compare::Bytes,
    )
}

/// TPM2_NV_Read.
pub fn read(world: &mut World) -> Request {
    let Some(index) = an_index(world) else {
        return define(world);
    };
    let (authority, password) = authority(world, &index);
    let offset = world.dice.pick(&[0u16, 0, 0, 1, 8, 0xFFFF]);
    let size = world.dice.pick(&[index.size, index.size, 1, 0, 2048]);
    // A new counter starts above every other counter that there is; in swtpm only above those that are gone.
    let compare = if index.is_counter() {
        Compare::Size
    } else {
        Compare::Bytes
    };
    Request::same(
        Cmd::new(0x14E)
            .handle(authority)
            .handle(index.handle)
            .password(&password)
            .u16(size)
            .u16(offset),
        compare,
    )
}

/// TPM2_NV_ReadPublic.
pub fn read_public(world: &mut World) -> Request {
    let handle = an_index(world).map_or(0x0100_0099, |index| index.handle);
    Request::same(Cmd::new(0x169).handle(handle), Compare::Bytes)
}

/// TPM2_NV_Increment, TPM2_NV_SetBits, TPM2_NV_Extend.
pub fn count(world: &mut World) -> Request {
    let Some(index) = an_index(world) else {
        return define(world);
    };
    let (authority, password) = authority(world, &index);
    let fitting = match index.attributes >> 4 & 0xF {
        1 => 0x134u32,
        2 => 0x135,
        4 => 0x136,
        _ => world.dice.pick(&[0x134, 0x135, 0x136]),
    };
    let command = Cmd::new(fitting)
        .handle(authority)
        .handle(index.handle)
        .password(&password);
    let command = match fitting {
        0x134 => command,
        0x135 => command.u64(1 << world.dice.below(64)),
        _ => {
            let count = world.dice.pick(&[0usize, 5, 32, 1024]);
            command.sized(&world.dice.bytes(count))
        }
    };
    Request::same(command, Compare::Bytes)
}

/// TPM2_NV_WriteLock, TPM2_NV_ReadLock, TPM2_NV_GlobalWriteLock.
pub fn lock(world: &mut World) -> Request {
    if world.dice.once_in(6) {
        let provision = world.dice.pick(&[OWNER, PLATFORM]);
        return Request::same(Cmd::new(0x132).handle(provision).password(b""), Compare::Bytes);
    }
    let Some(index) = an_index(world) else {
        return define(world);
    };
    let (authority, password) = authority(world, &index);
    let code = world.dice.pick(&[0x138u32, 0x14F]);
    Request::same(
        Cmd::new(code)
            .handle(authority)
            .handle(index.handle)
            .password(&password),
        Compare::Bytes,
    )
}

/// TPM2_PolicyNV.
pub fn policy_nv(world: &mut World) -> Request {
    let (Some(index), Some(session)) = (an_index(world), world.policies.first().copied()) else {
        return operations::choose(world);
    };
    // What a counter shows is each TPM's own (`read`).
    if index.is_counter() {
        return operations::choose(world);
    }
    let (authority, password) = authority(world, &index);
    let size = world.dice.pick(&[1usize, 8, 0, usize::from(index.size.min(64))]);
    let operand = world.dice.bytes(size);
    let offset = world.dice.pick(&[0u16, 0, 1, 8]);
    let operation = world.dice.pick(&[0u16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    Request::each(
        |side| {
            Cmd::new(0x149)
                .handle(authority)
                .handle(index.handle)
                .handle(session[side])
                .password(&password)
                .sized(&operand)
                .u16(offset)
                .u16(operation)
        },
        Compare::Bytes,
    )
}

/// TPM2_NV_Certify.
pub fn certify(world: &mut World) -> Request {
    let (Some(index), Some(signer)) = (
        an_index(world),
        world.find(&[Kind::Attester, Kind::EccSigner, Kind::Hmac]),
    ) else {
        return define(world);
    };
    let (authority, password) = authority(world, &index);
    let offset = world.dice.pick(&[0u16, 0, 1]);
    let size = world.dice.pick(&[index.size, 1, 0]);
    Request::each(
        |side| {
            Cmd::new(0x184)
                .handle(signer.handle[side])
                .handle(authority)
                .handle(index.handle)
                .password(&signer.auth)
                .password(&password)
                .sized(b"")
                .u16(0x10)
                .u16(size)
                .u16(offset)
        },
        Compare::Code,
    )
}
