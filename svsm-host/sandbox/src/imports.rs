//! What the component asks of the host: lowering of every import in `wit/tpm.wit`.
//!
//! Everything that arrives here was chosen by the component, as often as it likes. Each import goes the same way: may it be called now; are its
//! lengths within the contract's bounds; can the call pay for it (before any work); are its operands and the place for its result in memory; then the
//! host works, and the result goes back through the component's own allocator. Operands are lent to the host where they
//! are: the component stands still meanwhile. Neighbours: `guest.rs` checks pointers, `cost.rs` knows prices, [`tpm_contract::Host`] does the work.

use crate::{
    cost,
    fault::{SandboxFault, from_interpreter},
    guest::{Abi, Disjoint, Guest, Phase, bytes, record, within, word},
    world::{ARITHMETIC, HOST},
};
use alloc::vec::Vec;
use tpm_contract::{
    Change, CipherMode, CommitError, Curve, Direction, HashAlgorithm, HashCore, Host, LogLevel, Refusal,
    bounds::{
        self, MAX_BULK, MAX_CANDIDATE, MAX_DIGEST, MAX_HASH_STATE, MAX_HMAC_KEY, MAX_IV, MAX_KEY, MAX_MODULUS,
        MAX_SCALAR,
    },
};
use wasmi::{Caller, Linker};
use zeroize::Zeroize;

/// Size of `record change` in memory, and its alignment.
const CHANGE: (u32, u32) = (16, 4);
/// Size of `result<list<u8>, _>` in memory, and its alignment.
const RESULT_LIST: (u32, u32) = (12, 4);
/// Size of a result with small payloads, and its alignment.
const RESULT_SMALL: (u32, u32) = (2, 1);

/// A list of bytes as it crosses the boundary.
type List = (u32, u32);

/// Offers every import to the linker.
pub(crate) fn define<H: Host + 'static>(linker: &mut Linker<Guest<H>>) -> Result<(), SandboxFault> {
    type C<'a, H> = Caller<'a, Guest<H>>;
    type Done = Result<(), wasmi::Error>;
    let host = |result: Result<(), SandboxFault>| result.map_err(wasmi::Error::host);
    let wrapped = (|| {
        linker.func_wrap(HOST, "entropy", move |c: C<'_, H>, n: u32, to: u32| -> Done {
            host(entropy(c, n, to))
        })?;
        linker.func_wrap(HOST, "clock", |c: C<'_, H>| clock(c).map_err(wasmi::Error::host))?;
        linker.func_wrap(HOST, "commit", move |c: C<'_, H>, p: u32, n: u32, to: u32| -> Done {
            host(commit(c, (p, n), to))
        })?;
        linker.func_wrap(HOST, "log", move |c: C<'_, H>, level: u32, p: u32, n: u32| -> Done {
            host(log(c, level, (p, n)))
        })?;
        linker.func_wrap(
            ARITHMETIC,
            "mod-exp",
            move |c: C<'_, H>, b: u32, bn: u32, e: u32, en: u32, m: u32, mn: u32, to: u32| -> Done {
                host(mod_exp(c, [(b, bn), (e, en), (m, mn)], to))
            },
        )?;
        linker.func_wrap(
            ARITHMETIC,
            "miller-rabin",
            move |c: C<'_, H>, p: u32, pn: u32, b: u32, bn: u32, to: u32| -> Done {
                host(miller_rabin(c, (p, pn), (b, bn), to))
            },
        )?;
        linker.func_wrap(ARITHMETIC, "rsa-private", {
            #[rustfmt::skip]
            let import = move |
                c: C<'_, H>, x: u32, xn: u32, p: u32, pn: u32, q: u32, qn: u32,
                d: u32, dn: u32, e: u32, en: u32, i: u32, iv: u32, to: u32,
            | -> Done {
                host(rsa_private(c, (x, xn), [(p, pn), (q, qn), (d, dn), (e, en), (i, iv)], to))
            };
            import
        })?;
        linker.func_wrap(
            ARITHMETIC,
            "ec-multiply",
            move |c: C<'_, H>, curve: u32, k: u32, kn: u32, some: u32, p: u32, pn: u32, to: u32| -> Done {
                host(ec_multiply(c, curve, (k, kn), (some, (p, pn)), to))
            },
        )?;
        linker.func_wrap(
            ARITHMETIC,
            "ec-multiply-add",
            move |c: C<'_, H>, curve: u32, u: u32, un: u32, v: u32, vn: u32, p: u32, pn: u32, to: u32| -> Done {
                host(ec_multiply_add(c, curve, [(u, un), (v, vn), (p, pn)], to))
            },
        )?;
        linker.func_wrap(
            ARITHMETIC,
            "hash-blocks",
            move |c: C<'_, H>, hash: u32, s: u32, sn: u32, b: u32, bn: u32, to: u32| -> Done {
                host(hash_blocks(c, hash, (s, sn), (b, bn), to))
            },
        )?;
        linker.func_wrap(
            ARITHMETIC,
            "digest",
            move |c: C<'_, H>, hash: u32, m: u32, mn: u32, to: u32| -> Done { host(digest(c, hash, (m, mn), to)) },
        )?;
        linker.func_wrap(
            ARITHMETIC,
            "hmac",
            move |c: C<'_, H>, hash: u32, k: u32, kn: u32, m: u32, mn: u32, to: u32| -> Done {
                host(hmac(c, hash, (k, kn), (m, mn), to))
            },
        )?;
        linker.func_wrap(
            ARITHMETIC,
            "aes",
            move |c: C<'_, H>, m: u32, d: u32, k: u32, kn: u32, i: u32, iv: u32, x: u32, xn: u32, to: u32| -> Done {
                host(aes(c, (m, d), [(k, kn), (i, iv), (x, xn)], to))
            },
        )?;
        Ok(())
    })();
    wrapped.map_err(from_interpreter)
}

/// One call of an import.
struct Import<'a, H>(Caller<'a, Guest<H>>);

impl<'a, H: Host> Import<'a, H> {
    /// Admits the call, and charges `fuel` for it.
    fn enter(caller: Caller<'a, Guest<H>>, name: &'static str, fuel: u64) -> Result<Self, SandboxFault> {
        let mut import = Self(caller);
        let guest = import.0.data_mut();
        if guest.phase != Phase::Export {
            return Err(SandboxFault::ImportNotAllowed(name));
        }
        guest.used.imports += 1;
        import.charge(fuel)?;
        Ok(import)
    }

    fn charge(&mut self, fuel: u64) -> Result<(), SandboxFault> {
        let left = self.0.get_fuel().map_err(from_interpreter)?;
        let left = left.checked_sub(fuel).ok_or(SandboxFault::OutOfFuel)?;
        self.0.set_fuel(left).map_err(from_interpreter)?;
        self.0.data_mut().used.import_fuel += fuel;
        Ok(())
    }

    /// The place where a result goes, checked and taken.
    fn place(&mut self, pointer: u32, (size, alignment): (u32, u32)) -> Result<Disjoint, SandboxFault> {
        let (memory, _) = self.0.split()?;
        if !pointer.is_multiple_of(alignment) {
            return Err(SandboxFault::PointerMisaligned);
        }
        bytes(memory, pointer, size)?;
        let mut taken = Disjoint::default();
        taken.claim(pointer, size)?;
        Ok(taken)
    }

    /// Has the host work on operands that lie in the memory, and hands over its reply of at most `longest` bytes.
    fn answer(
        mut self,
        to: u32,
        longest: usize,
        work: impl FnOnce(&[u8], &mut H) -> Result<Result<Vec<u8>, Refusal>, SandboxFault>,
    ) -> Result<(), SandboxFault> {
        let taken = self.place(to, RESULT_LIST)?;
        let (memory, guest) = self.0.split()?;
        let reply = work(memory, &mut guest.host)?;
        self.reply(to, taken, reply, longest)
    }

    /// Hands over `result<list<u8>, refusal>`.
    fn reply(
        mut self,
        to: u32,
        mut taken: Disjoint,
        reply: Result<Vec<u8>, Refusal>,
        longest: usize,
    ) -> Result<(), SandboxFault> {
        let mut out = [0; RESULT_LIST.0 as usize];
        match reply {
            Ok(mut list) => {
                if list.len() > longest {
                    return Err(SandboxFault::HostResult);
                }
                self.charge(cost::result(list.len() as u64))?;
                let given = self.0.give(&list, &mut taken);
                list.zeroize();
                let (pointer, length) = given?;
                out[4..8].copy_from_slice(&pointer.to_le_bytes());
                out[8..].copy_from_slice(&length.to_le_bytes());
            }
            Err(refusal) => {
                out[0] = 1;
                out[4] = refusal as u8;
            }
        }
        self.0.write(to, &out)
    }
}

fn entropy<H: Host>(caller: Caller<'_, Guest<H>>, length: u32, to: u32) -> Result<(), SandboxFault> {
    within("entropy", length.into(), bounds::MAX_ENTROPY)?;
    let mut import = Import::enter(caller, "entropy", cost::entropy(length.into()))?;
    let mut taken = import.place(to, (8, 4))?;
    let mut fresh = [0; bounds::MAX_ENTROPY];
    let fresh_bytes = fresh.get_mut(..length as usize).ok_or(SandboxFault::Interpreter)?;
    let given = match import.0.data_mut().host.entropy(fresh_bytes) {
        true => import.0.give(fresh_bytes, &mut taken),
        false => import.0.give(&[], &mut taken),
    };
    fresh.zeroize();
    let (pointer, length) = given?;
    let mut out = [0; 8];
    out[..4].copy_from_slice(&pointer.to_le_bytes());
    out[4..].copy_from_slice(&length.to_le_bytes());
    import.0.write(to, &out)
}

fn clock<H: Host>(caller: Caller<'_, Guest<H>>) -> Result<u64, SandboxFault> {
    let mut import = Import::enter(caller, "clock", cost::clock())?;
    Ok(import.0.data_mut().host.clock())
}

fn commit<H: Host>(caller: Caller<'_, Guest<H>>, (first, count): List, to: u32) -> Result<(), SandboxFault> {
    within("changes of a commit", count.into(), bounds::MAX_CHANGES)?;
    let mut import = Import::enter(caller, "commit", cost::commit(count.into()))?;
    import.place(to, RESULT_SMALL)?;
    let mut changes = Vec::new();
    changes
        .try_reserve_exact(count as usize)
        .map_err(|_| SandboxFault::HostOutOfMemory)?;
    let mut total = 0;
    let lifted = (0..count).try_for_each(|index| {
        changes.push(change(&mut import, first, index, &mut total)?);
        Ok(())
    });
    let guest = import.0.data_mut();
    let reply = lifted.and_then(|()| {
        guest.used.commit_bytes += total;
        if guest.used.commit_bytes > guest.commit_bytes {
            return Err(SandboxFault::Flood("commits"));
        }
        Ok(guest.host.commit(&changes))
    });
    for change in &mut changes {
        change.value.zeroize();
    }
    let out = match reply? {
        Ok(()) => [0, 0],
        Err(CommitError::Unavailable) => [1, 0],
        Err(CommitError::Full) => [1, 1],
        Err(CommitError::BadOperand) => [1, 2],
    };
    import.0.write(to, &out)
}

/// Reads the `index`th change of a commit, whose values together must stay within the bound.
fn change<H: Host>(
    import: &mut Import<'_, H>,
    first: u32,
    index: u32,
    total: &mut usize,
) -> Result<Change, SandboxFault> {
    let (memory, _) = import.0.split()?;
    let at = first
        .checked_add(index * CHANGE.0)
        .ok_or(SandboxFault::PointerOutOfBounds)?;
    let change: [u8; CHANGE.0 as usize] = record(memory, at, CHANGE.1)?;
    let key = word(&change, 0);
    let value = match change[4] {
        0 => None,
        1 => {
            let (pointer, length) = (word(&change, 8), word(&change, 12));
            within("a state record", length.into(), bounds::MAX_RECORD)?;
            *total += length as usize;
            within("a commit", *total as u64, bounds::MAX_COMMIT)?;
            import.charge(cost::commit_value(length.into()))?;
            let (memory, _) = import.0.split()?;
            let from = bytes(memory, pointer, length)?;
            let mut value = Vec::new();
            value
                .try_reserve_exact(from.len())
                .map_err(|_| SandboxFault::HostOutOfMemory)?;
            value.extend_from_slice(from);
            Some(value)
        }
        _ => return Err(SandboxFault::BadDiscriminant),
    };
    Ok(Change { key, value })
}

fn log<H: Host>(caller: Caller<'_, Guest<H>>, level: u32, (at, length): List) -> Result<(), SandboxFault> {
    within("a log line", length.into(), bounds::MAX_LOG)?;
    let level = match level {
        0 => LogLevel::Error,
        1 => LogLevel::Warn,
        2 => LogLevel::Info,
        3 => LogLevel::Debug,
        _ => return Err(SandboxFault::BadDiscriminant),
    };
    let mut import = Import::enter(caller, "log", cost::log(length.into()))?;
    let (memory, guest) = import.0.split()?;
    guest.used.log_lines += 1;
    if guest.used.log_lines > guest.log_lines {
        return Err(SandboxFault::Flood("log lines"));
    }
    let line = core::str::from_utf8(bytes(memory, at, length)?).map_err(|_| SandboxFault::BadUtf8)?;
    guest.host.log(level, line);
    Ok(())
}

fn mod_exp<H: Host>(caller: Caller<'_, Guest<H>>, operands: [List; 3], to: u32) -> Result<(), SandboxFault> {
    let [base, exponent, modulus] = operands;
    for (what, list) in [("a base", base), ("an exponent", exponent), ("a modulus", modulus)] {
        within(what, list.1.into(), MAX_MODULUS)?;
    }
    let fuel = cost::mod_exp(exponent.1.into(), modulus.1.into());
    Import::enter(caller, "mod-exp", fuel)?.answer(to, MAX_MODULUS, |memory, host| {
        let operand = |list| lent(memory, list);
        Ok(host.mod_exp(operand(base)?, operand(exponent)?, operand(modulus)?))
    })
}

fn miller_rabin<H: Host>(
    caller: Caller<'_, Guest<H>>,
    candidate: List,
    bases: List,
    to: u32,
) -> Result<(), SandboxFault> {
    within("a candidate", candidate.1.into(), MAX_CANDIDATE)?;
    within("bases", bases.1.into(), MAX_CANDIDATE * bounds::MAX_BASES)?;
    let fuel = cost::miller_rabin(candidate.1.into(), bases.1.into());
    let mut import = Import::enter(caller, "miller-rabin", fuel)?;
    import.place(to, RESULT_SMALL)?;
    let (memory, guest) = import.0.split()?;
    let reply = guest.host.miller_rabin(lent(memory, candidate)?, lent(memory, bases)?);
    let out = match reply {
        Ok(prime) => [0, u8::from(prime)],
        Err(refusal) => [1, refusal as u8],
    };
    import.0.write(to, &out)
}

fn rsa_private<H: Host>(
    caller: Caller<'_, Guest<H>>,
    input: List,
    key: [List; 5],
    to: u32,
) -> Result<(), SandboxFault> {
    within("an RSA input", input.1.into(), MAX_MODULUS)?;
    for part in key {
        within("a part of an RSA key", part.1.into(), MAX_CANDIDATE)?;
    }
    let [p, q, d_p, d_q, q_inverse] = key;
    Import::enter(caller, "rsa-private", cost::rsa_private(p.1.into()))?.answer(to, MAX_MODULUS, |memory, host| {
        let operand = |list| lent(memory, list);
        Ok(host.rsa_private(
            operand(input)?,
            [operand(p)?, operand(q)?],
            [operand(d_p)?, operand(d_q)?],
            operand(q_inverse)?,
        ))
    })
}

fn ec_multiply<H: Host>(
    caller: Caller<'_, Guest<H>>,
    on: u32,
    scalar: List,
    (some, point): (u32, List),
    to: u32,
) -> Result<(), SandboxFault> {
    let on = curve(on)?;
    within("a scalar", scalar.1.into(), MAX_SCALAR)?;
    Import::enter(caller, "ec-multiply", cost::ec_multiply(on))?.answer(to, 2 * MAX_SCALAR, |memory, host| {
        let point = match some {
            0 => None,
            1 => {
                within("a point", point.1.into(), 2 * MAX_SCALAR)?;
                Some(lent(memory, point)?)
            }
            _ => return Err(SandboxFault::BadDiscriminant),
        };
        Ok(host.ec_multiply(on, lent(memory, scalar)?, point))
    })
}

fn ec_multiply_add<H: Host>(
    caller: Caller<'_, Guest<H>>,
    on: u32,
    [u1, u2, point]: [List; 3],
    to: u32,
) -> Result<(), SandboxFault> {
    let on = curve(on)?;
    within("a scalar", u1.1.max(u2.1).into(), MAX_SCALAR)?;
    within("a point", point.1.into(), 2 * MAX_SCALAR)?;
    Import::enter(caller, "ec-multiply-add", cost::ec_multiply_add(on))?.answer(to, 2 * MAX_SCALAR, |memory, host| {
        let operand = |list| lent(memory, list);
        Ok(host.ec_multiply_add(on, operand(u1)?, operand(u2)?, operand(point)?))
    })
}

fn hash_blocks<H: Host>(
    caller: Caller<'_, Guest<H>>,
    hash: u32,
    state: List,
    blocks: List,
    to: u32,
) -> Result<(), SandboxFault> {
    let hash = match hash {
        0 => HashCore::Sha1,
        1 => HashCore::Sha256,
        2 => HashCore::Sha512,
        _ => return Err(SandboxFault::BadDiscriminant),
    };
    within("a hash state", state.1.into(), MAX_HASH_STATE)?;
    within("hash blocks", blocks.1.into(), MAX_BULK)?;
    let fuel = cost::hash_blocks(hash, blocks.1.into());
    Import::enter(caller, "hash-blocks", fuel)?.answer(to, MAX_HASH_STATE, |memory, host| {
        Ok(host.hash_blocks(hash, lent(memory, state)?, lent(memory, blocks)?))
    })
}

fn digest<H: Host>(caller: Caller<'_, Guest<H>>, hash: u32, message: List, to: u32) -> Result<(), SandboxFault> {
    let hash = algorithm(hash)?;
    within("a message", message.1.into(), MAX_BULK)?;
    Import::enter(caller, "digest", cost::digest(message.1.into()))?.answer(to, MAX_DIGEST, |memory, host| {
        Ok(host.digest(hash, lent(memory, message)?))
    })
}

fn hmac<H: Host>(
    caller: Caller<'_, Guest<H>>,
    hash: u32,
    key: List,
    message: List,
    to: u32,
) -> Result<(), SandboxFault> {
    let hash = algorithm(hash)?;
    within("an HMAC key", key.1.into(), MAX_HMAC_KEY)?;
    within("a message", message.1.into(), MAX_BULK)?;
    let fuel = cost::hmac(key.1.into(), message.1.into());
    Import::enter(caller, "hmac", fuel)?.answer(to, MAX_DIGEST, |memory, host| {
        Ok(host.hmac(hash, lent(memory, key)?, lent(memory, message)?))
    })
}

fn aes<H: Host>(
    caller: Caller<'_, Guest<H>>,
    (mode, direction): (u32, u32),
    [key, iv, data]: [List; 3],
    to: u32,
) -> Result<(), SandboxFault> {
    let mode = match mode {
        0 => CipherMode::Ecb,
        1 => CipherMode::Cbc,
        2 => CipherMode::Cfb,
        3 => CipherMode::Ctr,
        4 => CipherMode::Ofb,
        _ => return Err(SandboxFault::BadDiscriminant),
    };
    let direction = match direction {
        0 => Direction::Encrypt,
        1 => Direction::Decrypt,
        _ => return Err(SandboxFault::BadDiscriminant),
    };
    within("an AES key", key.1.into(), MAX_KEY)?;
    within("an IV", iv.1.into(), MAX_IV)?;
    within("AES data", data.1.into(), MAX_BULK)?;
    Import::enter(caller, "aes", cost::aes(data.1.into()))?.answer(to, MAX_BULK, |memory, host| {
        let operand = |list| lent(memory, list);
        Ok(host.aes(mode, direction, operand(key)?, operand(iv)?, operand(data)?))
    })
}

/// An operand, where it lies.
fn lent(memory: &[u8], (at, length): List) -> Result<&[u8], SandboxFault> {
    bytes(memory, at, length)
}

fn algorithm(value: u32) -> Result<HashAlgorithm, SandboxFault> {
    match value {
        0 => Ok(HashAlgorithm::Sha1),
        1 => Ok(HashAlgorithm::Sha256),
        2 => Ok(HashAlgorithm::Sha384),
        3 => Ok(HashAlgorithm::Sha512),
        _ => Err(SandboxFault::BadDiscriminant),
    }
}

fn curve(value: u32) -> Result<Curve, SandboxFault> {
    match value {
        0 => Ok(Curve::P256),
        1 => Ok(Curve::P384),
        2 => Ok(Curve::P521),
        _ => Err(SandboxFault::BadDiscriminant),
    }
}
