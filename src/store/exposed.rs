//! Whether others can get at what the host keeps.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::base::{Diagnostic, Exposure, Place};
use crate::store::DataDir;

/// Warns of a data folder that others than its owner can look into. It is made with mode 0700; a folder that was there
/// before keeps the mode that somebody has given it.
#[must_use]
pub fn exposed_folder(root: &Path) -> Option<Diagnostic> {
    let mode = Exposure::beyond_owner(&fs::metadata(root).ok()?)?;
    let message = format!(
        "other users of this computer can get into the data folder (mode {mode}): phone numbers are in it"
    );
    let help = format!("make it the owner's alone: chmod 700 {}", root.display());
    Some(Diagnostic::warning("DATA_EXPOSED", message).at(Place::file(root)).help(help))
}

/// Warns of a `host.key` that is not its owner's alone, or not the owner's of the folder. A host that starts takes the
/// others' rights away by itself.
#[must_use]
pub fn exposed_key(root: &Path) -> Option<Diagnostic> {
    let file = DataDir::host_key_in(root);
    let (folder, key) = (fs::metadata(root).ok()?, fs::metadata(&file).ok()?);
    let warning = |message| Diagnostic::warning("SECRET_EXPOSED", message).at(Place::file(&file));
    if let Some(mode) = Exposure::beyond_owner(&key) {
        let message =
            format!("other users of this computer can read host.key, or could write it (mode {mode})");
        return Some(
            warning(message).help(format!("make it the owner's alone: chmod 600 {}", file.display())),
        );
    }
    (key.uid() != folder.uid()).then(|| {
        let help = format!(
            "give it to the user whose the folder is: chown --reference={} {}",
            root.display(),
            file.display()
        );
        warning("host.key belongs to another user than the data folder".to_owned()).help(help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_and_a_key_that_others_can_read_are_worth_a_word() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("data");
        assert_eq!((exposed_folder(&root), exposed_key(&root)), (None, None), "there is none yet");
        let data = DataDir::create(&root).unwrap();
        fs::write(data.host_key(), [7; 32]).unwrap();
        let chmod = |file: &Path, mode| fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        chmod(&data.host_key(), 0o600);
        assert_eq!((exposed_folder(&root), exposed_key(&root)), (None, None));
        chmod(&root, 0o750);
        chmod(&data.host_key(), 0o604);
        let (folder, key) = (exposed_folder(&root).unwrap(), exposed_key(&root).unwrap());
        assert_eq!((folder.code, key.code), ("DATA_EXPOSED", "SECRET_EXPOSED"));
        let (folder, key) = (folder.to_string(), key.to_string());
        assert!(
            folder.contains("0750") && folder.contains(&format!("chmod 700 {}", root.display())),
            "{folder}"
        );
        assert!(key.contains("0604") && key.contains("chmod 600") && key.contains("data/host.key"), "{key}");
    }
}
