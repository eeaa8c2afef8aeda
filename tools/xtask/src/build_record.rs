//! Which compiler made what: a short text beside each finished file, written when the file is, so that nobody has to guess from the compiler of today.
//!
//! A record names the SHA-256 of the file that it speaks of; beside another file it counts for nothing. An image's record repeats those of the
//! component and of the firmware that went into it. It is a convenience for whoever rebuilds (equal bytes are promised per
//! compiler version), not evidence: anybody who can write the file can write the record.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the record of a file is.
fn place(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".built-by");
    name.into()
}

fn digest(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Records which compilers made `file`: lines for people.
pub fn write(file: &Path, lines: &str) -> Result<()> {
    let place = place(file);
    let text = format!("{}\n{lines}\n", digest(file)?);
    fs::write(&place, text).with_context(|| format!("cannot write {}", place.display()))
}

/// What was recorded about `file` as it is now; `None` when nothing was, or it was about other bytes.
pub fn read(file: &Path) -> Result<Option<String>> {
    let place = place(file);
    if !place.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&place).with_context(|| format!("cannot read {}", place.display()))?;
    let Some((recorded, lines)) = text.split_once('\n') else {
        return Ok(None);
    };
    Ok((recorded == digest(file)?).then(|| lines.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_counts_for_the_very_bytes_only() {
        let folder = std::env::temp_dir().join(format!("build-record-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("tpm.component.wasm");
        fs::write(&file, b"first").expect("a file");
        assert_eq!(read(&file).expect("readable"), None, "nothing was recorded");
        write(&file, "rustc 1.95.0").expect("a record");
        assert_eq!(read(&file).expect("readable").as_deref(), Some("rustc 1.95.0"));
        fs::write(&file, b"second").expect("another file in its place");
        assert_eq!(read(&file).expect("readable"), None, "the record is of other bytes");
        fs::remove_dir_all(&folder).expect("the folder goes");
    }
}
