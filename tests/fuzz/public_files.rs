//! No path of a request leaves `public/<appId>/`: what is served is a file of that folder, and not a hidden one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::cases::{all, words};
use crate::host::{Answer, Folder, HostProcess, Wire, head};

/// A host and the files that it may serve: their paths below the application's folder, and their texts.
struct Served {
    /// Goes with the host.
    _folder: Folder,
    host: HostProcess,
    files: BTreeMap<String, String>,
    root: PathBuf,
}

/// What is in the folder, and in no way may be served, holds this word.
const OUTSIDE: &str = "OUTSIDE";
/// What the other application may serve, under its own name.
const THEIRS: &str = "THEIRS";

fn served() -> Served {
    let folder = Folder::new("", "[applications.other.WHATSAPP]\nenvironment = \"simulator\"");
    let names = [
        "a.txt",
        "b c.txt",
        "è.png",
        "x%2ey",
        "..a",
        "deep/a.txt",
        "deep/er/b.txt",
        "back\\slash",
        "\u{ff0e}\u{ff0e}/a.txt",
        "%2e%2e/a.txt",
        "a;b",
        "index.html",
    ];
    // What begins with a dot is hidden, also where it is only a name.
    let hidden = ["..a", ".env", ".git/config", "deep/.hidden/a.txt"];
    let mut files = BTreeMap::new();
    for name in names.into_iter().filter(|name| !hidden.contains(name)) {
        // A link that is a trap for whoever unescapes twice: the file exists under its literal name.
        folder.write(&format!("public/app/{name}"), name);
        files.insert(name.to_owned(), name.to_owned());
    }
    for name in hidden {
        folder.write(&format!("public/app/{name}"), OUTSIDE);
    }
    for name in ["public/a.txt", "public/.env", "a.txt", "scripts/app/a.txt", "etc/passwd"] {
        folder.write(name, OUTSIDE);
    }
    folder.write("public/other/a.txt", THEIRS);
    std::os::unix::fs::symlink("../..", folder.path("public/app/up")).unwrap();
    std::os::unix::fs::symlink("../other", folder.path("public/app/theirs")).unwrap();
    std::os::unix::fs::symlink("a.txt", folder.path("public/app/link.txt")).unwrap();
    files.insert("link.txt".to_owned(), "a.txt".to_owned());
    let (host, root) = (folder.serve(), folder.path("public/app"));
    Served { _folder: folder, host, files, root }
}

/// A path as it stands in a request: no blanks and no controls, which end it.
fn path() -> impl Strategy<Value = String> {
    let name = words(
        "a.txt b%20c.txt %C3%A8.png x%252ey deep er up theirs link.txt app other public data host.db app-params.toml etc passwd .env .git config back%5Cslash a%2Etxt %61.txt index.html scripts",
    );
    let dots = words(
        ". .. ... %2e %2E%2e .%2e %252e%252e %25252e %c0%ae%c0%ae %ef%bc%8e%ef%bc%8e \u{ff0e}\u{ff0e} \u{2025} ..; ..%00 %00 % %zz ~ ..%01",
    );
    let slash = words("/ / / // %2f %2F \\ %5c %252f %c0%af \u{2215} %ef%bc%8f");
    let begin = words(
        "/public/app/ /public/app/ /public/app /public/ /public/app/deep/ / //public/app/ /public/app/up/ /public/other/",
    );
    let piece = prop_oneof![
        4 => name.prop_map(str::to_owned),
        3 => dots.prop_map(str::to_owned),
        4 => slash.prop_map(str::to_owned),
        1 => "[!-~]{1,3}",
    ];
    let any = (begin, prop::collection::vec(piece, 0..10))
        .prop_map(|(begin, pieces)| begin.to_owned() + &pieces.concat());
    // What may not be had, named outright, in some spelling of its dots and slashes.
    let forbidden = words(
        ".env .git/config ..a deep/.hidden/a.txt ../.env ../a.txt ../other/a.txt ../../a.txt ../../app-params.toml deep/../../a.txt \
        up/a.txt up/data/host.db theirs/a.txt deep/../.env ../../scripts/app/a.txt ../../../../../../etc/passwd /etc/passwd",
    );
    let dot = words(". . %2e %2E %252e %c0%ae");
    let slash = words("/ / %2f \\ %5c // %252f /./");
    let named = (forbidden, dot, slash)
        .prop_map(|(path, dot, slash)| format!("/public/app/{}", path.replace('.', dot).replace('/', slash)));
    prop_oneof![2 => any, 1 => named]
}

/// Some client's idea of a name: any of its bytes may be escaped.
fn escaped(name: &str, which: &[bool]) -> String {
    let mut which = which.iter().cycle();
    let byte = |byte: u8| {
        let is_plain = byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        if is_plain && !(byte != b'/' && *which.next().unwrap()) {
            char::from(byte).into()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.bytes().map(byte).collect()
}

#[test]
fn what_is_served_is_a_file_of_the_folder() {
    let served = served();
    proptest!(all(), |(path in path())| {
        let answer = get(&served.host, &path);
        prop_assert!(!answer.text().contains(OUTSIDE), "{}", path);
        prop_assert!(!answer.text().contains(THEIRS) || path.starts_with("/public/other/"), "{}", path);
        if answer.status == 200 && path.starts_with("/public/app/") {
            let below = path["/public/app/".len()..].split(['?', '#']).next().unwrap();
            let name = percent_decode_str(below).decode_utf8().unwrap().into_owned();
            let file = served.root.join(name.trim_start_matches('/')).canonicalize().unwrap();
            prop_assert!(file.starts_with(&served.root) && file.is_file(), "{}", path);
            prop_assert_eq!(std::fs::read_to_string(&file).unwrap(), answer.text(), "{}", path);
        } else if !path.starts_with("/public/other/") {
            prop_assert!([400, 404].contains(&answer.status), "{}: {}", path, answer.status);
        }
    });
}

#[test]
fn every_file_is_served_in_any_spelling_of_its_name() {
    let served = served();
    let escapes = prop::collection::vec(any::<bool>(), 1..9);
    proptest!(all(), |(which in any::<Index>(), escapes in escapes)| {
        let (name, text) = served.files.iter().nth(which.index(served.files.len())).unwrap();
        let path = format!("/public/app/{}", escaped(name, &escapes));
        let answer = get(&served.host, &path);
        prop_assert_eq!((answer.status, &answer.text()), (200, text), "{}", path);
    });
}

fn get(host: &HostProcess, path: &str) -> Answer {
    let mut wire = Wire::to(&host.url);
    wire.say(head("GET", path, &[("connection", "close")], 0));
    wire.hear(true)
}
