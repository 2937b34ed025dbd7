//! Signed callbacks with a durable effect each, through the program as it is served.
//!
//! `cargo bench --bench callbacks` prints callbacks acknowledged and processed a second, the latency of the
//! acknowledgement, the CPU time of host and workers per callback, memory at rest and time from start to listening,
//! also with a backlog.
//! `docs/performance.md` says how to read them. Options, as environment variables: `CALLBACKS` (20000),
//! `CONNECTIONS` (32), `ROUNDS` (3), `BACKLOG` (100000).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use boatswain::base::Secret;
use boatswain::whatsapp::{Form, signature};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "bench-auth-token";
const PARAMS: &str = r#"
[host]
listen = "127.0.0.1:0"
[applications.bench.WHATSAPP]
environment = "simulator"
api_base_url = "http://127.0.0.1:9"
account_id = "AC00000000000000000000000000000001"
auth_key = "bench-auth-token"
from_phone_number = "+14155238886"
whatsapp_callback = "status"
"#;
/// One upsert through a synchronous host call.
const ACTION: &str = r"
utils.executeSql(
  `INSERT INTO statuses(sid, status, recipient) VALUES (:MESSAGE_SID, :MESSAGE_STATUS, :TO)
   ON CONFLICT(sid) DO UPDATE SET status = excluded.status`,
  null, false, true,
);
return vo.MessageStatus;
";
const MIGRATION: &str =
    "CREATE TABLE statuses (sid TEXT PRIMARY KEY, status TEXT, recipient TEXT) WITHOUT ROWID;";

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

struct Host {
    child: Child,
    address: String,
    started_in: Duration,
}

impl Host {
    fn start(folder: &Path) -> Self {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_boatswain"))
            .arg("serve")
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut address = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("listening") {
                url.trim().trim_start_matches("http://").clone_into(&mut address);
            }
            if line == "ready" {
                break;
            }
        }
        Self { child, address, started_in: began.elapsed() }
    }

    fn processes(&self) -> Vec<u32> {
        let mut processes = vec![self.child.id()];
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if stat(pid, 1) == Some(u64::from(self.child.id())) {
                processes.push(pid);
            }
        }
        processes
    }

    /// CPU time of the host and its workers so far, in microseconds: user and system, in ticks of 10 ms.
    fn cpu_us(&self) -> u64 {
        self.processes()
            .into_iter()
            .map(|pid| (stat(pid, 11).unwrap_or(0) + stat(pid, 12).unwrap_or(0)) * 10_000)
            .sum()
    }

    /// CPU time of each thread so far, in ticks of 10 ms: where it goes.
    fn threads(&self) -> Vec<(String, u64)> {
        let mut threads = Vec::new();
        for pid in self.processes() {
            for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let text = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                let name = text.split(['(', ')']).nth(1).unwrap_or("?").to_owned();
                let name = if pid == self.child.id() { name } else { format!("worker {name}") };
                let fields: Vec<_> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
                let ticks =
                    |field: usize| fields.get(field).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
                threads.push((name, ticks(11) + ticks(12)));
            }
        }
        threads
    }

    fn resident_kib(&self) -> Vec<u64> {
        let resident = |pid: u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        self.processes().into_iter().filter_map(resident).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of `/proc/<pid>/stat`, counted from the state that follows the name.
fn stat(pid: u32, field: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(field)?.parse().ok()
}

/// What Twilio says of a message.
fn form(sid: &str) -> Form {
    let mut form = Form::default();
    for (name, value) in [
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
        ("ChannelInstallSid", "XE00000000000000000000000000000001"),
        ("ChannelPrefix", "whatsapp"),
        ("ChannelToAddress", "+39333123XXXX"),
        ("EventType", "DELIVERED"),
        ("From", "whatsapp:+14155238886"),
        ("MessageSid", sid),
        ("MessageStatus", "delivered"),
        ("SmsSid", sid),
        ("SmsStatus", "delivered"),
        ("To", "whatsapp:+393331234567"),
    ] {
        form.push(name, value);
    }
    form
}

/// A signed request, as bytes on the wire.
fn request(host: &str, round: usize, n: usize) -> Vec<u8> {
    let path = "/whatsapp/callback/bench/NODEFINED";
    // Scattered like Twilio's, not counting up: indexes must be met as they will be.
    let mixed = ((round << 32 | n) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let sid = format!("SM{mixed:016x}{:016x}", mixed.wrapping_mul(0xBF58_476D_1CE4_E5B9));
    let form = form(&sid);
    let signature = signature::sign(&format!("http://{host}{path}"), &form, &Secret::new(TOKEN));
    let body = form.encode();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         x-twilio-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends the requests one after another over one connection; the latencies.
async fn connection(address: String, requests: Vec<Vec<u8>>) -> Vec<Duration> {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut latencies = Vec::with_capacity(requests.len());
    let mut buffer = [0; 1024];
    for request in requests {
        let began = Instant::now();
        stream.write_all(&request).await.unwrap();
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&buffer[..read]));
        latencies.push(began.elapsed());
    }
    latencies
}

/// A folder with the application.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app-params.toml"), PARAMS).unwrap();
    let scripts = folder.path().join("scripts/bench");
    std::fs::create_dir_all(scripts.join("migrations")).unwrap();
    std::fs::write(scripts.join("status.js"), ACTION).unwrap();
    std::fs::write(scripts.join("migrations/001.sql"), MIGRATION).unwrap();
    folder
}

/// Puts notifications into `host.db` that wait, as a host that was killed leaves them.
fn fill(folder: &Path, rows: usize) {
    let mut db = rusqlite::Connection::open(folder.join("data/host.db")).unwrap();
    let transaction = db.transaction().unwrap();
    for n in 0..rows {
        let mixed = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let sid = format!("SM{mixed:032x}");
        let key = [&Sha256::digest(&sid)[..8], &Sha256::digest(n.to_le_bytes())[..12]].concat();
        let body = form(&sid).encode();
        transaction
            .prepare_cached(
                "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source,
                   received_at, state) VALUES (?, 'bench', 'NODEFINED', ?, ?, 'delivered', ?, 'callback', 1, 'waiting')",
            )
            .unwrap()
            .execute(rusqlite::params![key, ACCOUNT, sid, body.as_bytes()])
            .unwrap();
    }
    transaction.commit().unwrap();
}

/// A start with a backlog: how long it takes, and how much memory the backlog.
fn backlog(rows: usize) {
    let folder = folder();
    drop(Host::start(folder.path()));
    fill(folder.path(), rows);
    let host = Host::start(folder.path());
    let began = Instant::now();
    let ready = host.started_in.as_secs_f64() * 1000.0;
    let app_db = rusqlite::Connection::open(folder.path().join("data/apps/bench.db")).unwrap();
    let effects =
        || app_db.query_row("SELECT count(*) FROM statuses", [], |row| row.get::<_, i64>(0)).unwrap();
    let mut most = 0;
    while usize::try_from(effects()).unwrap() < rows {
        most = most.max(host.resident_kib()[0]);
        std::thread::sleep(Duration::from_millis(20));
    }
    println!(
        "start with {rows:>6} waiting {ready:>6.1} ms  then {:>6.0}/s  host at most {:>5.1} MB",
        rows as f64 / began.elapsed().as_secs_f64(),
        most as f64 / 1024.0
    );
}

fn main() {
    let (callbacks, connections, rounds) =
        (number("CALLBACKS", 20_000), number("CONNECTIONS", 32), number("ROUNDS", 3));
    let folder = folder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let host = Host::start(folder.path());
    println!("start to listening      {:>9.1} ms", host.started_in.as_secs_f64() * 1000.0);
    println!("memory at rest          {:>9.1} MB", host.resident_kib().iter().sum::<u64>() as f64 / 1024.0);

    let app_db = rusqlite::Connection::open(folder.path().join("data/apps/bench.db")).unwrap();
    let effects = || {
        app_db
            .query_row("SELECT count(*) FROM statuses", [], |row| row.get::<_, i64>(0))
            .map(|n| usize::try_from(n).unwrap())
            .unwrap()
    };
    let round = |round: usize, callbacks: usize, connections: usize| {
        let before = effects();
        let all: Vec<_> = (0..callbacks).map(|n| request(&host.address, round, n)).collect();
        let (cpu, began) = (host.cpu_us(), Instant::now());
        let share = callbacks.div_ceil(connections);
        let mut latencies: Vec<Duration> = runtime.block_on(async {
            let tasks: Vec<_> = all
                .chunks(share)
                .map(|requests| tokio::spawn(connection(host.address.clone(), requests.to_vec())))
                .collect();
            let mut latencies = Vec::with_capacity(callbacks);
            for task in tasks {
                latencies.extend(task.await.unwrap());
            }
            latencies
        });
        let acknowledged = began.elapsed();
        while effects() < before + callbacks {
            std::thread::sleep(Duration::from_millis(2));
        }
        let processed = began.elapsed();
        // The marks of the last runs linger for 50 ms.
        std::thread::sleep(Duration::from_millis(200));
        let cpu = host.cpu_us() - cpu;
        latencies.sort_unstable();
        let at =
            |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
        println!(
            "{callbacks:>6} over {connections:>2} connections: acknowledged {:>6.0}/s  processed {:>6.0}/s  \
             ack p50 {:>5.2} ms  p99 {:>6.2} ms  CPU {:>5.1} µs each",
            callbacks as f64 / acknowledged.as_secs_f64(),
            callbacks as f64 / processed.as_secs_f64(),
            at(0.5),
            at(0.99),
            cpu as f64 / callbacks as f64,
        );
    };
    round(0, callbacks / 10, connections); // warms worker, caches and databases
    let before = host.threads();
    for n in 1..=rounds {
        round(n, callbacks, connections);
    }
    for (name, ticks) in host.threads() {
        let earlier = before.iter().find(|(known, _)| *known == name).map_or(0, |(_, ticks)| *ticks);
        let us = (ticks.saturating_sub(earlier) * 10_000) as f64 / (callbacks * rounds) as f64;
        if us >= 1.0 {
            println!("    {name:<20} {us:>6.1} µs each");
        }
    }
    round(rounds + 1, (callbacks / 20).max(100), 1);
    let resident = host.resident_kib();
    println!(
        "memory after it         {:>9.1} MB host, {:.1} MB workers",
        resident[0] as f64 / 1024.0,
        resident[1..].iter().sum::<u64>() as f64 / 1024.0
    );
    drop(host);
    backlog(number("BACKLOG", 100_000));
}
