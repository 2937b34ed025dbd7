//! docs/operations.md keeps its word: somebody follows it from the first command to the last, with a host that has sent,
//! has been called back, and has something that waits.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::host::signal;
use crate::pages::{Block, Page};
use crate::reader::{Reader, fits};
use crate::readme::project;

const PAGE: &str = "docs/operations.md";
const KEY: &str = "32 bytes that are a good enough.";

/// An application whose notifications wait, and which sends with settings of its own.
const CLUB: &str = r#"
[applications.club.WHATSAPP]
environment = "simulator"
account_id = "AC00000000000000000000000000000002"
auth_key = "another-simulator-auth-token"
from_phone_number = "+14155550100"
whatsapp_callback = "onWhatsappStatus"
"#;
const WITH_SETTINGS: &str =
    "return JSON.parse(sendWhatsappMessageWithSettings('AC00000000000000000000000000000002',
  'another-simulator-auth-token', '+14155550100', vo.to, 'Ciao', null, null, null)).success";

/// What a command says that has to succeed.
fn says(reader: &mut Reader, line: &str) -> String {
    let said = reader.types(line);
    assert!(said.succeeded, "{line}: {}", said.text);
    said.text
}

#[test]
fn the_page_is_followed_from_the_first_command_to_the_last() {
    let folder = project();
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    folder.write("app-params.toml", &format!("{params}{CLUB}"));
    folder.write("scripts/club/onWhatsappStatus.js", "throw new Error('not yet')");
    folder.write("scripts/club/greet.js", "return utils.whatsapp.send({ to: vo.to, body: 'Ciao' }).sid");
    folder.write("scripts/demo/partner.js", WITH_SETTINGS);
    std::fs::create_dir(folder.path("backups")).unwrap();
    let backups = folder.path("backups");
    let mut reader = Reader::beside_a_host(folder);
    reader.means("/var/backups", backups.display().to_string());

    // What there is to look at.
    let order = r#"{"orderId":"A-1","customer":"Ada","phone":"+393331234567","totalCents":4890}"#;
    says(&mut reader, &format!("boatswain run demo/confirmOrder --vo '{order}'"));
    let club = says(&mut reader, r#"boatswain run club/greet --vo '{"to":"+393337654321"}'"#);
    let partner = r#"boatswain run demo/partner --company ACME --vo '{"to":"+393337654321"}'"#;
    assert_eq!(says(&mut reader, partner), "true\n");
    let host = reader.host.as_ref().unwrap();
    host.wait_for("not yet");
    while !says(&mut reader, "boatswain messages list --app demo --status read --json").contains("+39…67") {
    }

    let (mut typed, mut looked_at) = (0, 0);
    for block in Page::read(PAGE).blocks() {
        let first = block.text.lines().next().unwrap().to_owned();
        if first.starts_with("systemctl stop") {
            reader.folder.write("data/host.key", KEY);
        }
        let said = reader.read(&block);
        typed += said.len();
        let last = said.last().map(|said| said.text.as_str()).unwrap_or_default();
        match first.split_whitespace().take(3).collect::<Vec<_>>().join(" ").as_str() {
            "data/ mode 0700;" => is_the_data_folder(&reader, &block),
            "boatswain accounts list" => {
                assert!(said[0].text.contains("AC00000000000000000000000000000002"), "{}", said[0].text);
                let left = says(&mut reader, "boatswain accounts list --json");
                assert_eq!(left, "", "removed");
            }
            "systemctl stop boatswain" => {
                assert!(last.contains(club.trim()) && !last.contains("done"), "{last}");
                let key = std::fs::read_to_string(reader.folder.path("data/host.key")).unwrap();
                assert_eq!(key, KEY);
            }
            "sqlite3 data/host.db \"UPDATE" => {
                let dead = says(&mut reader, "boatswain notifications list --status dead");
                assert!(dead.contains(club.trim()), "{dead}");
                let host = reader.host.as_ref().unwrap().said();
                assert!(!host.contains("not yet"), "{host}");
                let waiting = says(&mut reader, "boatswain notifications list --status waiting --json");
                assert_eq!(waiting, "");
                let newest = says(&mut reader, "boatswain messages list --app demo --limit 1 --json");
                let message: Value = serde_json::from_str(newest.trim()).unwrap();
                reader.means("SM…", message["sid"].as_str().unwrap());
            }
            "boatswain messages list" => assert!(said[0].text.contains("+39…67"), "{}", said[0].text),
            "boatswain messages report" => assert!(last.starts_with("country,status,"), "{last}"),
            "boatswain export +393331234567" => {
                let file = std::fs::read_to_string(reader.folder.path("person.json")).unwrap();
                let person: Value = serde_json::from_str(&file).unwrap();
                assert_eq!(person["messages"].as_array().unwrap().len(), 2, "{person:#}");
            }
            "boatswain forget +393331234567" => {
                let left = says(&mut reader, "boatswain messages list --to +393331234567 --json");
                assert_eq!(left, "", "forgotten");
            }
            "INFO … changes" => tells_changes(&reader, &block),
            _ => continue,
        }
        looked_at += 1;
    }
    assert_eq!((typed, looked_at), (20, 9), "commands of the page, and blocks whose effect is looked at");
    reader.stops();
}

/// Everything in the data folder stands on the page, with its mode, and the reverse.
fn is_the_data_folder(reader: &Reader, block: &Block) {
    let data = reader.folder.path("data");
    let mode = std::fs::metadata(&data).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let there: BTreeSet<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let names = block.text.lines().skip(1).map(|line| line.split_whitespace().next().unwrap());
    let mut shown: BTreeSet<_> =
        names.map(|name| name.trim_end_matches(',').split('/').next().unwrap().to_owned()).collect();
    shown.insert("host.db-shm".to_owned()); // on the same line as `host.db-wal`
    assert_eq!(there, shown);
    assert!(data.join("apps/demo.db").exists());
}

/// What the page shows of the log: a change that is taken over, one that is refused, with its code, and that it is undone.
fn tells_changes(reader: &Reader, block: &Block) {
    let lines: Vec<&str> = block.text.lines().collect();
    let [taken, refused, frame @ .., undone] = &lines[..] else { panic!("{lines:?}") };
    let told = |message: &str, shown: &str| {
        let host = reader.host.as_ref().unwrap();
        let line = host.wait_for(message);
        let (_, after) = line.split_once(message).unwrap();
        let (level, shown) = shown.split_once(" … ").unwrap();
        let expected = shown.strip_prefix(message).unwrap_or_else(|| panic!("{shown}"));
        let hashes = |text: &str| {
            let is_hash = |word: &str| {
                word.split('=')
                    .nth(1)
                    .is_some_and(|hash| hash.len() == 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
            };
            text.split(' ').map(|word| if is_hash(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
        };
        assert!(line.contains(&format!(" {} ", level.trim())), "{line}");
        assert!(
            fits(&format!("{}…", hashes(expected)), &hashes(after)),
            "{line}\nand the page says\n{shown}"
        );
    };
    let action = std::fs::read_to_string(reader.folder.path("scripts/demo/onWhatsappStatus.js")).unwrap();
    let host = reader.host.as_ref().unwrap().pid();
    signal(host, "-STOP"); // what comes within a moment comes together
    reader.folder.write("scripts/demo/migrations/003_notes.sql", "CREATE TABLE notes (text TEXT);");
    reader.folder.write("scripts/demo/onWhatsappStatus.js", &format!("{action}\n"));
    signal(host, "-CONT");
    told("changes are taken over", taken);
    reader.folder.write("scripts/demo/onWhatsappStatus.js", "const count = 1;\nreturn count +;\n");
    told("changes are refused, the version before stays in force", refused);
    reader.folder.write("scripts/demo/onWhatsappStatus.js", &format!("{action}\n"));
    told("what was refused is undone", undone);
    let said = reader.host.as_ref().unwrap().said();
    assert!(!frame.is_empty() && said.contains(&frame.join("\n")), "{frame:?}\n{said}");
}
