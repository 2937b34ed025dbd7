//! docs/simulator.md keeps its word: every example is run against `boatswain simulator`, started in an empty folder,
//! and answers what stands below it.
//!
//! An example is a `sh` block of `curl` commands; the tests read what they ask for themselves, so that they need no
//! curl (`curl.rs`). What may follow: `json` (the last answer has at least these members; a text that ends in `…` begins so),
//! `http` (its status and headers), `callbacks` (what has reached the application since, each line one request).

use std::collections::HashSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boatswain::base::{Clock, Secret, SystemClock};
use boatswain::whatsapp::{Form, signature};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

use crate::curl::{Answered, Request, words};
use crate::host::{ACCOUNT, BINARY, TOKEN, client, runtime};

const PAGE: &str = include_str!("../../docs/simulator.md");
/// How long anything may take before a test gives up; nothing comes near it.
const PATIENCE: Duration = Duration::from_mins(1);

struct Block {
    language: &'static str,
    text: &'static str,
    line: usize,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut line = 1;
    for (index, part) in PAGE.split("```").enumerate() {
        if index % 2 == 1 {
            let (language, text) = part.split_once('\n').unwrap();
            blocks.push(Block { language, text, line });
        }
        line += part.matches('\n').count();
    }
    blocks
}

/// What is wrong with `told`, which may have more members than are expected.
fn difference(expected: &Value, told: &Value) -> Option<String> {
    let same = match (expected, told) {
        (Value::String(expected), Value::String(told)) => match expected.split_once('…') {
            Some((start, end)) => told.starts_with(start) && told.ends_with(end),
            None => told == expected,
        },
        (Value::Array(expected), Value::Array(told)) if expected.len() == told.len() => {
            return expected.iter().zip(told).find_map(|(expected, told)| difference(expected, told));
        }
        (Value::Object(expected), Value::Object(told)) => {
            return expected
                .iter()
                .find_map(|(name, expected)| difference(expected, told.get(name).unwrap_or(&Value::Null)));
        }
        _ => expected == told,
    };
    (!same).then(|| format!("{told}\nnot\n{expected}"))
}

/// The application of the examples. It answers as its path says, and checks every signature.
///
/// `/ok` 204; `/busy` 503 to the first two of each status, then 204; `/echo` `TwiML` with a reply. Media: `/missing.png`, and `/page.html`, which is XML.
struct Application {
    url: String,
    requests: mpsc::UnboundedReceiver<Form>,
}

async fn application() -> Application {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::unbounded_channel();
    let own = url.clone();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let handler = async move |uri: axum::http::Uri, headers: axum::http::HeaderMap, body: String| {
        match uri.path() {
            "/missing.png" => return (404, ""),
            "/page.html" => return (200, "<response/>"),
            _ => {}
        }
        let form = Form::parse(body.as_bytes()).unwrap();
        let given = headers["x-twilio-signature"].to_str().unwrap();
        assert!(signature::verify(&format!("{own}{uri}"), &form, given, &[Secret::new(TOKEN)]), "{uri}");
        sender.send(form).unwrap();
        let token = headers["i-twilio-idempotency-token"].to_str().unwrap().to_owned();
        match uri.path() {
            "/busy" => {
                let mut seen = seen.lock().unwrap();
                seen.push(token.clone());
                let tries = seen.iter().filter(|known| **known == token).count();
                (if tries > 2 { 204 } else { 503 }, "")
            }
            "/echo" => (200, "<Response><Message>Thank you!</Message></Response>"),
            _ => (204, ""),
        }
    };
    let router = axum::Router::new().fallback(async move |uri, headers, body| {
        let (status, text) = handler(uri, headers, body).await;
        (axum::http::StatusCode::from_u16(status).unwrap(), [("content-type", "text/xml")], text)
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Application { url, requests }
}

/// The simulator in a process of its own, which ends with this.
pub struct Alone {
    pub child: tokio::process::Child,
    pub url: String,
    said: String,
    _folder: tempfile::TempDir,
}

async fn alone() -> Alone {
    let alone = alone_in(tempfile::tempdir().unwrap()).await;
    let shown = blocks()[0].text.replace("http://127.0.0.1:8081", &alone.url);
    assert_eq!(format!("$ boatswain simulator\n{}\n", alone.said), shown, "docs/simulator.md");
    alone
}

/// The program, alone in a folder with parameters or without.
pub async fn alone_in(folder: tempfile::TempDir) -> Alone {
    let mut child = tokio::process::Command::new(BINARY)
        .args(["simulator", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    let ready = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            said.push(line);
            if said.last().is_some_and(|line| line == "ready") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.unwrap();
    let line = said.iter().find(|line| line.starts_with("simulator")).unwrap_or_else(|| panic!("{said:?}"));
    let url = line.split_whitespace().last().unwrap().to_owned();
    Alone { url, said: said.join("\n"), child, _folder: folder }
}

#[test]
fn every_example_answers_what_stands_below_it() {
    runtime().block_on(async {
        let (simulator, mut application) = (alone().await, application().await);
        let mut earlier = HashSet::new();
        let mut sid = String::new();
        let mut last: Option<Answered> = None;
        let mut examples = 0;
        for block in blocks() {
            let place = format!("docs/simulator.md, line {}", block.line);
            match block.language {
                "sh" if block.text.contains("curl") => {
                    // Nothing of an example before it arrives in this one.
                    let control = format!("{}/simulator", simulator.url);
                    let messages = client().get(format!("{control}/messages")).send().await.unwrap();
                    let messages: Value = messages.json().await.unwrap();
                    let sids = messages["messages"].as_array().unwrap().iter();
                    earlier.extend(sids.map(|message| message["sid"].as_str().unwrap().to_owned()));
                    client().delete(format!("{control}/messages")).send().await.unwrap();
                    let open = client().post(format!("{control}/rules")).json(&json!({ "rules": "open" }));
                    open.send().await.unwrap();
                    for command in format!("\n{}", block.text.replace("\\\n", " ")).split("\ncurl ").skip(1) {
                        let line = &format!("curl {command}");
                        let variable = |name: &str| match name {
                            "TWILIO" => simulator.url.clone(),
                            "API" => format!("{}/2010-04-01/Accounts/{ACCOUNT}", simulator.url),
                            "AUTH" => format!("{ACCOUNT}:{TOKEN}"),
                            "APP" => application.url.clone(),
                            "SID" => sid.clone(),
                            "TOMORROW" => SystemClock.now().plus(Duration::from_hours(24)).to_string(),
                            "LATER" => SystemClock.now().plus(Duration::from_hours(72)).to_string(),
                            _ => panic!("{place}: what is ${name}?"),
                        };
                        let request = Request::of(words(line, &variable));
                        let answered = match request.send().await {
                            Ok(answered) => answered,
                            Err(error) => Answered {
                                head: vec![
                                    if error.is_timeout() { "no answer" } else { "broken off" }.to_owned(),
                                ],
                                body: String::new(),
                            },
                        };
                        if let Ok(value) = serde_json::from_str::<Value>(&answered.body)
                            && let Some(new) = value["sid"].as_str()
                        {
                            sid = new.to_owned();
                        }
                        last = Some(answered);
                    }
                    examples += 1;
                }
                // Variables of the reader's shell.
                "sh" => {
                    let shell =
                        std::process::Command::new("/bin/sh").args(["-ec", block.text]).output().unwrap();
                    assert!(shell.status.success(), "{place}: {shell:?}");
                }
                "json" => {
                    let body = &last.as_ref().unwrap().body;
                    let expected: Value =
                        serde_json::from_str(block.text).unwrap_or_else(|error| panic!("{place}: {error}"));
                    let told =
                        serde_json::from_str(body).unwrap_or_else(|_| panic!("{place}: no JSON: {body}"));
                    if let Some(difference) = difference(&expected, &told) {
                        panic!("{place}:\n{difference}");
                    }
                }
                "http" => {
                    let head = &last.as_ref().unwrap().head;
                    for line in block.text.lines() {
                        assert!(
                            head.iter().any(|told| told.eq_ignore_ascii_case(line)),
                            "{place}: no `{line}` in {head:#?}"
                        );
                    }
                }
                "callbacks" => {
                    for line in block.text.lines() {
                        // What an earlier example has set going comes to its end.
                        let next = async {
                            loop {
                                let form = application.requests.recv().await.unwrap();
                                if !earlier.contains(form.get("MessageSid").unwrap()) {
                                    return form;
                                }
                            }
                        };
                        let form = tokio::time::timeout(PATIENCE, next).await;
                        let form = form.unwrap_or_else(|_| panic!("{place}: `{line}` does not come"));
                        for pair in words(line, &|name| format!("${name}")) {
                            let (name, expected) = pair.split_once('=').unwrap();
                            let told = form.get(name).unwrap_or("(none)");
                            let told = Value::from(told);
                            if let Some(difference) = difference(&Value::from(expected), &told) {
                                panic!("{place}: {name} is {difference}");
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        assert!(examples > 25, "{examples}");
    });
}
