//! A made-up but well-formed SNP key hierarchy for the simulated platform.
//!
//! Real hardware signs attestation reports with a key (VCEK) that AMD certifies through ASK and ARK. The simulator needs the same
//! shape with keys of its own: this crate makes an ARK and an ASK (RSA-4096, RSASSA-PSS with SHA-384) and a VCEK (ECDSA P-384) whose
//! certificate carries AMD's extensions, and packs what the simulator needs into one file. Nothing here is ever trusted by default: a
//! verifier has AMD's roots built in and must be told by file name to trust this one, every subject name says `SIMULATOR ONLY`, and
//! the keys are fresh random ones for each cache folder.
//!
//! Inputs are the caller's cache folder only; a cached set that no longer hangs together is thrown away and made again. The private
//! keys of ARK and ASK exist only while the certificates are made. Layouts: SNP firmware ABI (56860) for the TCB and the identifiers,
//! VCEK certificate specification (57230) for the extensions, GHCB specification §4.1.8.1 for the certificate table.
#![forbid(unsafe_code)]

mod chain;
mod simulator_file;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use anyhow::{Context, Result};

pub use chain::{Authority, Chain, Leaf, Platform};
pub use simulator_file::{PKI_MAGIC, certificate_table, pki_file};

/// Where one generated hierarchy lies on disk.
#[derive(Debug, Clone)]
pub struct PkiFiles {
    /// The simulator's root certificate (DER): what a verifier is told to trust.
    pub ark: PathBuf,
    /// The intermediate certificate (DER).
    pub ask: PathBuf,
    /// The certificate of the report-signing key (DER).
    pub vcek: PathBuf,
    /// VCEK, ASK and ARK as one PEM file, leaf first.
    pub chain_pem: PathBuf,
    /// The simulator's input: signing key, identity and certificate table.
    pub pki: PathBuf,
}

impl PkiFiles {
    fn in_folder(folder: &Path) -> Self {
        PkiFiles {
            ark: folder.join("ark.der"),
            ask: folder.join("ask.der"),
            vcek: folder.join("vcek.der"),
            chain_pem: folder.join("chain.pem"),
            pki: folder.join("pki.bin"),
        }
    }

    /// Whether these files are there and belong together: the packed file is rebuilt from its parts and compared.
    fn is_intact(&self) -> bool {
        let (Ok(ark), Ok(ask), Ok(vcek), Ok(pki)) = (
            fs::read(&self.ark),
            fs::read(&self.ask),
            fs::read(&self.vcek),
            fs::read(&self.pki),
        ) else {
            return false;
        };
        self.chain_pem.is_file() && simulator_file::is_consistent(&pki, &ark, &ask, &vcek)
    }
}

/// The hierarchy in `folder`, made now if it is not there yet; `say` is told when that takes a while.
///
/// Several processes may ask at once: each writes a folder of its own and the first to rename it into place wins. Threads of one process wait
/// for each other.
pub fn ensure(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<PkiFiles> {
    static ONE_THREAD: Mutex<()> = Mutex::new(());
    // What the lock guards is on disk and judged anew by whoever comes next, so a thread that panicked left nothing broken behind.
    let _waiting = ONE_THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    let files = PkiFiles::in_folder(folder);
    if files.is_intact() {
        return Ok(files);
    }
    say("making the simulator's certificate chain (two RSA-4096 keys, once)");
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    let name = folder
        .file_name()
        .context("the cache folder needs a name")?
        .to_string_lossy()
        .into_owned();
    let fresh = parent.join(format!(".{name}.{}", std::process::id()));
    let stale = parent.join(format!(".{name}.{}.old", std::process::id()));
    remove_if_there(&fresh)?;
    fs::create_dir_all(&fresh).with_context(|| format!("creating {}", fresh.display()))?;
    write(&Chain::generate(Platform::default())?, &PkiFiles::in_folder(&fresh))?;
    if files.is_intact() {
        remove_if_there(&fresh)?;
        return Ok(files);
    }
    if folder.exists() {
        fs::rename(folder, &stale).with_context(|| format!("moving the broken {} aside", folder.display()))?;
    }
    match fs::rename(&fresh, folder) {
        Ok(()) => {}
        Err(_) if files.is_intact() => remove_if_there(&fresh)?,
        Err(error) => return Err(error).with_context(|| format!("putting {} in place", folder.display())),
    }
    remove_if_there(&stale)?;
    Ok(files)
}

fn write(chain: &Chain, files: &PkiFiles) -> Result<()> {
    let put = |path: &Path, bytes: &[u8]| fs::write(path, bytes).with_context(|| format!("writing {}", path.display()));
    put(&files.ark, &chain.ark)?;
    put(&files.ask, &chain.ask)?;
    put(&files.vcek, &chain.vcek)?;
    put(&files.chain_pem, chain.pem()?.as_bytes())?;
    put(&files.pki, &pki_file(chain)?)
}

fn remove_if_there(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ensure_twice_keeps_the_first_set_and_repairs_a_broken_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = folder.path().join("pki");
        let mut made = 0;
        let first = ensure(&cache, &mut |_| made += 1).expect("made");
        let kept = fs::read(&first.pki).expect("readable");
        ensure(&cache, &mut |_| made += 1).expect("found");
        assert_eq!(made, 1);
        assert_eq!(fs::read(&first.pki).expect("readable"), kept);
        fs::write(&first.vcek, fs::read(&first.ask).expect("readable")).expect("writable");
        ensure(&cache, &mut |_| made += 1).expect("repaired");
        assert_eq!(made, 2);
        assert_ne!(fs::read(&first.pki).expect("readable"), kept);
        let left: Vec<_> = fs::read_dir(folder.path()).expect("readable").collect();
        assert_eq!(left.len(), 1, "nothing but the cache folder stays behind");
    }
}
