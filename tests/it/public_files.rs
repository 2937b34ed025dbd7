//! `public/<appId>/` is served as it stands there, and nothing else of the computer is.

use crate::host::{Answer, Folder, HostProcess, Wire, head, request};

/// Two applications, each with files, and everything that must not be served.
fn served() -> (Folder, HostProcess) {
    let folder = Folder::new(
        "",
        "[applications.other.WHATSAPP]\nenvironment = \"simulator\"\n[applications.empty.WHATSAPP]\nenvironment = \"simulator\"",
    );
    for (name, text) in [
        ("public/app/picture.png", "\u{89}PNG"),
        ("public/app/photo.JPG", "photo"),
        ("public/app/terms.pdf", "%PDF"),
        ("public/app/voice.ogg", "OggS"),
        ("public/app/clip.mp4", "mp4"),
        ("public/app/card.vcf", "BEGIN:VCARD"),
        ("public/app/note.txt", "0123456789"),
        ("public/app/page.html", "<p>"),
        ("public/app/unknown.zzz", "?"),
        ("public/app/no_extension", "?"),
        ("public/app/empty.txt", ""),
        ("public/app/deep/er/file.txt", "deep"),
        ("public/app/a b+c&d è'%41.txt", "odd name"),
        ("public/app/index.html", "index"),
        ("public/app/.env", "SECRET=hidden"),
        ("public/app/.git/config", "hidden"),
        ("public/app/deep/.hidden/file.txt", "hidden"),
        ("public/other/theirs.txt", "theirs"),
        ("public/nobody/file.txt", "no application"),
        ("public/top.txt", "beside the applications"),
        ("outside.txt", "outside"),
        ("scripts/app/public.txt", "outside"),
    ] {
        folder.write(name, text);
    }
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(folder.path(to), folder.path(at)).unwrap();
    link("outside.txt", "public/app/out.txt");
    link("scripts/app", "public/app/out");
    link("public/other", "public/app/theirs");
    link("public/app/note.txt", "public/app/inside.txt");
    link("public/app/nowhere", "public/app/dangling.txt");
    std::os::unix::fs::symlink("../..", folder.path("public/app/up")).unwrap();
    let host = folder.serve();
    (folder, host)
}

fn get(host: &HostProcess, path: &str) -> Answer {
    request(&host.url, "GET", path, &[], b"")
}

#[test]
fn files_come_with_their_types_and_head_tells_the_same_without_them() {
    let (_folder, host) = served();
    for (name, kind) in [
        ("picture.png", "image/png"),
        ("photo.JPG", "image/jpeg"),
        ("terms.pdf", "application/pdf"),
        ("voice.ogg", "audio/ogg"),
        ("clip.mp4", "video/mp4"),
        ("card.vcf", "text/x-vcard"),
        ("note.txt", "text/plain"),
        ("page.html", "text/html"),
        ("unknown.zzz", "application/octet-stream"),
        ("no_extension", "application/octet-stream"),
        ("empty.txt", "text/plain"),
        ("inside.txt", "text/plain"),
        ("deep/er/file.txt", "text/plain"),
    ] {
        let path = format!("/public/app/{name}");
        let answer = get(&host, &path);
        assert_eq!(answer.status, 200, "{name}");
        let told = answer.header("content-type").unwrap();
        let same = told.starts_with(kind) || name == "card.vcf" && told.starts_with("text/vcard");
        assert!(same, "{name}: {told}");
        assert_eq!(answer.header("accept-ranges"), Some("bytes"), "{name}");
        assert!(answer.header("last-modified").is_some(), "{name}");
        let head = request(&host.url, "HEAD", &path, &[], b"");
        assert_eq!((head.status, head.face().1), (200, answer.face().1), "{name}");
    }
    assert_eq!(get(&host, "/public/app/note.txt").text(), "0123456789");
    assert_eq!(get(&host, "/public/app/note.txt?v=1").text(), "0123456789");
    assert_eq!(get(&host, "/public/app/a%20b+c&d%20%C3%A8'%2541.txt").text(), "odd name");
    assert_eq!(get(&host, "/public/app/%6Eote.txt").status, 200);
    for method in ["POST", "PUT", "DELETE"] {
        let answer = request(&host.url, method, "/public/app/note.txt", &[], b"");
        assert_eq!(answer.status, 405, "{method}");
    }
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn parts_of_a_file_are_served_as_they_are_asked_for() {
    let (_folder, host) = served();
    let part = |range: &str| request(&host.url, "GET", "/public/app/note.txt", &[("range", range)], b"");
    for (range, text, told) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=9-9", "9", "bytes 9-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let answer = part(range);
        assert_eq!((answer.status, answer.text().as_str()), (206, text), "{range}");
        assert_eq!(answer.header("content-range"), Some(told), "{range}");
    }
    let answer = part("bytes=10-20");
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */10")));
    let head = request(&host.url, "HEAD", "/public/app/note.txt", &[("range", "bytes=0-3")], b"");
    assert_eq!((head.status, head.header("content-length")), (206, Some("4")));
    // What has not changed is not sent again.
    let modified = get(&host, "/public/app/note.txt").header("last-modified").unwrap().to_owned();
    let again = request(&host.url, "GET", "/public/app/note.txt", &[("if-modified-since", &modified)], b"");
    assert_eq!((again.status, again.text().as_str()), (304, ""));
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn what_is_no_file_of_the_application_is_not_found_and_looks_all_alike() {
    let (folder, host) = served();
    let nothing = get(&host, "/public/app/nothing.txt");
    assert_eq!(nothing.status, 404);
    let mut paths: Vec<String> = [
        // Folders, with and without their slash.
        "/public",
        "/public/",
        "/public/app",
        "/public/app/",
        "/public/app/deep",
        "/public/app/deep/",
        "/public/app/note.txt/",
        "/public/app/note.txt/x",
        "/public/empty/",
        "/public/empty/x",
        // Hidden files.
        "/public/app/.env",
        "/public/app/%2eenv",
        "/public/app/.git/config",
        "/public/app/deep/.hidden/file.txt",
        "/public/app/.",
        "/public/app/..",
        "/public/app/...",
        // Links that lead out, or nowhere.
        "/public/app/out.txt",
        "/public/app/out/callback.js",
        "/public/app/theirs/theirs.txt",
        "/public/app/dangling.txt",
        "/public/app/up/outside.txt",
        "/public/app/up/data/host.db",
        // What is beside the application.
        "/public/top.txt",
        "/public/nobody/file.txt",
        "/public/APP/note.txt",
        "/public/app%2Fnote.txt",
        "/public//app/note.txt",
        "/public/app//note.txt/../../x",
        "/public/other/note.txt",
        "/public/app/theirs.txt",
        "/scripts/app/callback.js",
        "/app-params.toml",
        "/data/host.db",
        // No names of files.
        "/public/app/note.txt%00",
        "/public/app/%00",
        "/public/app/note.txt%00.png",
        "/public/app/%ff%fe",
        "/public/app/%",
        "/public/app/%zz",
        "/public/app/note%2Etxt%2F",
        "/public/app/con",
        "/public/app/C:%5Cx",
    ]
    .map(str::to_owned)
    .into();
    // Out of the folder, in every way to write it.
    let ups = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%252e%252e",
        "..%00",
        "..;",
        "%c0%ae%c0%ae",
        "%u002e%u002e",
        "....//",
    ];
    for up in ups {
        for slash in ["/", "%2f", "%2F", "\\", "%5c", "//", "%252f"] {
            for (depth, target) in
                [(1, "other/theirs.txt"), (2, "outside.txt"), (2, "app-params.toml"), (8, "etc/passwd")]
            {
                let climb = format!("{up}{slash}").repeat(depth);
                paths.push(format!("/public/app/{climb}{target}"));
                paths.push(format!("/public/app/deep/{up}{slash}{climb}{target}"));
                paths.push(format!("/public/{climb}{target}"));
            }
        }
    }
    for absolute in ["/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "file:///etc/passwd"] {
        paths.push(format!("/public/app/{absolute}"));
    }
    paths.push(format!("/public/app{}", folder.path("outside.txt").display()));
    paths.push(format!("/public/app/{}", "x".repeat(5000)));
    paths.push(format!("/public/app/{}", "x/".repeat(3000)));
    let mut wire = Wire::to(&host.url);
    for path in &paths {
        wire.say(head("GET", path, &[], 0));
        let answer = wire.hear(true);
        assert_eq!(answer.face(), nothing.face(), "{path}");
    }
    assert_eq!(get(&host, "/public/other/theirs.txt").text(), "theirs");
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn without_a_public_folder_the_host_serves_and_finds_nothing() {
    let folder = Folder::new("", "");
    let host = folder.serve();
    assert_eq!(get(&host, "/public/app/x.txt").status, 404);
    // A file that comes later is there.
    folder.write("public/app/x.txt", "later");
    assert_eq!(get(&host, "/public/app/x.txt").text(), "later");
    assert_eq!(host.terminate(), Some(0));
}
