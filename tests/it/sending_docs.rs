//! docs/sending.md keeps its word: every example is run, and returns what stands below it.

use serde_json::{Value, json};

use crate::bench::{Bench, value};
use crate::host::ACCOUNT;

const PAGE: &str = include_str!("../../docs/sending.md");

/// The fenced blocks of the page: language, text, line.
fn blocks() -> Vec<(&'static str, &'static str, usize)> {
    let mut blocks = Vec::new();
    let mut line = 1;
    for (index, part) in PAGE.split("```").enumerate() {
        if index % 2 == 1 {
            let (language, text) = part.split_once('\n').unwrap();
            blocks.push((language, text, line));
        }
        line += part.matches('\n').count();
    }
    blocks
}

/// What the page adds to the parameters, for the application of the tests. Its companies are there already.
fn parameters() -> String {
    let pages = blocks()
        .into_iter()
        .filter(|(language, text, _)| *language == "toml" && !text.contains(".companies."));
    let pages: Vec<_> =
        pages.map(|(_, text, _)| text.replace("applications.shop.", "applications.app.")).collect();
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/test_only_service_account.json");
    let branch = r#"
        [applications.app.parameters.branch]
        account = "AC00000000000000000000000000000002"
        key = "acme-token"
        sender = "+14155550100"
    "#;
    pages.concat().replace("secrets/service-account.json", key) + branch
}

/// What is wrong with `told`; a text that ends with `…` stands for all that begin so.
fn difference(expected: &Value, told: &Value) -> Option<String> {
    let same = match (expected, told) {
        (Value::String(expected), Value::String(told)) => match expected.strip_suffix('…') {
            Some(start) => told.starts_with(start),
            None => told == expected,
        },
        (Value::Array(expected), Value::Array(told)) if expected.len() == told.len() => {
            return expected.iter().zip(told).find_map(|(expected, told)| difference(expected, told));
        }
        (Value::Object(expected), Value::Object(told)) if expected.keys().eq(told.keys()) => {
            return expected.iter().find_map(|(name, expected)| difference(expected, &told[name]));
        }
        _ => expected == told,
    };
    (!same).then(|| format!("{told}\nnot\n{expected}"))
}

#[test]
fn every_example_returns_what_stands_below_it() {
    let blocks = blocks();
    let examples: Vec<_> = blocks
        .windows(2)
        .filter(|pair| pair[0].0 == "js")
        .map(|pair| {
            assert_eq!(pair[1].0, "json", "what does the example in line {} return?", pair[0].2);
            let expected: Value =
                serde_json::from_str(pair[1].1).unwrap_or_else(|error| panic!("line {}: {error}", pair[1].2));
            (pair[0].1, expected, pair[0].2)
        })
        .collect();
    let scripts = blocks.iter().filter(|block| block.0 == "js").count();
    assert!(examples.len() > 15 && examples.len() == scripts, "{} of {scripts}", examples.len());
    let names: Vec<_> = examples.iter().map(|(_, _, line)| format!("line{line}")).collect();
    let actions: Vec<_> =
        names.iter().map(String::as_str).zip(examples.iter().map(|example| example.0)).collect();
    let bench = Bench::with("cpu_ms = 5000", &parameters(), &actions);

    let first = examples[0].1.as_object().unwrap();
    for (name, (_, expected, line)) in names.iter().zip(&examples) {
        let told = value(&bench.run(name, json!({})));
        let mut whole = expected.clone();
        if let (Some(members), true) = (whole.as_object_mut(), told.get("warnings").is_some()) {
            let mut outcome = first.clone();
            outcome.append(members);
            *members = outcome;
        }
        if let Some(difference) = difference(&whole, &told) {
            panic!("docs/sending.md, line {line}:\n{difference}");
        }
    }
    let templates = bench.messages().into_iter().filter(|message| {
        message.content_variables.as_deref() == Some(r#"{"1":"Ada","2":"A-7"}"#)
            && message.account.as_str() == ACCOUNT
    });
    assert_eq!(templates.count(), 2, "by its ContentSid, and by its text");
    bench.stop();
}

/// Links within the documentation lead somewhere.
#[test]
fn its_links_lead_somewhere() {
    let anchors = |page: &str| -> Vec<String> {
        let headings = page.lines().filter(|line| line.starts_with('#'));
        let letters = |line: &str| -> String {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            text.chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        };
        headings.map(letters).collect()
    };
    for from in [
        "docs/sending.md",
        "docs/actions.md",
        "docs/types.md",
        "docs/reference.md",
        "docs/javascript.md",
        "docs/testing.md",
        "docs/troubleshooting.md",
        "docs/check.md",
        "docs/embedding.md",
        "docs/first-application.md",
        "docs/from-twilio-functions.md",
        "docs/from-the-original-platform.md",
    ] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(root.join(from)).unwrap();
        let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { root.join(from) } else { root.join("docs").join(file) };
            assert!(file.exists(), "{from}: {target}");
            if !anchor.is_empty() {
                let page = std::fs::read_to_string(&file).unwrap();
                assert!(anchors(&page).iter().any(|known| known == anchor), "{from}: {target}");
            }
        }
    }
}
