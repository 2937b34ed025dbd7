//! Files that hold secrets, and who else can read them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// The permissions of a file or folder that others than its owner can read or write (chmod(1): the last three digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure(u32);

impl Exposure {
    /// Of a file that the host makes: nobody but its owner has any business with it.
    #[must_use]
    pub fn beyond_owner(metadata: &Metadata) -> Option<Self> {
        Some(Self(metadata.mode() & 0o777)).filter(|exposure| exposure.0 & 0o077 != 0)
    }

    /// Of a file that an admin made. A group may be how the host itself reads a file that is somebody else's (mode 0640,
    /// owner root): then only the rest of the world counts.
    #[must_use]
    pub fn beyond_host(metadata: &Metadata) -> Option<Self> {
        let others = if is_own(metadata) { 0o077 } else { 0o007 };
        Some(Self(metadata.mode() & 0o777)).filter(|exposure| exposure.0 & others != 0)
    }
}

/// As chmod(1) takes it: `0644`.
impl std::fmt::Display for Exposure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// Whether a file is this process's user's; the owner of `/proc/self` tells who that is (proc(5)).
fn is_own(metadata: &Metadata) -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == metadata.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_the_owner_alone_can_read_is_not_exposed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        fs::write(&file, "").unwrap();
        for (mode, exposure) in [
            (0o600, None),
            (0o400, None),
            (0o700, None),
            (0o640, Some("0640")),
            (0o604, Some("0604")),
            (0o602, Some("0602")),
            (0o644, Some("0644")),
        ] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let metadata = fs::metadata(&file).unwrap();
            assert!(is_own(&metadata));
            for found in [Exposure::beyond_owner(&metadata), Exposure::beyond_host(&metadata)] {
                assert_eq!(found.map(|found| found.to_string()).as_deref(), exposure, "{mode:o}");
            }
        }
    }
}
