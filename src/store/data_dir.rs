//! The data folder: where its files are, and who may work with it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::AppId;
use crate::store::StoreError;

/// The folder that holds all that the host keeps.
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
}

/// The right to write in a data folder. Released when it is dropped, or when its process dies however it dies.
#[derive(Debug)]
pub struct DataLock {
    // An flock(2) on the folder itself: no file to leave behind, and no fcntl lock that closing another
    // descriptor would drop.
    folder: File,
}

impl Drop for DataLock {
    fn drop(&mut self) {
        // Closing it is not enough: a child that another thread has forked and that has not begun its program yet has
        // the descriptor too.
        let _ = self.folder.unlock();
    }
}

impl DataDir {
    /// Makes the folder and `apps/` in it where they are missing, readable by this user only, and sees to it that
    /// their names survive a power cut.
    ///
    /// # Errors
    /// [`StoreError::DataFolder`] when that is not possible.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |cause| StoreError::DataFolder { path, cause }
        };
        let apps = root.join("apps");
        if !apps.is_dir() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&apps).map_err(fail(&apps))?;
            sync_folder(root).map_err(fail(root))?;
            if let Some(parent) = root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                // The parent may be unreadable to us, and then its owner answers for it.
                let _ = sync_folder(parent);
            }
        }
        // A folder that cannot be written is found now, not at the first callback.
        let probe = root.join(".writable");
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(fail(root))?;
        Ok(Self { root: root.to_owned() })
    }

    /// A folder that a host has worked with; nothing is made.
    ///
    /// # Errors
    /// [`StoreError::DataFolder`] when there is none.
    pub fn existing(root: &Path) -> Result<Self, StoreError> {
        fs::metadata(Self::host_db_in(root))
            .map_err(|cause| StoreError::DataFolder { path: root.to_owned(), cause })?;
        Ok(Self { root: root.to_owned() })
    }

    /// Takes the lock, if nobody has it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process holds it.
    pub fn lock(&self) -> Result<DataLock, StoreError> {
        let fail = |cause| StoreError::DataFolder { path: self.root.clone(), cause };
        let folder = File::open(&self.root).map_err(fail)?;
        match folder.try_lock() {
            Ok(()) => Ok(DataLock { folder }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: self.root.clone() }),
            Err(TryLockError::Error(cause)) => Err(fail(cause)),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `host.db`.
    #[must_use]
    pub fn host_db(&self) -> PathBuf {
        Self::host_db_in(&self.root)
    }

    /// `host.key`.
    #[must_use]
    pub fn host_key(&self) -> PathBuf {
        Self::host_key_in(&self.root)
    }

    /// Where the `host.key` of `root` is, whether or not there is one.
    #[must_use]
    pub fn host_key_in(root: &Path) -> PathBuf {
        root.join("host.key")
    }

    /// `apps/<appId>.db`.
    #[must_use]
    pub fn app_db(&self, app: &AppId) -> PathBuf {
        self.root.join("apps").join(format!("{app}.db"))
    }

    /// The databases of all applications that there have been, in the order of their names.
    ///
    /// # Errors
    /// [`StoreError::DataFolder`] when the folder cannot be read.
    pub fn app_dbs(&self) -> Result<Vec<(AppId, PathBuf)>, StoreError> {
        let folder = self.root.join("apps");
        let fail = |cause| StoreError::DataFolder { path: folder.clone(), cause };
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(Ok(app)) = name.and_then(|name| name.strip_suffix(".db")).map(AppId::parse) {
                found.push((app, path));
            }
        }
        found.sort();
        Ok(found)
    }

    /// `host.sock`.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        Self::socket_in(&self.root)
    }

    /// Where a host that works with `root` listens, whether or not there is one.
    #[must_use]
    pub fn socket_in(root: &Path) -> PathBuf {
        root.join("host.sock")
    }

    /// Where the `host.db` of `root` is, whether or not there is one.
    #[must_use]
    pub fn host_db_in(root: &Path) -> PathBuf {
        root.join("host.db")
    }
}

/// Makes the names in a folder durable (fsync(2): the directory needs its own).
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_may_hold_the_folder() {
        let temporary = tempfile::tempdir().unwrap();
        let data = DataDir::create(&temporary.path().join("data")).unwrap();
        let first = data.lock().unwrap();
        assert!(matches!(data.lock(), Err(StoreError::Locked { .. })));
        drop(first);
        data.lock().unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_clear_error() {
        let temporary = tempfile::tempdir().unwrap();
        let file = temporary.path().join("file");
        fs::write(&file, "").unwrap();
        let error = DataDir::create(&file.join("data")).unwrap_err();
        assert_eq!(error.diagnostic().code, "DATA_FOLDER");
    }
}
