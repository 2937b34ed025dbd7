//! A folder that is gone afterwards.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::base::MessageId;

/// Memory that looks like a folder, where the system has it: nothing of a test shall last, so nobody waits for a disk.
const IN_MEMORY: &str = "/dev/shm";

/// A new folder that only this user can read; dropping it deletes it with all that is in it.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// # Errors
    /// When neither memory nor the folder for temporary files takes one.
    pub(super) fn new() -> io::Result<Self> {
        let name = format!("boatswain-test-{}", MessageId::generate());
        let made = |parent: &Path| {
            let folder = parent.join(&name);
            DirBuilder::new().mode(0o700).create(&folder).map(|()| Self(folder))
        };
        made(Path::new(IN_MEMORY)).or_else(|_| made(&std::env::temp_dir()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // what is left is small, and in a folder for what may be lost
    }
}
