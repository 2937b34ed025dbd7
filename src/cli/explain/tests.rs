//! Every code is explained: the sources are read, so that a new one is not forgotten.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::script::protocol::Reason;

/// Words in capitals that the sources hold in quotes and that are no codes.
const OTHERS: &str = "ACCOUNT ACME ADDR ADIF BEGIN BOATSWAIN_DATA BOATSWAIN_FAILPOINT BOATSWAIN_LOG BOATSWAIN_LOG_FORMAT \
    BOATSWAIN_PARAMS BOATSWAIN_PUBLIC BOATSWAIN_SCRIPTS BOATSWAIN_SYNCHRONOUS CARGO_MANIFEST_DIR \
    CARGO_PKG_VERSION COMMIT DELETE DELIVERED FAST FILE FORMAT FULL GOOGLE_CLOUD_STORAGE JSON NAMES PASM \
    NODEFINED NORMAL NUMBER ONLINE OPTOUT POST READ RIFF ROLLBACK SEARCH SELECT START STOP STOPALL SUBSCRIBE TEXT \
    UNDELIVERED UNSTOP UNSUBSCRIBE VACUUM WEBP WHATSAPP WHEN WITH WORD";

/// The sources without their tests.
fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            found.push((path, text));
        }
    }
}

/// The words in capitals that stand in quotes, four letters or more.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let in_capitals = |word: &&str| {
        word.len() > 3
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };
    text.split('"').filter(in_capitals)
}

fn is_explained(code: &str) -> bool {
    OWN.iter().any(|own| own.code == code)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_code_of_ours_is_explained() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let others: BTreeSet<&str> = OTHERS.split_whitespace().collect();
    let mut unexplained = BTreeSet::new();
    let mut seen = 0;
    for (path, text) in &files {
        // What explains is no proof that there is anything to explain.
        for word in words(text).filter(|_| !path.ends_with("cli/explain.rs")) {
            seen += 1;
            if !is_explained(word) && !others.contains(word) {
                unexplained.insert(format!("{word} in {}", path.display()));
            }
        }
    }
    assert!(files.len() > 50 && seen > 100, "the sources are read: {seen} in {}", files.len());
    assert!(unexplained.is_empty(), "explain these, or say that they are no codes: {unexplained:#?}");
    for code in crate::config::codes::ALL {
        assert!(is_explained(code), "{code}");
    }
}

#[test]
fn nothing_is_explained_that_there_is_not() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    files.retain(|(path, _)| !path.ends_with("cli/explain.rs"));
    let mut there: BTreeSet<&str> = files.iter().flat_map(|(_, text)| words(text)).collect();
    there.insert("UNKNOWN_CODE");
    let reasons: Vec<_> = REASONS.iter().map(|reason| reason.as_str().to_uppercase()).collect();
    let gone: Vec<_> = OWN
        .iter()
        .map(|own| own.code)
        .filter(|code| !there.contains(code) && !reasons.iter().any(|reason| reason == code))
        .collect();
    assert!(gone.is_empty(), "{gone:?}");
}

const REASONS: [Reason; 9] = [
    Reason::Thrown,
    Reason::CpuLimit,
    Reason::WallLimit,
    Reason::MemoryLimit,
    Reason::Killed,
    Reason::StackLimit,
    Reason::OutputLimit,
    Reason::HostCallLimit,
    Reason::Syntax,
];

/// `run` shows them in capitals.
#[test]
fn every_reason_of_a_run_is_explained() {
    for reason in REASONS {
        assert!(is_explained(&reason.as_str().to_uppercase()), "{reason:?}");
    }
}

/// The page for authors names every code that an outcome can have.
#[test]
fn every_code_of_an_outcome_is_on_the_page_about_sending() {
    let page = std::fs::read_to_string(root().join("docs/sending.md")).unwrap();
    let mut codes = BTreeSet::new();
    for file in
        ["host/content.rs", "host/messages.rs", "host/reply.rs", "pipeline/gate.rs", "pipeline/admission.rs"]
    {
        let text = std::fs::read_to_string(root().join("src").join(file)).unwrap();
        codes.extend(words(&text).map(str::to_owned));
    }
    let outcome = std::fs::read_to_string(root().join("src/whatsapp/outcome.rs")).unwrap();
    let constants = outcome.lines().filter(|line| line.starts_with("pub const "));
    codes.extend(constants.flat_map(words).map(str::to_owned));
    assert!(codes.len() > 15, "{codes:?}");
    let missing: Vec<_> = codes.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// And `explain` knows every code that the page's tables name.
#[test]
fn every_code_on_the_page_about_sending_is_explained() {
    let page = std::fs::read_to_string(root().join("docs/sending.md")).unwrap();
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let codes: BTreeSet<_> = cells.flat_map(|cell| cell.split(['`', ',', ' '])).collect();
    // With an underscore: the simulator's numbers are written in capitals too.
    let in_capitals =
        |code: &&&str| code.contains('_') && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let codes: Vec<_> = codes.iter().filter(in_capitals).collect();
    assert!(codes.len() > 30, "{codes:?}");
    let unknown: Vec<_> = codes.into_iter().filter(|code| !is_explained(code)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn a_code_is_explained_once() {
    let distinct: BTreeSet<_> = OWN.iter().map(|own| own.code).collect();
    assert_eq!(distinct.len(), OWN.len());
}
