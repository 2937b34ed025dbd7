//! Who can read the files that secrets are in: `check` and `serve` say so, and `serve` mends what is the host's own.

use std::os::unix::fs::PermissionsExt;

use crate::host::Folder;

fn chmod(folder: &Folder, name: &str, mode: u32) {
    std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(folder: &Folder, name: &str) -> u32 {
    std::fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777
}

fn check(folder: &Folder) -> String {
    let output = folder.boatswain(&["check"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "warnings change no exit status: {stderr}");
    stderr
}

#[test]
fn files_that_others_can_read_are_told_with_mode_and_remedy() {
    let folder = Folder::new("", "");
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let params = params.replace("auth_key = \"simulator-auth-token\"", "auth_key = { file = \"token\" }");
    folder.write("app-params.toml", &params);
    folder.write("token", "simulator-auth-token\n");
    chmod(&folder, "token", 0o600);
    assert_eq!(folder.serve().terminate(), Some(0));
    assert_eq!((mode(&folder, "data"), mode(&folder, "data/host.key")), (0o700, 0o600));
    assert!(check(&folder).ends_with("0 errors, 0 warnings\n"));

    chmod(&folder, "token", 0o644);
    chmod(&folder, "data", 0o755);
    chmod(&folder, "data/host.key", 0o640);
    let said = check(&folder);
    for part in [
        "token has the mode 0644",
        "chmod 600 ",
        "(mode 0755)",
        "chmod 700 ",
        "host.key, or could write it (mode 0640)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(mode(&folder, "data/host.key"), 0o640, "a check changes nothing");

    let host = folder.serve();
    host.wait_for("warning[SECRET_EXPOSED]");
    host.wait_for("warning[DATA_EXPOSED]");
    host.wait_for("other users of this computer could read host.key: it is the owner's alone now");
    assert_eq!(mode(&folder, "data/host.key"), 0o600);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(mode(&folder, "data"), 0o755, "the folder may be an admin's doing");
}
