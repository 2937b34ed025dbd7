//! No script, however hostile, takes the host down or hurts a neighbour: `tests/hostile/<reason>/` holds a script a file,
//! and the folder is the reason that its run must end with. Each runs in a host that is served, and after each another
//! application is served as before.
//!
//! A file's first comment says what it tries; a line `// limits: cpu_ms = 3000` runs it with other limits than [`LIMITS`],
//! and `// or:` names other reasons that it may end with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use boatswain::base::{ActionId, AppId, CompanyId};
use boatswain::control::{ControlClient, RunOrder};
use boatswain::pipeline::RunReport;
use boatswain::script::Worker;
use boatswain::script::protocol::{Failure, LogLevel, Reason, Returned, Start};
use boatswain::store::DataDir;

use crate::host::{Folder, callback_url, client, form, post, runtime, sid, workers_of};
use crate::support::{Told, command, run_in, start};

/// What a hostile script may use unless it says otherwise: little, so that the corpus is quick.
const LIMITS: &[(&str, u32)] = &[
    ("cpu_ms", 100),
    ("wall_ms", 1500),
    ("memory_mb", 16),
    ("host_calls", 20_000),
    ("sends", 20),
    ("result_kb", 64),
    ("log_lines", 50),
    ("cpu_percent", 6400),
];
/// What a run beside the hostile ones may see of them: nothing.
const WITNESS: &str = "
    const left = [];
    if ({}.polluted !== undefined || [].polluted !== undefined) left.push('prototype');
    if (globalThis.left !== undefined) left.push('global');
    if (require('./lib/counter').next() !== 1) left.push('module');
    if (JSON.stringify([1]) !== '[1]' || Math.max(1, 2) !== 2 || [3, 1].sort().join() !== '1,3') left.push('intrinsic');
    if (JSON.parse(utils.executeQuery('SELECT count(*) AS n FROM effects')) [0].n !== 0) left.push('row');
    await null;
    return left.join();
";
const COUNTER: &str = "let count = 0; exports.next = () => ++count;";

/// A script of the corpus.
struct Script {
    name: String,
    reason: String,
    /// Other reasons that are right where the computer is faster or slower, or the program is optimized.
    or: String,
    limits: BTreeMap<String, u32>,
    text: String,
}

impl Script {
    /// The application that runs it: one for each set of limits.
    fn app(&self) -> String {
        self.limits.iter().fold("hostile".to_owned(), |name, (key, value)| {
            let changed = LIMITS.iter().any(|(known, default)| known == key && default != value);
            if changed { format!("{name}-{key}-{value}") } else { name }
        })
    }
}

fn corpus() -> Vec<Script> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut scripts = Vec::new();
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let text = std::fs::read_to_string(&file).unwrap();
            let mut limits: BTreeMap<_, _> =
                LIMITS.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
            let own = text.lines().take(3).find_map(|line| line.strip_prefix("// limits: ")).unwrap_or("");
            for pair in own.split(", ").filter(|pair| !pair.is_empty()) {
                let (key, value) = pair.split_once(" = ").unwrap();
                limits.insert(key.to_owned(), value.parse().unwrap());
            }
            scripts.push(Script {
                name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
                reason: folder.file_name().unwrap().to_str().unwrap().to_owned(),
                or: text.lines().find_map(|line| line.strip_prefix("// or: ")).unwrap_or("").to_owned(),
                limits,
                text,
            });
        }
    }
    scripts.sort_by(|a, b| (a.app(), &a.name).cmp(&(b.app(), &b.name)));
    scripts
}

/// A folder with the corpus, each script in the application of its limits, and a neighbour: the application `app`.
fn folder_of(scripts: &[Script]) -> Folder {
    let mut params = String::new();
    let apps: BTreeMap<_, _> = scripts.iter().map(|script| (script.app(), &script.limits)).collect();
    for (app, limits) in &apps {
        let _ = write!(
            params,
            "[applications.{app}.WHATSAPP]\nenvironment = \"simulator\"\naccount_id = \"{}\"\nauth_key = \"{}\"\n\
             from_phone_number = \"+14155238886\"\n[applications.{app}.limits]\n",
            crate::host::ACCOUNT,
            crate::host::TOKEN
        );
        for (key, value) in *limits {
            let _ = writeln!(params, "{key} = {value}");
        }
    }
    let neighbour = "utils.executeSql('INSERT INTO effects(sid) VALUES (:MESSAGE_SID)', null, false, true)";
    let folder = Folder::new(neighbour, &params);
    for script in scripts {
        folder.write(&format!("scripts/{}/{}.js", script.app(), script.name), &script.text);
    }
    for app in apps.keys() {
        folder.write(&format!("scripts/{app}/witness.js"), WITNESS);
        folder.write(&format!("scripts/{app}/lib/counter.js"), COUNTER);
        folder.write(&format!("scripts/{app}/lib/spins.js"), "for (;;) {}");
        folder.write(
            &format!("scripts/{app}/migrations/001.sql"),
            "CREATE TABLE effects (sid TEXT PRIMARY KEY, status TEXT);",
        );
    }
    folder
}

async fn run(host: &ControlClient, app: &str, action: &str) -> RunReport {
    let order = RunOrder {
        app: AppId::parse(app).unwrap(),
        action: ActionId::parse(action).unwrap(),
        company: CompanyId::none(),
        vo: serde_json::json!({}),
    };
    host.run(&order).await.unwrap_or_else(|error| panic!("{app}/{action}: {error}"))
}

/// What is wrong with the end of a script's run.
fn complaint(script: &Script, report: &RunReport) -> Option<String> {
    let said = match &report.result {
        Ok(_) => String::new(),
        Err(failure) => failure.message.clone(),
    };
    let names_its_limit = match script.reason.as_str() {
        "completed" | "thrown" | "syntax" | "stack_limit" => true,
        _ => said.contains("limits."),
    };
    let in_time = report.used.wall < Duration::from_secs(90);
    let reason = report.reason();
    let right = reason == script.reason && names_its_limit || script.or.split(", ").any(|or| or == reason);
    let right = right && in_time;
    (!right).then(|| {
        format!("{}/{}: {} {said} in {:?}", script.reason, script.name, report.reason(), report.used.wall)
    })
}

#[test]
fn every_script_of_the_corpus_ends_with_its_reason_and_harms_nobody() {
    let scripts = corpus();
    assert!(scripts.len() >= 60, "a corpus of {}", scripts.len());
    let folder = folder_of(&scripts);
    let served = folder.serve();
    let mut complaints = Vec::new();
    let mut resident = Vec::new();
    runtime().block_on(async {
        let host = ControlClient::find(&DataDir::socket_in(&folder.path("data"))).await.expect("a host");
        let (client, url) = (client(), callback_url(&served.url));
        for (number, script) in (0_u32..).zip(&scripts) {
            let report = run(&host, &script.app(), &script.name).await;
            println!(
                "{:<16} {:<34} {:>7.1?} cpu {:>8.1?} {:>7} KiB {} calls",
                report.reason(),
                script.name,
                report.used.wall,
                report.used.cpu,
                report.used.peak_memory_bytes >> 10,
                report.used.host_calls
            );
            complaints.extend(complaint(script, &report));
            let witness = run(&host, &script.app(), "witness").await.result;
            if witness != Ok(Returned::String(String::new())) {
                complaints.push(format!("{}/{} leaves something: {witness:?}", script.reason, script.name));
            }
            assert_eq!(
                post(&client, &url, &form(&sid(number), "sent")).await.unwrap(),
                204,
                "after {}",
                script.name
            );
            resident.push(resident_mib(served.pid()));
        }
        // The neighbour's own run comes behind all of its callbacks.
        while folder.rows("SELECT 'effects', count(*) FROM effects")[0].1
            < i64::try_from(scripts.len()).unwrap()
        {
            tokio::task::yield_now().await;
        }
    });
    let workers = workers_of(served.pid()).len();
    println!(
        "{} scripts; the host's memory in MiB, at first, at most and at last: {} {} {}; {workers} workers",
        scripts.len(),
        resident[0],
        resident.iter().max().unwrap(),
        resident[resident.len() - 1]
    );
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), scripts.len(), complaints.join("\n"));
    assert!(
        resident[resident.len() - 1] < resident[0] + 64,
        "the host keeps what hostile scripts made it hold"
    );
    let apps = scripts.iter().map(Script::app).collect::<std::collections::BTreeSet<_>>().len() + 1;
    assert!(workers <= 2 * apps, "{workers} workers of {apps} applications");
    assert_eq!(served.terminate(), Some(0));
}

/// The memory that a process holds, in MiB.
fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
}

fn application(script: &str) -> Start {
    let mut start = start(&[("hostile.js", script), ("lib/counter.js", COUNTER)]);
    start.limits.cpu_ms = 50;
    start.limits.memory_mb = 16;
    start
}

/// Runs `script` in a worker of its own.
fn told(script: &str) -> Told {
    let mut worker = Worker::spawn(&command(), &application(script)).expect("a worker");
    run_in(&mut worker, 1, "hostile")
}

#[test]
fn a_flood_of_logs_is_cut_with_a_warning() {
    let mut start = application("const s = 'x'.repeat(5000); for (let i = 0; i < 1000; i++) console.log(s)");
    start.limits.cpu_ms = 3_000; // it is not about time
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    let told = run_in(&mut worker, 1, "hostile");
    assert!(told.ended.expect("alive").result.is_ok());
    assert_eq!(told.logs.len(), 201);
    assert!(told.logs.iter().all(|(_, text)| text.len() <= 2_000));
    let (level, text) = told.logs.last().expect("lines");
    assert_eq!(*level, LogLevel::Warn);
    assert!(text.contains("limits.log_lines = 200"), "{text}");
}

#[test]
fn a_timer_beyond_the_wall_limit_ends_the_run_at_once() {
    let began = Instant::now();
    let ended = told("await new Promise((done) => setTimeout(done, 60000))").ended.expect("alive");
    let failure = ended.result.expect_err("too long");
    assert_eq!(failure.reason, Reason::WallLimit);
    assert!(failure.message.contains("limits.wall_ms = 5000"), "{failure:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_worker_that_waits_too_long_is_killed_at_the_wall_deadline() {
    let start = application("await new Promise((done) => setTimeout(done, 4000))");
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    worker
        .queue(&boatswain::script::protocol::ToWorker::Run(crate::support::run(1, "hostile")))
        .expect("short");
    worker.run_begins();
    let death = worker.receive(Instant::now() + Duration::from_millis(50)).expect_err("killed");
    assert_eq!(death.reason, Reason::WallLimit);
    assert!(death.message.contains("limits.wall_ms"), "{}", death.message);
    let process = format!("/proc/{}", worker.pid());
    assert!(!Path::new(&process).exists(), "killed and reaped");
}

#[test]
fn a_limit_says_where_the_action_was() {
    let ended = told("function spin() {\n  for (;;) Math.max(1);\n}\nspin();").ended.expect("alive");
    let Err(Failure { frames, .. }) = ended.result else { panic!("stopped") };
    let shown: Vec<_> =
        frames.iter().map(|frame| format!("{}@{}:{}", frame.function, frame.file, frame.line)).collect();
    // A loop has no position of its own: the engine names the function's beginning or the call in it.
    assert!(
        shown[0] == "spin@scripts/demo/hostile.js:1" || shown[0] == "spin@scripts/demo/hostile.js:2",
        "{shown:?}"
    );
    assert_eq!(shown[1..], ["@scripts/demo/hostile.js:4"]);
    assert!(ended.cpu_us >= 50_000, "{}", ended.cpu_us);
    assert!(ended.peak_memory_bytes > 0);
}
