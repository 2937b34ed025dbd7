//! What attempts are aimed at: files, a port, a process, all of this test's own.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// See the module. The process that tries knows the names only.
pub struct Victim {
    /// A folder that everybody may write in.
    pub folder: PathBuf,
    /// A port that listens on loopback.
    pub port: u16,
    /// A process of the host's user, with a secret in its environment.
    pub pid: libc::pid_t,
    alive: Option<(tempfile::TempDir, TcpListener, Child)>,
}

impl Victim {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str, mode| {
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("", 0o777);
        for (name, bits) in [("public", 0o644), ("secret", 0o600)] {
            fs::write(folder.path().join(name), "the host's").unwrap();
            mode(name, bits);
        }
        // A copy of this program that runs with its owner's rights, whoever starts it.
        fs::copy(std::env::current_exe().unwrap(), folder.path().join("owners")).unwrap();
        mode("owners", 0o4755);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let child = Command::new("/bin/cat")
            .env("SECRET", "the host's")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.as_ref().unwrap();
        stdin.write_all(b"awake\n").unwrap();
        Self {
            folder: folder.path().to_owned(),
            port: listener.local_addr().unwrap().port(),
            pid: libc::pid_t::try_from(child.id()).unwrap(),
            alive: Some((folder, listener, child)),
        }
    }

    pub fn arguments(&self) -> [String; 3] {
        [self.folder.display().to_string(), self.port.to_string(), self.pid.to_string()]
    }

    pub fn from_arguments(arguments: &[String]) -> Self {
        let [folder, port, pid] = arguments else { panic!("a folder, a port, a process") };
        Self { folder: folder.into(), port: port.parse().unwrap(), pid: pid.parse().unwrap(), alive: None }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if let Some((_, _, child)) = &mut self.alive {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
