//! Commands that make, load, use and drop objects.

use super::world::{Blob, Both, Compare, Kind, Object, Request, World};
use crate::{
    OPTIONAL_ALGORITHMS,
    oracle::{Cmd, public_area, sized},
    with_optional,
};

/// TPM_RH_OWNER, TPM_RH_NULL, TPM_RH_ENDORSEMENT, TPM_RH_PLATFORM.
pub const OWNER: u32 = 0x4000_0001;
/// TPM_RH_NULL.
pub const NULL: u32 = 0x4000_0007;
/// TPM_RH_ENDORSEMENT.
pub const ENDORSEMENT: u32 = 0x4000_000B;
/// TPM_RH_PLATFORM.
pub const PLATFORM: u32 = 0x4000_000C;

/// Most transient objects: what swtpm holds.
const MOST: usize = 3;

/// fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA.
const MADE: u32 = 0x0000_0472;
const RESTRICTED: u32 = 0x0001_0000;
const DECRYPT: u32 = 0x0002_0000;
const SIGN: u32 = 0x0004_0000;

/// A private key and its point on P-256: RFC 6979 A.2.5.
const ECC_PRIVATE: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
const ECC_X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const ECC_Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

/// The modulus of an RSA key that was made for this test, with the usual exponent.
const RSA_MODULUS: &str = "c16ad9cd4a5a56e2abcf199331534422b08927a98fa84f964e742215fa7bbf7051de58c0ee319ba3d69e61db1b3eba7a476c162580f37328e2be7b12\
     6db15bcaba16d93490fc4f5e2df8338853ad92f77878b75472f1d4dad2433832eaeffcbc639db6d4150d477a62b68a3c03e3475ea4aa6bd5e76de8ba\
     772323ce75f23bea66f9aa5c3b3680d43a69941fa465e3cf8d79497a1c5fe69fcd2ca70f707cd9683364355ce088ed47bcdad20ff9780dff17241df5\
     5624732503ce12c1e98674797dc56baecdb676c33af6afa1670750d7ba0e062f9c0b9a3a4d25af8302d115af7b02d529888deaa653ae3f09eff7d6cb\
     8d002bb0d4c712656185045ff89aae67";
/// One of its primes.
const RSA_PRIME: &str = "cfe0e58d17de75a36bff2d1fd1400defd9f7f90dd2b2fd528cd7228a043c71c10428cb8412ed4d0d85d22adc032586337c470a4462a55d08b0018f3d\
     b335d02e2c3929aa0ab32ee4789ee7d96b13f9c6e93eb60ad62310add98689a62a5eccb14962aded681f0a038b6c51a6c860375dd140dff31ef35cd9\
     419bc199c6acf7c5";

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("hexadecimal")
}

/// A template for an object that the TPM makes.
fn template(world: &mut World, kind: Kind) -> Vec<u8> {
    let attributes = |attributes: u32, world: &mut World| match world.dice.below(12) {
        0 => attributes ^ 1 << world.dice.below(20),
        1 => attributes & !0x12,
        2 => attributes | 0x80,
        _ => attributes,
    };
    // P-256 most often; BN-256 and SM2.
    let curve = world.dice.pick(&with_optional(
        &["0003", "0003", "0003", "0004", "0002", "0005", "0007"],
        &["0010", "0020"],
    ));
    let (kind, base, rest) = match kind {
        Kind::Parent => {
            // What protects its children: AES-128; Camellia and triple DES.
            let cipher = match OPTIONAL_ALGORITHMS {
                true => world.dice.pick(&["00060080", "00260080", "000300c0"]),
                false => "00060080",
            };
            let rest = format!("{cipher}00430010{curve}001000000000");
            (0x23, MADE | RESTRICTED | DECRYPT, rest)
        }
        Kind::EccSigner => {
            let scheme = world.dice.pick(&with_optional(
                &["0010", "0018000b", "001c000b", "0018000c", "00180004"],
                &["001b000b", "001b000c"],
            ));
            (0x23, MADE | SIGN, format!("0010{scheme}{curve}001000000000"))
        }
        Kind::Attester => (
            0x23,
            MADE | SIGN | RESTRICTED,
            format!("00100018000b{curve}001000000000"),
        ),
        Kind::EccDecrypter => {
            let scheme = world.dice.pick(&["0010", "0019000b"]);
            (0x23, MADE | DECRYPT, format!("0010{scheme}{curve}001000000000"))
        }
        Kind::Hmac => {
            let scheme = world.dice.pick(&["0005000b", "0010", "0005000c", "00050004"]);
            (0x08, MADE | SIGN, format!("{scheme}0000"))
        }
        Kind::Cipher => {
            let mode = world.dice.pick(&["0043", "0010", "0042", "0044"]);
            let cipher = world.dice.pick(&with_optional(
                &["00060080", "00060100"],
                &["00260080", "00260100", "00030080", "000300c0"],
            ));
            (0x25, MADE | SIGN | DECRYPT, format!("{cipher}{mode}0000"))
        }
        Kind::Sealed | Kind::Rsa | Kind::Sequence => (0x08, MADE & !0x20, "00100000".into()),
    };
    let attributes = attributes(base, world);
    public_area(kind, attributes, &[], &rest)
}

fn any_kind(world: &mut World) -> Kind {
    world.dice.pick(&[
        Kind::Parent,
        Kind::EccSigner,
        Kind::Attester,
        Kind::EccDecrypter,
        Kind::Hmac,
        Kind::Cipher,
        Kind::Sealed,
    ])
}

fn an_auth(world: &mut World) -> Vec<u8> {
    world
        .dice
        .pick(&[b"".to_vec(), b"auth".to_vec(), vec![7; 32], b"zero\0".to_vec()])
}

/// TPMS_SENSITIVE_CREATE behind its size.
fn sensitive(auth: &[u8], data: &[u8]) -> Vec<u8> {
    sized(&[sized(auth), sized(data)].concat())
}

fn data_for(world: &mut World, kind: Kind) -> Vec<u8> {
    let count = world.dice.pick(&[0usize, 1, 16, 32, 128, 129]);
    match kind {
        Kind::Sealed => world.dice.bytes(count),
        Kind::Hmac if world.dice.once_in(3) => world.dice.bytes(count),
        _ => Vec::new(),
    }
}

/// What is loaded, after the fact: the handle is the first thing in the response.
fn keep(world: &mut World, handle: Both<u32>, auth: Vec<u8>, kind: Kind, public: Both<Vec<u8>>) {
    world.objects.push(Object {
        handle,
        auth,
        kind,
        public,
    });
}

fn transient(world: &World) -> usize {
    let transient = |object: &&Object| object.handle[0] >> 24 == 0x80;
    world.objects.iter().filter(transient).count()
}

/// TPM2_CreatePrimary.
pub fn create_primary(world: &mut World) -> Request {
    if transient(world) >= MOST {
        return flush(world);
    }
    let kind = match world.dice.below(3) {
        0 => any_kind(world),
        _ => Kind::Parent,
    };
    let hierarchy = world.dice.pick(&[OWNER, OWNER, ENDORSEMENT, PLATFORM, NULL]);
    let auth = an_auth(world);
    let data = data_for(world, kind);
    let pcrs = a_selection(world);
    let command = Cmd::new(0x131)
        .handle(hierarchy)
        .password(b"")
        .raw(&sensitive(&auth, &data))
        .sized(&template(world, kind))
        .sized(b"outside")
        .raw(&pcrs);
    Request::same(command, Compare::Size).then(move |world, answers| {
        let handle = [answers[0].handle(), answers[1].handle()];
        let public = [0, 1].map(|side: usize| contents_of(answers[side].parameters(true)));
        keep(world, handle, trimmed(auth), kind, public);
    })
}

/// TPM2_Create.
pub fn create(world: &mut World) -> Request {
    let Some(parent) = world.find(&[Kind::Parent]) else {
        return create_primary(world);
    };
    // swtpm wants a free place for the new object.
    if transient(world) >= MOST {
        return flush(world);
    }
    let kind = any_kind(world);
    let (auth, data) = (an_auth(world), data_for(world, kind));
    let password = world.auth_of(&parent.auth);
    let template = template(world, kind);
    let pcrs = a_selection(world);
    let request = Request::each(
        |side| {
            Cmd::new(0x153)
                .handle(parent.handle[side])
                .password(&password)
                .raw(&sensitive(&auth, &data))
                .sized(&template)
                .sized(&[])
                .raw(&pcrs)
        },
        Compare::Size,
    );
    request.then(move |world, answers| {
        let parts = [0, 1].map(|side: usize| {
            let (private, rest) = split(answers[side].parameters(false));
            let (public, _) = split(rest);
            (private.to_vec(), public.to_vec())
        });
        let [(ours, our_public), (theirs, their_public)] = parts;
        world.blobs.push(Blob {
            private: [ours, theirs],
            public: [our_public, their_public],
            auth: trimmed(auth),
            kind,
        });
        if world.blobs.len() > 8 {
            world.blobs.remove(0);
        }
    })
}

/// TPM2_Load.
pub fn load(world: &mut World) -> Request {
    let (Some(parent), false) = (world.find(&[Kind::Parent]), world.blobs.is_empty()) else {
        return create(world);
    };
    // swtpm puts a persistent parent into a transient place for the time of the command, so that the new object gets another handle.
    if parent.handle[0] >> 24 == 0x81 {
        return create(world);
    }
    if transient(world) >= MOST {
        return flush(world);
    }
    let at = world.dice.below(world.blobs.len());
    let blob = world.blobs[at].clone();
    let password = world.auth_of(&parent.auth);
    let request = Request::each(
        |side| {
            Cmd::new(0x157)
                .handle(parent.handle[side])
                .password(&password)
                .raw(&blob.private[side])
                .raw(&blob.public[side])
        },
        Compare::Size,
    );
    request.then(move |world, answers| {
        let handle = [answers[0].handle(), answers[1].handle()];
        let public = [contents_of(&blob.public[0]), contents_of(&blob.public[1])];
        keep(world, handle, blob.auth, blob.kind, public);
    })
}

/// TPM2_LoadExternal, of keys that both know: what is done with them is the same to the byte.
pub fn load_external(world: &mut World) -> Request {
    if transient(world) >= MOST {
        return flush(world);
    }
    // userWithAuth, noDA.
    const OUTSIDE: u32 = 0x0000_0440;
    let kind = world
        .dice
        .pick(&[Kind::EccSigner, Kind::EccDecrypter, Kind::Hmac, Kind::Cipher, Kind::Rsa]);
    let seed = [0x55; 32];
    let hashed = |secret: &[u8]| hex::encode(sized(&crate::oracle::sha256(&[&seed, secret])));
    let point = format!("0020{ECC_X}0020{ECC_Y}");
    let ecc = unhex(ECC_PRIVATE);
    let (kind_code, attributes, rest, secret) = match kind {
        Kind::EccSigner => (0x23, OUTSIDE | SIGN, format!("0010001000030010{point}"), ecc),
        Kind::EccDecrypter => (0x23, OUTSIDE | DECRYPT, format!("0010001000030010{point}"), ecc),
        Kind::Hmac => {
            let scheme = world.dice.pick(&["0005000b", "0010", "0005000d"]);
            let key = vec![0x0B; 20];
            (0x08, OUTSIDE | SIGN, format!("{scheme}{}", hashed(&key)), key)
        }
        Kind::Cipher => {
            let mode = world.dice.pick(&["0043", "0010", "0040", "0041", "0042", "0044"]);
            let (cipher, bytes) = world.dice.pick(&with_optional(
                &[("00060080", 16)],
                &[("00260080", 16), ("002600c0", 24), ("00030080", 16), ("000300c0", 24)],
            ));
            let key: Vec<u8> = (0..bytes).collect();
            (
                0x25,
                OUTSIDE | SIGN | DECRYPT,
                format!("{cipher}{mode}{}", hashed(&key)),
                key,
            )
        }
        _ => (
            0x01,
            OUTSIDE | SIGN | DECRYPT,
            format!("00100010080000000000{}", hex::encode(sized(&unhex(RSA_MODULUS)))),
            unhex(RSA_PRIME),
        ),
    };
    let public = public_area(kind_code, attributes, &[], &rest);
    let with_private = !world.dice.once_in(5);
    let auth = if with_private { an_auth(world) } else { Vec::new() };
    let private = if with_private {
        let seed: &[u8] = if matches!(kind, Kind::Hmac | Kind::Cipher) {
            &seed
        } else {
            &[]
        };
        sized(
            &[
                &u16::to_be_bytes(kind_code)[..],
                &sized(&auth),
                &sized(seed),
                &sized(&secret),
            ]
            .concat(),
        )
    } else {
        vec![0, 0]
    };
    let hierarchy = if with_private && !world.dice.once_in(12) {
        NULL
    } else {
        world.dice.pick(&[OWNER, NULL])
    };
    let command = Cmd::new(0x167).raw(&private).sized(&public).u32(hierarchy);
    Request::same(command, Compare::Bytes).then(move |world, answers| {
        let handle = [answers[0].handle(), answers[1].handle()];
        keep(world, handle, trimmed(auth), kind, [public.clone(), public]);
    })
}

/// TPM2_FlushContext.
pub fn flush(world: &mut World) -> Request {
    let choice = world.dice.below(10);
    if choice < 8 && !world.objects.is_empty() {
        let at = world.dice.below(world.objects.len());
        let handle = world.objects[at].handle;
        let request = Request::each(|side| Cmd::new(0x165).u32(handle[side]), Compare::Bytes);
        return request.then(move |world, _| world.objects.retain(|object| object.handle != handle));
    }
    if choice == 8 && !world.policies.is_empty() {
        let handle = world.policies.remove(0);
        return Request::each(|side| Cmd::new(0x165).u32(handle[side]), Compare::Bytes);
    }
    let handle = world
        .dice
        .pick(&[0x8000_0000, 0x8000_0002, 0x0300_0000, 0x0200_0001, 0x8100_0001, OWNER]);
    let request = Request::same(Cmd::new(0x165).u32(handle), Compare::Bytes);
    request.then(move |world, _| {
        world.objects.retain(|object| object.handle[0] != handle);
        world
            .policies
            .retain(|session| session[0] & 0xFF_FFFF != handle & 0xFF_FFFF);
        world
            .sessions
            .retain(|session| session[0] & 0xFF_FFFF != handle & 0xFF_FFFF);
    })
}

/// TPM2_ReadPublic.
pub fn read_public(world: &mut World) -> Request {
    let Some(object) = world.objects.last().cloned() else {
        return Request::same(Cmd::new(0x173).handle(0x8000_0001), Compare::Size);
    };
    Request::each(|side| Cmd::new(0x173).handle(object.handle[side]), Compare::Size)
}

/// TPM2_ContextSave and TPM2_ContextLoad.
pub fn context(world: &mut World) -> Request {
    if world.dice.once_in(2) || world.contexts.is_empty() {
        let Some(object) = world.objects.last().cloned() else {
            return create_primary(world);
        };
        let request = Request::each(|side| Cmd::new(0x162).handle(object.handle[side]), Compare::Code);
        return request.then(|world, answers| {
            world
                .contexts
                .push([0, 1].map(|side: usize| answers[side].parameters(false).to_vec()));
            if world.contexts.len() > 4 {
                world.contexts.remove(0);
            }
        });
    }
    if transient(world) >= MOST {
        return flush(world);
    }
    let at = world.dice.below(world.contexts.len());
    let context = world.contexts[at].clone();
    let request = Request::each(|side| Cmd::new(0x161).raw(&context[side]), Compare::Size);
    request.then(|world, answers| {
        let handle = [answers[0].handle(), answers[1].handle()];
        // What it is has been forgotten: it is only dropped again.
        keep(world, handle, Vec::new(), Kind::Sequence, [Vec::new(), Vec::new()]);
    })
}

/// TPM2_EvictControl.
pub fn evict(world: &mut World) -> Request {
    let persistent = world
        .dice
        .pick(&[0x8100_0010u32, 0x8100_0011, 0x8180_0000, 0x8101_0001, 0x8200_0000]);
    let authority = world.dice.pick(&[OWNER, OWNER, PLATFORM, ENDORSEMENT]);
    if let Some(held) = world.objects.iter().find(|object| object.handle[0] >> 24 == 0x81)
        && world.dice.once_in(2)
    {
        let handle = held.handle[0];
        let command = Cmd::new(0x120)
            .handle(authority)
            .handle(handle)
            .password(b"")
            .u32(handle);
        return Request::same(command, Compare::Bytes)
            .then(move |world, _| world.objects.retain(|object| object.handle[0] != handle));
    }
    let Some(object) = world.find(&[Kind::Parent, Kind::EccSigner, Kind::Hmac, Kind::Sealed, Kind::Rsa]) else {
        return create_primary(world);
    };
    let request = Request::each(
        |side| {
            Cmd::new(0x120)
                .handle(authority)
                .handle(object.handle[side])
                .password(b"")
                .u32(persistent)
        },
        Compare::Bytes,
    );
    request.then(move |world, _| {
        // An object that is persistent already is taken away by its own handle.
        if object.handle[0] == persistent {
            world.objects.retain(|other| other.handle[0] != persistent);
        } else {
            keep(world, [persistent; 2], object.auth, object.kind, object.public);
        }
    })
}

/// TPM2_Unseal.
pub fn unseal(world: &mut World) -> Request {
    let Some(object) = world.find(&[Kind::Sealed, Kind::Sealed, Kind::Hmac]) else {
        return load(world);
    };
    let password = world.auth_of(&object.auth);
    Request::each(
        |side| Cmd::new(0x15E).handle(object.handle[side]).password(&password),
        Compare::Bytes,
    )
}

/// TPM2_ObjectChangeAuth.
pub fn change_auth(world: &mut World) -> Request {
    let (Some(parent), Some(object)) = (
        world.find(&[Kind::Parent]),
        world.find(&[Kind::Sealed, Kind::EccSigner, Kind::Hmac]),
    ) else {
        return load(world);
    };
    let password = world.auth_of(&object.auth);
    let auth = an_auth(world);
    Request::each(
        |side| {
            Cmd::new(0x150)
                .handle(object.handle[side])
                .handle(parent.handle[side])
                .password(&password)
                .sized(&auth)
        },
        Compare::Size,
    )
}

/// TPML_PCR_SELECTION, mostly empty.
pub fn a_selection(world: &mut World) -> Vec<u8> {
    let one = |hash: u16, mask: [u8; 3]| {
        let mut bytes = vec![0, 0, 0, 1];
        bytes.extend(hash.to_be_bytes());
        bytes.push(3);
        bytes.extend(mask);
        bytes
    };
    match world.dice.below(6) {
        0 => one(0x0B, [0xFF, 0, 0]),
        1 => one(0x04, [1, 0, 1]),
        2 => one(0x0C, [0, 0, 0]),
        _ => vec![0; 4],
    }
}

/// A TPM2B with its size, and what follows it; everything when it is none.
pub fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let size = bytes
        .get(..2)
        .map_or(0, |size| usize::from(u16::from_be_bytes([size[0], size[1]])));
    bytes.split_at((2 + size).min(bytes.len()))
}

/// The contents of the TPM2B at the beginning.
fn contents_of(bytes: &[u8]) -> Vec<u8> {
    split(bytes).0.get(2..).unwrap_or_default().to_vec()
}

/// An authValue as the TPM keeps it: without zeros at its end.
fn trimmed(mut auth: Vec<u8>) -> Vec<u8> {
    while auth.last() == Some(&0) {
        auth.pop();
    }
    auth
}
