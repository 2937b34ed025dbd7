//! What a worker costs: `cargo bench --bench worker`. Prints one line a measurement; CPU times are those of /proc,
//! which counts in hundredths of a second, so each measurement runs for some seconds.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use boatswain::base::{Seed, TimeZone};
use boatswain::script::protocol::{
    Answer, Bundle, FromWorker, FunctionSpec, RunRequest, SandboxLimits, Scope, SourceFile, Start, ToWorker,
    Value, Vo,
};
use boatswain::script::{Worker, WorkerCommand};

const TRIVIAL: &str = "return 1";
const UPSERT: &str = "
const status = { sent: 1, delivered: 2, read: 3, failed: 4, undelivered: 4 }[vo.MessageStatus] ?? 0;
if (status === 0) return null;
const rows = utils.executeSql(
  'INSERT INTO messages(sid, status, company) VALUES (:MESSAGE_SID, ?, :COMPANY_ID) \
   ON CONFLICT(sid) DO UPDATE SET status = max(status, excluded.status)', null, false, true, status);
return { rows, sid: vo.MessageSid, to: vo.To.replace('whatsapp:', '') };
";
const METHODS: &str = "
const list = [1, 2, 3], object = { a: 1 };
let n = 0;
for (let i = 0; i < 300000; i++) n += METHOD;
return n;
";

fn main() {
    spawn();
    pipelined("trivial run", TRIVIAL, 60_000);
    pipelined("12 fields, one call", UPSERT, 40_000);
    for method in ["list.indexOf(2)", "list.at(1)", "object.hasOwnProperty('a')", "Math.abs(1)"] {
        let script = METHODS.replace("METHOD", method);
        let mut worker = Worker::spawn(&command(), &start(&script)).unwrap();
        let (_, js) = runs(&mut worker, 3);
        println!("{method}: {:.0} ns", js.as_secs_f64() * 1e9 / 900_000.0);
    }
}

fn command() -> WorkerCommand {
    WorkerCommand { program: env!("CARGO_BIN_EXE_boatswain").into(), arguments: vec!["worker".into()] }
}

fn start(script: &str) -> Start {
    let file = SourceFile { path: "x.js".into(), shown: "scripts/demo/x.js".into(), text: Ok(script.into()) };
    Start {
        app_id: "demo".into(),
        bundle: Bundle { version: "1".into(), files: vec![file] },
        functions: vec![FunctionSpec {
            name: "executeSql".into(),
            parameters: Vec::new(),
            scope: Scope::Utils,
            returns_object: false,
        }],
        limits: SandboxLimits {
            cpu_ms: 5_000,
            wall_ms: 30_000,
            memory_mb: 64,
            runs_per_context: 1_000,
            max_result_bytes: 1 << 20,
            max_log_lines: 1_000,
            max_log_line_bytes: 16 << 10,
        },
        prelude: None,
        time_zone: TimeZone::default(),
    }
}

fn request(ticket: u32) -> RunRequest {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    RunRequest {
        ticket,
        action: "x".into(),
        company: "ACME".into(),
        vo: Vo::Form(vec![
            field("SmsSid", "SM0123456789abcdef0123456789abcdef"),
            field("SmsStatus", "delivered"),
            field("MessageStatus", "delivered"),
            field("ChannelToAddress", "+3933312345XX"),
            field("To", "whatsapp:+393331234567"),
            field("ChannelPrefix", "whatsapp"),
            field("MessageSid", "SM0123456789abcdef0123456789abcdef"),
            field("AccountSid", "AC0123456789abcdef0123456789abcdef"),
            field("StructuredMessage", "false"),
            field("From", "whatsapp:+14155238886"),
            field("ApiVersion", "2010-04-01"),
            field("companyId", "ACME"),
        ]),
        started: 1_700_000_000_000,
        seed: Seed([1; 32]),
        reply: None,
    }
}

fn spawn() {
    let start = start(TRIVIAL);
    let mut times: Vec<Duration> = (0..40)
        .map(|_| {
            let began = Instant::now();
            let worker = Worker::spawn(&command(), &start).unwrap();
            let took = began.elapsed();
            worker.kill();
            took
        })
        .collect();
    times.sort();
    println!("spawn to ready: median {:?}, best {:?}", times[times.len() / 2], times[0]);
}

fn pipelined(name: &str, script: &str, count: u32) {
    let mut worker = Worker::spawn(&command(), &start(script)).unwrap();
    let _ = runs(&mut worker, 2_000);
    let before = (cpu(worker.pid()), cpu(std::process::id()), Instant::now());
    let (served, js) = runs(&mut worker, count);
    let wall = before.2.elapsed();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(served);
    println!(
        "{name}: {:.0} runs/s; µs each: worker {:.1} (of which in runs {:.1}), host {:.1}, wall {:.1}",
        f64::from(served) / wall.as_secs_f64(),
        each(cpu(worker.pid()).saturating_sub(before.0)),
        each(js),
        each(cpu(std::process::id()).saturating_sub(before.1)),
        each(wall),
    );
}

/// Runs sent ahead, 64 at a time; returns their number and the CPU time that the worker says they took.
fn runs(worker: &mut Worker, count: u32) -> (u32, Duration) {
    let mut outstanding = VecDeque::new();
    let (mut sent, mut ended, mut js) = (0, 0, 0);
    while ended < count {
        while sent < count && outstanding.len() < 64 {
            worker.queue(&ToWorker::Run(request(sent))).unwrap();
            outstanding.push_back(sent);
            sent += 1;
        }
        match worker.receive(Instant::now() + Duration::from_mins(1)).unwrap() {
            FromWorker::Call { .. } => {
                let answer = Answer::Return { value: Value::Number(1.0), advance_ms: 0 };
                worker.queue(&ToWorker::Answer(answer)).unwrap();
            }
            FromWorker::Ended(end) => {
                end.result.unwrap();
                assert_eq!(outstanding.pop_front(), Some(end.ticket));
                js += end.cpu_us;
                ended += 1;
                worker.run_begins();
            }
            _ => {}
        }
    }
    (ended, Duration::from_micros(js))
}

/// CPU time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
