//! What hostile applications do to a neighbour: the latency of his callbacks' acknowledgements and of their effects, in
//! quiet and while every script of `tests/hostile` runs again and again beside him.
//!
//! `cargo bench --bench neighbours` prints both and the differences; `docs/security.md` says what is promised. Options, as
//! environment variables: `SECONDS` of each phase (20), `RATE` of the neighbour's callbacks a second (50), `SCRIPT`, a part
//! of the names of the scripts that run (all).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use boatswain::base::{ActionId, AppId, CompanyId, Secret};
use boatswain::control::{ControlClient, RunOrder};
use boatswain::store::DataDir;
use boatswain::whatsapp::{Form, signature};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "bench-auth-token";
/// What hostile applications may use: the defaults but for time, so that more of them happens.
const LIMITS: &str = "cpu_ms = 200\nwall_ms = 1500\n";

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn application(name: &str, more: &str) -> String {
    format!(
        "[applications.{name}.WHATSAPP]\nenvironment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\nauth_key = \"{TOKEN}\"\n\
         from_phone_number = \"+14155238886\"\nwhatsapp_callback = \"status\"\n{more}\n"
    )
}

/// A folder with the neighbour, two applications that run the corpus, and one whose callbacks all hang.
fn folder() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let limits = |app: &str| format!("[applications.{app}.limits]\n{LIMITS}");
    let params = [
        "[host]\nlisten = \"127.0.0.1:0\"\n[simulator]\nlisten = \"127.0.0.1:0\"\n".to_owned(),
        application("neighbour", ""),
        application("one", &limits("one")),
        application("two", &limits("two")),
        application("hangs", &limits("hangs")),
    ];
    write("app-params.toml", &params.concat());
    let schema = "CREATE TABLE effects (sid TEXT PRIMARY KEY, at REAL);";
    for app in ["neighbour", "one", "two", "hangs"] {
        write(&format!("scripts/{app}/migrations/001.sql"), schema);
        write(&format!("scripts/{app}/lib/counter.js"), "let count = 0; exports.next = () => ++count;");
        write(&format!("scripts/{app}/lib/spins.js"), "for (;;) {}");
    }
    let effect =
        "utils.executeSql(\"INSERT INTO effects VALUES (:MESSAGE_SID, unixepoch('now', 'subsec'))\")";
    write("scripts/neighbour/status.js", effect);
    write("scripts/one/status.js", "for (;;) {}");
    write("scripts/two/status.js", "const list = []; for (;;) list.push('x'.repeat(1000) + list.length)");
    write("scripts/hangs/status.js", "await new Promise((done) => setTimeout(done, 1400))");
    let mut names = Vec::new();
    for reason in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")).unwrap() {
        for file in std::fs::read_dir(reason.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            if !name.contains(&std::env::var("SCRIPT").unwrap_or_default()) {
                continue;
            }
            for app in ["one", "two"] {
                write(&format!("scripts/{app}/{name}.js"), &std::fs::read_to_string(&file).unwrap());
            }
            names.push(name);
        }
    }
    names.sort();
    (folder, names)
}

struct Host {
    child: Child,
    url: String,
}

impl Host {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boatswain"));
        command.arg("serve").current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("listening") {
                address.trim().clone_into(&mut url);
            }
            if line == "ready" {
                break;
            }
        }
        Self { child, url }
    }

    /// Memory of the host, in MiB.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn form(sid: &str) -> Form {
    let mut form = Form::default();
    for (name, value) in [("AccountSid", ACCOUNT), ("MessageSid", sid), ("MessageStatus", "sent")] {
        form.push(name, value);
    }
    form
}

async fn post(client: &reqwest::Client, url: &str, sid: &str) -> u16 {
    let form = form(sid);
    let request = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature::sign(url, &form, &Secret::new(TOKEN)))
        .body(form.encode());
    request.send().await.map_or(0, |answer| answer.status().as_u16())
}

/// Latencies of a phase, in milliseconds, sorted.
struct Phase {
    acknowledged: Vec<f64>,
    effect: Vec<f64>,
}

impl Phase {
    fn print(&self, name: &str) {
        let of = |list: &[f64], share: f64| list[((list.len() - 1) as f64 * share) as usize];
        println!(
            "{name:<9} {:>5} callbacks   acknowledged p50 {:>6.2} p99 {:>6.2} max {:>6.2} ms   effect p50 {:>6.2} p99 {:>6.2} max {:>6.2} ms",
            self.acknowledged.len(),
            of(&self.acknowledged, 0.5),
            of(&self.acknowledged, 0.99),
            of(&self.acknowledged, 1.0),
            of(&self.effect, 0.5),
            of(&self.effect, 0.99),
            of(&self.effect, 1.0),
        );
    }

    fn p99(list: &[f64]) -> f64 {
        list[((list.len() - 1) as f64 * 0.99) as usize]
    }
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

/// Posts the neighbour's callbacks at an even rate, whatever the answers take.
async fn measure(host: &Host, folder: &Path, tag: u32, seconds: u64, rate: u64) -> Phase {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/whatsapp/callback/neighbour/NODEFINED", host.url);
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / rate));
    let mut posts = Vec::new();
    for index in 0..seconds * rate {
        ticks.tick().await;
        let (client, url, sid) = (client.clone(), url.clone(), format!("SM{tag:08x}{index:024x}"));
        posts.push(tokio::spawn(async move {
            let (wall, began) = (now_ms(), Instant::now());
            let status = post(&client, &url, &sid).await;
            assert_eq!(status, 204, "{sid}");
            (sid, wall, began.elapsed().as_secs_f64() * 1000.0)
        }));
    }
    let mut acknowledged = Vec::new();
    let mut sent = HashMap::new();
    for post in posts {
        let (sid, wall, took) = post.await.unwrap();
        acknowledged.push(took);
        sent.insert(sid, wall);
    }
    let db = rusqlite::Connection::open(folder.join("data/apps/neighbour.db")).unwrap();
    let mut effect: Vec<f64> = Vec::new();
    let patience = Instant::now();
    while effect.len() < sent.len() {
        assert!(patience.elapsed() < Duration::from_mins(1), "effects are missing");
        let mut rows = db.prepare("SELECT sid, at * 1000.0 FROM effects").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, f64>(1)?))).unwrap();
        effect =
            rows.map(Result::unwrap).filter_map(|(sid, at)| Some((at - sent.get(&sid)?).max(0.0))).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    acknowledged.sort_by(f64::total_cmp);
    effect.sort_by(f64::total_cmp);
    Phase { acknowledged, effect }
}

/// Runs the corpus again and again until it is told to stop; counts the ends.
async fn attack(
    host: Arc<ControlClient>,
    app: &'static str,
    names: Vec<String>,
    stop: Arc<AtomicBool>,
    ends: Arc<AtomicU64>,
) {
    for name in names.iter().cycle() {
        if stop.load(Relaxed) {
            return;
        }
        let order = RunOrder {
            app: AppId::parse(app).unwrap(),
            action: ActionId::parse(name).unwrap(),
            company: CompanyId::none(),
            vo: serde_json::json!({}),
        };
        if host.run(&order).await.is_ok() {
            ends.fetch_add(1, Relaxed);
        }
    }
}

fn main() {
    let (seconds, rate) = (number("SECONDS", 20), number("RATE", 50));
    let (folder, names) = folder();
    let host = Host::start(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        measure(&host, folder.path(), 0, 2, rate).await; // warms up
        let memory = host.resident();
        let quiet = measure(&host, folder.path(), 1, seconds, rate).await;
        quiet.print("quiet");

        let control = DataDir::socket_in(&folder.path().join("data"));
        let control = Arc::new(ControlClient::find(&control).await.unwrap());
        let (stop, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut attacks = Vec::new();
        for (app, turn) in [("one", 0), ("one", names.len() / 2), ("two", 0), ("two", names.len() / 3)] {
            let mut names = names.clone();
            names.rotate_left(turn);
            attacks.push(tokio::spawn(attack(
                Arc::clone(&control),
                app,
                names,
                Arc::clone(&stop),
                Arc::clone(&ends),
            )));
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut flood = BTreeMap::new();
        for app in ["one", "two", "hangs"] {
            let url = format!("{}/whatsapp/callback/{app}/NODEFINED", host.url);
            for index in 0..300 {
                *flood.entry(post(&client, &url, &format!("SM{index:032x}")).await).or_insert(0) += 1;
            }
        }
        println!("          {} hostile callbacks waiting, answers {flood:?}", 900);
        let attacked = measure(&host, folder.path(), 2, seconds, rate).await;
        stop.store(true, Relaxed);
        for attack in attacks {
            attack.abort(); // what it waits for may be far behind its application's share
        }
        attacked.print("attacked");
        println!(
            "          {} hostile runs ended meanwhile; host memory {memory} MiB before, {} after",
            ends.load(Relaxed),
            host.resident()
        );
        println!(
            "p99 beside the quiet figure: acknowledged {:+.2} ms, effect {:+.2} ms",
            Phase::p99(&attacked.acknowledged) - Phase::p99(&quiet.acknowledged),
            Phase::p99(&attacked.effect) - Phase::p99(&quiet.effect),
        );
    });
}
