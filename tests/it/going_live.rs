//! docs/going-live.md: every piece of parameters on that page is one that the program takes.

use std::os::unix::fs::PermissionsExt;

use crate::host::Folder;

const PAGE: &str = include_str!("../../docs/going-live.md");

/// The blocks of TOML, in the page's order, without the indentation of the lists they stand in.
fn blocks() -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in PAGE.lines().map(str::trim) {
        match line {
            "```toml" => {
                inside = true;
                blocks.push(String::new());
            }
            "```" => inside = false,
            line if inside => blocks.last_mut().unwrap().extend([line, "\n"]),
            _ => {}
        }
    }
    blocks
}

/// The key that a line sets.
fn key(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim()).filter(|key| !key.starts_with(['#', '[']))
}

/// The first block with another one: as a whole, added at the end, or with its lines in the place of those that set the
/// same keys.
fn applied(first: &str, block: &str) -> String {
    if block.contains("[applications.shop.WHATSAPP]") {
        // Its own parameters, for the same host.
        return if block.contains("[host]") {
            block.to_owned()
        } else {
            let (host, _) = first.split_once("[applications").unwrap();
            format!("{host}{block}")
        };
    }
    if block.starts_with('[') {
        return format!("{first}{block}");
    }
    let mut changed = first.to_owned();
    for line in block.lines() {
        let set = key(line).unwrap_or_else(|| panic!("{line}"));
        let old = first.lines().find(|old| key(old) == Some(set)).unwrap_or_else(|| panic!("{set} is new"));
        changed = changed.replace(old, line);
    }
    changed
}

#[test]
fn the_parameters_on_the_page_are_taken_without_a_warning() {
    let blocks = blocks();
    assert_eq!(blocks.len(), 6);
    let folder = Folder::with_params("", "");
    for name in ["auth_token", "next_auth_token", "acme_auth_token"] {
        folder.write(&format!("secrets/{name}"), "0123456789abcdef0123456789abcdef\n");
    }
    let key = include_str!("../data/test_only_service_account.json");
    folder.write("secrets/service-account.json", key);
    for file in std::fs::read_dir(folder.path("secrets")).unwrap() {
        // As the page says.
        std::fs::set_permissions(file.unwrap().path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder.write("scripts/shop/onWhatsappStatus.js", "");
    std::fs::remove_dir_all(folder.path("scripts/app")).unwrap();
    for block in &blocks {
        let params = applied(&blocks[0], block);
        let _ = std::fs::remove_dir_all(folder.path("scripts/club"));
        if params.contains("[applications.club") {
            folder.write("scripts/club/greet.js", "");
        }
        folder.write("app-params.toml", &params);
        let checked = folder.boatswain(&["check"]);
        let said =
            String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success() && said.contains("0 errors, 0 warnings"), "{said}\n{params}");
    }
}

/// Whoever looks a code of the table up finds it.
#[test]
fn the_codes_on_the_page_are_known() {
    let folder = Folder::with_params("", "");
    let (_, table) = PAGE.split_once("## Mistakes people make").unwrap();
    let words = table.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_code = |word: &&str| {
        let is_number = word.len() == 5 && word.bytes().all(|b| b.is_ascii_digit());
        is_number || (word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
    };
    let codes: std::collections::BTreeSet<&str> =
        words.filter(is_code).filter(|word| !word.starts_with("BOATSWAIN_")).collect();
    assert!(codes.len() >= 9, "{codes:?}");
    for code in codes {
        assert!(folder.boatswain(&["explain", code]).status.success(), "{code}");
    }
}
