//! A host to test: a folder with parameters and scripts, the program that serves it, and a client that signs as
//! Twilio does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use boatswain::base::Secret;
use boatswain::whatsapp::{Form, signature};

pub const BINARY: &str = env!("CARGO_BIN_EXE_boatswain");
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "simulator-auth-token";
/// How long anything may take before a test gives up; nothing comes near it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with an application `app`.
pub struct Folder {
    pub root: tempfile::TempDir,
}

impl Folder {
    /// An application whose callback action is `callback`, with `more` at the end of the parameters.
    pub fn new(callback: &str, more: &str) -> Self {
        Self::with_params(
            callback,
            &format!(
                r#"
                [host]
                listen = "127.0.0.1:0"
                [simulator]
                listen = "127.0.0.1:0"
                [applications.app.WHATSAPP]
                environment = "simulator"
                account_id = "{ACCOUNT}"
                auth_key = "{TOKEN}"
                from_phone_number = "+14155238886"
                whatsapp_callback = "callback"
                {more}
                "#
            ),
        )
    }

    /// An application whose action `callback` there is, with parameters of the test's own.
    pub fn with_params(callback: &str, params: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = Self { root };
        folder.write("app-params.toml", params);
        folder.write("scripts/app/callback.js", callback);
        folder.write(
            "scripts/app/migrations/001.sql",
            "CREATE TABLE effects (sid TEXT, status TEXT, note TEXT); CREATE INDEX by_sid ON effects(sid);",
        );
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Runs a command of the program here, to its end.
    pub fn boatswain(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).current_dir(self.root.path()).env_clear();
        command
    }

    pub fn serve(&self) -> HostProcess {
        self.serve_until(None)
    }

    /// Serves, and stands still at a failpoint.
    pub fn serve_until(&self, failpoint: Option<&str>) -> HostProcess {
        let failpoint = failpoint.map(|name| ("BOATSWAIN_FAILPOINT", name));
        self.serve_with(failpoint.as_slice())
    }

    /// Serves with an environment.
    pub fn serve_with(&self, environment: &[(&str, &str)]) -> HostProcess {
        let mut command = self.command(&["serve"]);
        command.envs(environment.iter().copied());
        Self::served_by(command)
    }

    /// Serves with what a shell's `ulimit` is told.
    pub fn serve_within(&self, ulimit: &str) -> HostProcess {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("ulimit {ulimit} && exec \"$0\" serve"), BINARY]);
        shell.current_dir(self.root.path()).env_clear();
        Self::served_by(shell)
    }

    fn served_by(mut command: Command) -> HostProcess {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Lines::default();
        lines.read(BufReader::new(child.stdout.take().unwrap()));
        lines.read(BufReader::new(child.stderr.take().unwrap()));
        let mut host = HostProcess { child, lines, url: String::new() };
        host.wait_for("ready");
        let listening = host.wait_for("listening");
        listening.split_whitespace().last().unwrap().clone_into(&mut host.url);
        host
    }

    /// Rows of a query on the application's database.
    pub fn rows(&self, sql: &str) -> Vec<(String, i64)> {
        let db = rusqlite::Connection::open(self.path("data/apps/app.db")).unwrap();
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The first column of a query on the application's database.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        let db = rusqlite::Connection::open(self.path("data/apps/app.db")).unwrap();
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// One number from `host.db`.
    pub fn count(&self, sql: &str) -> i64 {
        let db = rusqlite::Connection::open(self.path("data/host.db")).unwrap();
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

/// The lines of a process, and how many of its two outputs have ended.
type Said = (Vec<String>, usize);

#[derive(Clone, Default)]
struct Lines(Arc<(Mutex<Said>, Condvar)>);

impl Lines {
    fn read(&self, source: impl BufRead + Send + 'static) {
        let shared = Arc::clone(&self.0);
        std::thread::spawn(move || {
            for line in source.lines().map_while(Result::ok) {
                shared.0.lock().unwrap().0.push(line);
                shared.1.notify_all();
            }
            shared.0.lock().unwrap().1 += 1;
            shared.1.notify_all();
        });
    }

    /// All of them, once both outputs have ended.
    fn all(&self) -> Vec<String> {
        let (lock, changed) = &*self.0;
        let (guard, timeout) =
            changed.wait_timeout_while(lock.lock().unwrap(), PATIENCE, |(_, ended)| *ended < 2).unwrap();
        assert!(!timeout.timed_out(), "somebody holds an output of the host: {:#?}", guard.0);
        guard.0.clone()
    }

    /// Waits for `count` lines that hold `part`; gives the last of them.
    fn wait(&self, part: &str, count: usize) -> String {
        let (lock, changed) = &*self.0;
        let found =
            |lines: &Vec<String>| lines.iter().filter(|line| line.contains(part)).nth(count - 1).cloned();
        let (guard, timeout) = changed
            .wait_timeout_while(lock.lock().unwrap(), PATIENCE, |(lines, ended)| {
                found(lines).is_none() && *ended < 2
            })
            .unwrap();
        assert!(!timeout.timed_out(), "waited for {count} × `{part}` in {:#?}", guard.0);
        found(&guard.0).unwrap_or_else(|| panic!("the host ended before {count} × `{part}`: {:#?}", guard.0))
    }
}

/// A host in a process of its own.
pub struct HostProcess {
    child: Child,
    lines: Lines,
    pub url: String,
}

impl HostProcess {
    /// Waits for a line on stdout or stderr.
    pub fn wait_for(&self, part: &str) -> String {
        self.lines.wait(part, 1)
    }

    /// Waits until so many lines hold `part`.
    pub fn wait_for_many(&self, part: &str, count: usize) {
        self.lines.wait(part, count);
    }

    /// What was said so far.
    pub fn said(&self) -> String {
        self.lines.0.0.lock().unwrap().0.join("\n")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; gives the exit status.
    pub fn terminate(self) -> Option<i32> {
        signal(self.pid(), "-TERM");
        self.wait()
    }

    /// SIGTERM, after which it ends well; gives everything that it said. A record of several lines is whole only here.
    pub fn end(self) -> String {
        let lines = self.lines.clone();
        assert_eq!(self.terminate(), Some(0));
        lines.all().join("\n")
    }

    /// Its exit status, when it has ended.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn signal(pid: u32, signal: &str) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The worker processes of a host.
pub fn workers_of(pid: u32) -> Vec<u32> {
    let mut workers = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).map(str::parse);
        if parent == Some(Ok(pid)) {
            workers.push(id);
        }
    }
    workers
}

/// The 34 characters of a message's sid.
pub fn sid(n: u32) -> String {
    format!("SM{n:032x}")
}

/// A callback's form.
pub fn form(sid: &str, status: &str) -> Form {
    let mut form = Form::default();
    for (name, value) in [
        ("AccountSid", ACCOUNT),
        ("From", "whatsapp:+14155238886"),
        ("To", "whatsapp:+393331234567"),
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("MessageStatus", status),
        ("SmsStatus", status),
        ("ApiVersion", "2010-04-01"),
        ("ChannelPrefix", "whatsapp"),
        ("EventType", "DELIVERED"),
    ] {
        form.push(name, value);
    }
    form
}

/// Posts a callback as Twilio does, signed; gives the status of the answer.
pub async fn post(client: &reqwest::Client, url: &str, form: &Form) -> Result<u16, reqwest::Error> {
    post_signed(client, url, form, &signature::sign(url, form, &Secret::new(TOKEN))).await
}

pub async fn post_signed(
    client: &reqwest::Client,
    url: &str,
    form: &Form,
    signature: &str,
) -> Result<u16, reqwest::Error> {
    let request = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature)
        .body(form.encode());
    Ok(request.send().await?.status().as_u16())
}

/// The address of callbacks of a host.
pub fn callback_url(host: &str) -> String {
    format!("{host}/whatsapp/callback/app/NODEFINED")
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// An answer as it came over the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// In order, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What an attacker can compare: everything but the time of day.
    pub fn face(&self) -> (u16, Vec<(String, String)>, String) {
        let headers = self.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
        (self.status, headers, self.text())
    }
}

/// A connection that says exactly what it is told to: no client tidies paths or headers up.
pub struct Wire(BufReader<TcpStream>);

impl Wire {
    /// Connects to the authority of `url`.
    pub fn to(url: &str) -> Self {
        let authority = url.trim_start_matches("http://").split('/').next().unwrap();
        let stream = TcpStream::connect(authority).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The same to somebody who may have hung up already.
    pub fn try_say(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// The next answer; `body` says whether it has one (HEAD does not).
    pub fn hear(&mut self, body: bool) -> Answer {
        self.hear_if_any(body).expect("the connection ended without an answer")
    }

    /// The next answer, unless the connection is closed before it begins.
    pub fn hear_if_any(&mut self, body: bool) -> Option<Answer> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).unwrap_or_else(|error| {
                assert_eq!(
                    error.kind(),
                    std::io::ErrorKind::ConnectionReset,
                    "neither an answer nor the end"
                );
                0
            });
            if read == 0 && lines.is_empty() {
                return None;
            }
            assert!(read > 0, "the connection ended in the answer's head: {lines:?}");
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines[1..]
            .iter()
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        if body && let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut answer.body).unwrap();
        }
        Some(answer)
    }

    /// So many bytes, whatever they are.
    pub fn take(&mut self, bytes: &mut [u8]) {
        self.0.read_exact(bytes).unwrap();
    }

    /// Everything until the host closes the connection.
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // Cut off with bytes unread, the connection is reset: closed all the same.
        if let Err(error) = self.0.read_to_end(&mut bytes) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection stays open");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// One request with a path exactly as it is given.
pub fn request(host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut wire = Wire::to(host);
    wire.say(head(method, path, headers, body.len()));
    wire.say(body);
    wire.hear(method != "HEAD")
}

/// A request's head.
pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("host: boatswain.test\r\n");
    }
    for (name, value) in headers {
        head.extend([*name, ": ", *value, "\r\n"]);
    }
    if length > 0 || method == "POST" {
        head.extend(["content-length: ", &length.to_string(), "\r\n"]);
    }
    head + "\r\n"
}

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A signed callback to `path`, which the host knows as `<public><path>`.
pub fn callback(host: &str, public: &str, path: &str, form: &Form, key: &str) -> Answer {
    let signature = signature::sign(&format!("{public}{path}"), form, &Secret::new(key));
    request(host, "POST", path, &[FORM, ("x-twilio-signature", &signature)], form.encode().as_bytes())
}
