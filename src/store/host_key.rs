//! `data/host.key`: what the host encrypts and hashes with.
//!
//! 32 random bytes, made with the data folder, readable by the host's user only and never in a backup. With it
//! accounts' keys are sealed in `host.db`, and what must be compared but not read is hashed. Who loses it loses the
//! sealed keys, no message and no notification.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::base::{Exposure, Secret};
use crate::store::StoreError;
use crate::store::data_dir::sync_folder;

/// The length of the nonce before a sealed text: that of `XChaCha20`, long enough to be chosen at random.
const NONCE: usize = 24;

/// The host's own key.
#[derive(Clone)]
pub struct HostKey([u8; 32]);

impl HostKey {
    /// Reads the key, made new where there is none. One that others can read is made the owner's alone: that they could
    /// read it is not undone by a host that does not start, and callbacks would be lost meanwhile.
    ///
    /// # Errors
    /// [`StoreError::HostKey`] when it cannot be read or made, or is none.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let fail = |cause| StoreError::HostKey { path: file.to_owned(), cause };
        match read(file) {
            Ok(bytes) => bytes
                .try_into()
                .map(Self)
                .map_err(|_| fail(io::Error::new(io::ErrorKind::InvalidData, "it does not hold 32 bytes"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(file).map_err(fail),
            Err(error) => Err(fail(error)),
        }
    }

    /// Written under another name first: a power cut leaves the whole key or none.
    fn make(file: &Path) -> io::Result<Self> {
        let key = random()?;
        let unfinished = file.with_extension("key.new");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {} // what an earlier attempt has left behind would keep its mode
        }
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        out.write_all(&key)?;
        out.sync_all()?;
        fs::rename(&unfinished, file)?;
        sync_folder(file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        Ok(Self(key))
    }

    /// A key that everybody knows.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self([7; 32])
    }

    /// Encrypts a secret. It can only be read again in the same `place`, so that one row's cannot be put into another.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the operating system gives no randomness.
    pub fn seal(&self, secret: &Secret, place: &[&str]) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE] = random().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let place = joined(place);
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &place };
        let text = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let text = text.map_err(|_| StoreError::Unavailable("a key is too long to be sealed".into()))?;
        Ok([&nonce[..], &text].concat())
    }

    /// Decrypts what [`HostKey::seal`] made; `None` when it was made with another key or for another place.
    #[must_use]
    pub fn unseal(&self, sealed: &[u8], place: &[&str]) -> Option<Secret> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE>()?;
        let place = joined(place);
        let text = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: &place }).ok()?;
        String::from_utf8(text).ok().map(Secret::new)
    }

    /// A hash that only this host can make (HMAC-SHA-256 over the parts, each with its length): equal for equal texts, and
    /// no help in guessing them.
    #[must_use]
    pub fn hash(&self, parts: &[&str]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] }; // any length will do
        mac.update(&joined(parts));
        mac.finalize().into_bytes().into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

/// Reads the file, after it has been made its owner's alone.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let opened = File::open(file)?;
    if let Some(mode) = Exposure::beyond_owner(&opened.metadata()?) {
        match opened.set_permissions(Permissions::from_mode(0o600)) {
            Ok(()) => tracing::warn!(
                file = %file.display(), was = %mode,
                "other users of this computer could read host.key: it is the owner's alone now (docs/operations.md)"
            ),
            Err(error) => tracing::warn!(
                file = %file.display(), %mode, %error,
                "other users of this computer can read host.key, and this one may not change that: chmod 600 it"
            ),
        }
    }
    let mut bytes = Vec::new();
    opened.take(33).read_to_end(&mut bytes)?; // one more than a key has
    Ok(bytes)
}

/// Parts with their lengths: no two lists look alike.
fn joined(parts: &[&str]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend((part.len() as u64).to_le_bytes());
        joined.extend(part.as_bytes());
    }
    joined
}

/// Bytes of the operating system's randomness. Linux has run out of it only before it has started
/// (<https://man7.org/linux/man-pages/man2/getrandom.2.html>), so nobody can go on without.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(bytes)
}

impl std::fmt::Debug for HostKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[host key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.key");
        let first = HostKey::open(&file).unwrap();
        assert_eq!(HostKey::open(&file).unwrap().0, first.0);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let other = folder.path().join("other.key");
        assert_ne!(HostKey::open(&other).unwrap().0, first.0);
        fs::write(&other, "too short").unwrap();
        assert_eq!(HostKey::open(&other).unwrap_err().diagnostic().code, "HOST_KEY");
        fs::write(&other, [7; 33]).unwrap();
        assert!(HostKey::open(&other).is_err());
    }

    #[test]
    fn a_key_that_others_can_read_is_made_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.key");
        let key = HostKey::open(&file).unwrap();
        for mode in [0o644, 0o660, 0o606] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(HostKey::open(&file).unwrap().0, key.0);
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{mode:o}");
        }
    }

    #[test]
    fn a_sealed_key_opens_with_the_same_host_key_in_the_same_place_only() {
        let key = HostKey::for_tests();
        let sealed = key.seal(&Secret::new("hunter2"), &["demo", "ACME"]).unwrap();
        assert_eq!(key.unseal(&sealed, &["demo", "ACME"]).unwrap().expose(), "hunter2");
        assert_ne!(
            sealed,
            key.seal(&Secret::new("hunter2"), &["demo", "ACME"]).unwrap(),
            "never the same twice"
        );
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(key.unseal(&sealed, &["demoA", "CME"]), None);
        assert_eq!(HostKey([8; 32]).unseal(&sealed, &["demo", "ACME"]), None);
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 1;
            assert_eq!(key.unseal(&broken, &["demo", "ACME"]), None, "byte {at}");
            assert_eq!(key.unseal(&sealed[..at], &["demo", "ACME"]), None, "cut at {at}");
        }
    }

    #[test]
    fn hashes_are_the_hosts_own() {
        let key = HostKey::for_tests();
        assert_eq!(key.hash(&["a", "b"]), key.hash(&["a", "b"]));
        assert_ne!(key.hash(&["a", "b"]), key.hash(&["ab", ""]));
        assert_ne!(key.hash(&["a"]), HostKey([8; 32]).hash(&["a"]));
        assert_eq!(format!("{key:?}"), "[host key]");
    }
}
