//! A stand-in for Twilio that knows accounts with the keys that count at the moment, takes messages, and tells of them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use boatswain::base::{Clock, SystemClock};
use boatswain::whatsapp::Form;
use boatswain::whatsapp::message::format_date;
use serde_json::{Value, json};

use crate::host::sid;

/// The sid of an account.
pub fn account(number: u32) -> String {
    format!("AC{number:032}")
}

/// One of an account's keys.
pub fn token(account: u32, key: u32) -> String {
    format!("{key:016}{account:016}")
}

/// A message that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub account: String,
    pub username: String,
    pub form: Form,
    /// What was found out before it was answered.
    pub seen: Vec<u16>,
    resource: Value,
}

type Before = Box<dyn Fn(&Taken) -> Vec<u16> + Send>;

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Vec<String>>,
    taken: Vec<Taken>,
    refused: usize,
    before: Option<Before>,
    is_mute: bool,
    busy: u32,
}

pub struct Twilio {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Twilio {
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                let Some(request) = Request::read(&mut reader) else { continue };
                let (status, body) = shared.lock().unwrap().answer(&request);
                let body = body.to_string();
                let head = "content-type: application/json\r\nconnection: close\r\ncontent-length";
                let _ = write!(reader.get_mut(), "HTTP/1.1 {status}\r\n{head}: {}\r\n\r\n{body}", body.len());
            }
        });
        Self { url, state }
    }

    /// Who signs in as this account or API key does so with one of these, from now on.
    pub fn accepts(&self, username: &str, keys: Vec<String>) {
        self.state.lock().unwrap().keys.insert(username.to_owned(), keys);
    }

    /// What is done with a message before its sender is answered.
    pub fn before_answers(&self, before: impl Fn(&Taken) -> Vec<u16> + Send + 'static) {
        self.state.lock().unwrap().before = Some(Box::new(before));
    }

    /// Whether it fails at every message.
    pub fn answers_nothing(&self, is_mute: bool) {
        self.state.lock().unwrap().is_mute = is_mute;
    }

    /// It answers 429 to so many messages, and asks for an hour's patience.
    pub fn is_busy(&self, messages: u32) {
        self.state.lock().unwrap().busy = messages;
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.lock().unwrap().taken.clone()
    }

    /// The last message that was taken.
    pub fn last(&self) -> Taken {
        self.taken().pop().unwrap()
    }

    /// How many messages it has refused for their key.
    pub fn refused(&self) -> usize {
        self.state.lock().unwrap().refused
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> (&'static str, Value) {
        let admits = |keys: &Vec<String>| keys.contains(&request.password);
        if !self.keys.get(&request.username).is_some_and(admits) {
            self.refused += usize::from(request.method == "POST");
            if !self.is_mute {
                return (
                    "401 Unauthorized",
                    json!({ "code": 20003, "message": "Authenticate", "status": 401 }),
                );
            }
        }
        if self.is_mute {
            return ("503 Away", json!({}));
        }
        if request.method == "POST" && self.busy > 0 {
            self.busy -= 1;
            return (
                "429 Too Many Requests\r\nretry-after: 3600",
                json!({ "code": 20429, "message": "Too Many Requests", "status": 429 }),
            );
        }
        let path = request.path.strip_prefix("/2010-04-01/Accounts/").unwrap();
        let (account, rest) = path.split_once('/').unwrap();
        if request.method == "GET" {
            return (
                "200 OK",
                match rest.strip_prefix("Messages/").and_then(|rest| rest.strip_suffix(".json")) {
                    Some(sid) => json!({ "sid": sid, "status": "delivered" }),
                    None => json!({ "messages": self.log(account), "next_page_uri": null }),
                },
            );
        }
        let number = 1_000 + u32::try_from(self.taken.len()).unwrap();
        let resource = json!({
            "sid": sid(number), "status": "queued", "to": request.form.get("To"), "from": request.form.get("From"),
            "date_created": format_date(SystemClock.now())
        });
        let (account, username, form) = (account.to_owned(), request.username.clone(), request.form.clone());
        let mut taken = Taken { account, username, form, seen: Vec::new(), resource: resource.clone() };
        if let Some(before) = &self.before {
            taken.seen = before(&taken);
        }
        self.taken.push(taken);
        ("201 Created", resource)
    }

    /// The account's messages, the newest first.
    fn log(&self, account: &str) -> Vec<&Value> {
        let taken = self.taken.iter().rev().filter(|taken| taken.account == account);
        taken.map(|taken| &taken.resource).collect()
    }
}

struct Request {
    method: String,
    path: String,
    username: String,
    password: String,
    form: Form,
}

impl Request {
    fn read(reader: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let header = |name: &str| {
            let mut headers = lines.iter().filter_map(|line| line.split_once(':'));
            headers
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let credentials = header("authorization")?;
        let credentials =
            base64::engine::general_purpose::STANDARD.decode(credentials.strip_prefix("Basic ")?).ok()?;
        let credentials = String::from_utf8(credentials).ok()?;
        let (username, password) = credentials.split_once(':')?;
        let mut words = lines[0].split(' ');
        Some(Self {
            method: words.next()?.to_owned(),
            path: words.next()?.to_owned(),
            username: username.to_owned(),
            password: password.to_owned(),
            form: Form::parse(&body).unwrap(),
        })
    }
}
