//! The demo is complete, and stays where it is asked to: with a page that shows its phone.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::host::{BINARY, signal};

/// Reads on until a line that begins so, and gives it.
#[track_caller]
fn until(lines: &mut impl Iterator<Item = std::io::Result<String>>, beginning: &str) -> String {
    let found = lines.map(Result::unwrap).find(|line| line.starts_with(beginning));
    found.unwrap_or_else(|| panic!("the demo ended before it said {beginning:?}"))
}

#[test]
fn the_demo_says_where_the_phone_is_to_be_seen() {
    let output = Command::new(BINARY).arg("demo").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Everything arrived") && said.contains("`boatswain demo --stay`"), "{said}");
}

#[test]
fn a_demo_that_stays_shows_its_phone_until_it_is_interrupted() {
    let mut demo = Command::new(BINARY).args(["demo", "--stay"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    until(&mut lines, "Everything arrived");
    let line = until(&mut lines, "Ada's phone is at ");
    let (url, _) = line.trim_start_matches("Ada's phone is at ").split_once(". ").unwrap();
    let (url, phone) = url.split_once('#').unwrap();
    assert_eq!(phone, "+393331234567");
    let page = get(url);
    assert!(page.contains("<title>Phones"), "{page}");
    let messages = get(&format!("{url}simulator/messages"));
    assert!(messages.contains("whatsapp:+393331234567"), "{messages}");

    signal(demo.id(), "-INT");
    assert!(demo.wait().unwrap().success());
}

#[test]
fn a_demo_that_is_interrupted_in_its_tour_ends_there() {
    let mut demo = Command::new(BINARY).args(["demo", "--stay"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    until(&mut lines, "Boatswain demo");
    signal(demo.id(), "-INT");
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert!(demo.wait().unwrap().success());
    assert!(!rest.iter().any(|line| line.starts_with("Everything arrived")), "{rest:?}");
}

fn get(url: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(url).send().await.unwrap().text().await.unwrap()
    })
}
