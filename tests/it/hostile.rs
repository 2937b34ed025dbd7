//! No script, however hostile, takes the host down: each of these ends with a typed reason, and the next run, in the
//! same worker or a new one, is served.

use std::time::{Duration, Instant};

use boatswain::script::Worker;
use boatswain::script::protocol::{Failure, LogLevel, Reason, Returned, Start};

use crate::support::{Told, command, run_in, start};

/// What stands beside each hostile script: an action that shows whether anything is left of it.
const WITNESS: &str = "
    const left = [];
    if ({}.polluted !== undefined || [].polluted !== undefined) left.push('prototype');
    if (globalThis.left !== undefined) left.push('global');
    if (require('./lib/counter').next() !== 1) left.push('module');
    if (JSON.stringify([1]) !== '[1]' || Math.max(1, 2) !== 2) left.push('intrinsic');
    await null;
    return left.join();
";
const COUNTER: &str = "let count = 0; exports.next = () => ++count;";

fn application(script: &str) -> Start {
    let mut start = start(&[("hostile.js", script), ("lib/counter.js", COUNTER), ("witness.js", WITNESS)]);
    start.limits.cpu_ms = if script.contains("// slow") { 1_000 } else { 50 };
    start.limits.memory_mb = 16;
    start
}

struct Outcome {
    told: Told,
    /// The worker's end, or the run's.
    reason: Option<Reason>,
    message: String,
    took: Duration,
}

/// Runs `script` and then the witness.
fn outcome(script: &str) -> Outcome {
    let start = application(script);
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    let began = Instant::now();
    let told = run_in(&mut worker, 1, "hostile");
    let took = began.elapsed();
    let (reason, message) = match &told.ended {
        Ok(ended) => match &ended.result {
            Ok(_) => (None, String::new()),
            Err(failure) => (Some(failure.reason), failure.message.clone()),
        },
        Err(death) => (Some(death.reason), death.message.clone()),
    };
    if told.ended.is_err() {
        worker = Worker::spawn(&command(), &start).expect("another worker");
    }
    let after = run_in(&mut worker, 2, "witness").ended.expect("alive").result;
    assert_eq!(after, Ok(Returned::String(String::new())), "after {script}");
    Outcome { told, reason, message, took }
}

/// Checks the reason of each script, and that its message names the limit's parameter.
fn each_ends_with(reason: Reason, parameter: &str, scripts: &[&str]) {
    let wrong = scripts.iter().filter_map(|script| {
        let Outcome { reason: found, message, took, .. } = outcome(script);
        let right = found == Some(reason) && message.contains(parameter) && took < Duration::from_secs(5);
        (!right).then(|| format!("{script}\n    {found:?} in {took:?}: {message}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "not {reason:?}:\n{}", wrong.join("\n"));
}

#[test]
fn what_runs_for_ever_ends_at_its_cpu_limit() {
    each_ends_with(
        Reason::CpuLimit,
        "limits.cpu_ms = 50",
        &[
            "while (true) {}",
            "for (;;) await 0",
            "await null; for (;;) {}",
            "[1].map(function again() { for (;;) {} })",
            "[3, 2, 1].sort(() => { for (;;) {} })",
            "`${{ toString() { for (;;) {} } }}`",
            "JSON.stringify({ toJSON() { for (;;) {} } })",
            "({ get x() { for (;;) {} } }).x",
            "new Proxy({}, { get() { for (;;) {} } }).x",
            "for (const x of (function* () { for (;;) yield 1 })()) {}",
            "function f() { return Promise.resolve().then(f) } return f()",
            "const spin = () => queueMicrotask(spin); spin(); await new Promise(() => {})",
            "setTimeout(() => { for (;;) {} }, 0); await new Promise(() => {})",
            "try { for (;;) {} } finally { for (;;) {} }",
            "try { for (;;) {} } catch { return 'caught' }",
            "async function f() { try { for (;;) await 0 } finally { for (;;) {} } } await f()",
            "return { toJSON() { for (;;) {} } }",
            "throw Object.assign(new Error(), { get name() { for (;;) {} } })",
            "utils.setReturnValue({ then() { for (;;) {} } })",
            "return { then() { for (;;) {} } }",
            "require('./lib/counter'); const m = require; for (;;) m('./lib/counter').next()",
        ],
    );
}

#[test]
fn what_runs_for_ever_in_a_native_function_ends_at_its_cpu_limit() {
    each_ends_with(
        Reason::CpuLimit,
        "limits.cpu_ms = 50",
        &["Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)", "/(a+)+$/.test('a'.repeat(60) + 'b')"],
    );
}

#[test]
fn what_takes_too_much_memory_ends_at_its_memory_limit() {
    each_ends_with(
        Reason::MemoryLimit,
        "limits.memory_mb = 16",
        &[
            "// slow\nconst list = [], s = 'x'.repeat(10000); for (;;) list.push(s + list.length)",
            "// slow\nconst list = []; for (;;) list.push({ a: 1, b: [2] })",
            "let s = 'x'; for (;;) s += s",
            "'x'.repeat(2 ** 30)",
            "// slow\n'x'.padEnd(2 ** 29)",
            "// slow\nconst map = new Map(); for (let i = 0; ; i++) map.set(i, 'value ' + i)",
            "// slow\nawait null; const list = [], s = 'x'.repeat(10000); for (;;) list.push(s + list.length)",
            "// slow\nconst list = []; for (;;) list.push(new Uint8Array(1 << 20))",
        ],
    );
}

#[test]
fn what_recurses_for_ever_ends_at_the_stack_limit() {
    each_ends_with(
        Reason::StackLimit,
        "deep",
        &[
            "(function f() { f() })()",
            "const o = { get x() { return o.x } }; o.x",
            "const o = { toJSON() { return JSON.stringify(o) } }; JSON.stringify(o)",
            "function f() { [2, 1].sort(f) } f()",
            "const p = new Proxy({}, { get(target, key, self) { return self[key] } }); p.x",
            "class A { constructor() { new A() } } new A()",
            "(function f() { try { f() } finally { f() } })()",
            "function f() { [1].forEach(f) } f()",
        ],
    );
}

#[test]
fn what_would_exhaust_the_native_stack_ends_with_a_reason() {
    let nested = [
        format!("return {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("return {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("return {}1", "!".repeat(100_000)),
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a)".to_owned(),
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a".to_owned(),
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; console.log(a); return String(a)".to_owned(),
        "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x".to_owned(),
        "let p = {}; for (let i = 0; i < 1e5; i++) p = Object.create(p); return p.x".to_owned(),
        "return JSON.parse('['.repeat(1e5))".to_owned(),
    ];
    for script in &nested {
        let outcome = outcome(script);
        let start: String = script.chars().take(60).collect();
        assert!(
            matches!(
                outcome.reason,
                None | Some(Reason::StackLimit | Reason::CpuLimit | Reason::MemoryLimit | Reason::Thrown)
            ),
            "{start}: {:?} {}",
            outcome.reason,
            outcome.message
        );
        eprintln!("{start}: {:?} {} in {:?}", outcome.reason, outcome.message, outcome.took);
        assert!(outcome.took < Duration::from_secs(5), "{start} took {:?}", outcome.took);
    }
}

#[test]
fn what_is_not_allowed_is_thrown() {
    each_ends_with(
        Reason::Thrown,
        "",
        &[
            "eval('1')",
            "(0, eval)('1')",
            "new Function('return 1')()",
            "(async () => {}).constructor('return 1')()",
            "(function* () {}).constructor('yield 1')()",
            "Object.prototype.polluted = 1",
            "Array.prototype.polluted = 1",
            "({}).__proto__.polluted = 1",
            "globalThis.left = 1",
            "left = 1",
            "Math.max = () => 0",
            "JSON.stringify = () => 'x'",
            "Object.defineProperty(Object.prototype, 'polluted', { value: 1 })",
            "Object.setPrototypeOf(Array.prototype, { polluted: 1 })",
            "utils.echo = 1",
            "console.log = 1",
            "require.left = 1",
            "delete Array.prototype.map",
            "Function.prototype.call = null",
            "Error.prototype.name = 'x'",
            "Reflect.set(Object.prototype, 'toString', 1) || (() => { throw new Error('refused') })()",
            "await new Promise(() => {})",
            "await import('fs')",
            "process.exit()",
            "new WeakRef({})",
            "new SharedArrayBuffer(8)",
            "Object.getPrototypeOf(async function () {}).polluted = 1",
            "Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true })",
        ],
    );
}

#[test]
fn what_breaks_out_of_its_file_or_folder_is_a_syntax_error() {
    each_ends_with(
        Reason::Syntax,
        "",
        &[
            "})",
            "}; }); globalThis.left = 1; (function () { return async function () {",
            "}}); left = 1; ({{",
        ],
    );
}

#[test]
fn what_a_run_leaves_is_gone() {
    for script in [
        "require('./lib/counter').next(); return 1",
        "require('./lib/counter').next = () => 99",
        "setTimeout(() => { console.log('late') }, 1); queueMicrotask(() => console.log('later')); return 1",
        "setInterval(() => console.log('again'), 1); return 1",
        "Promise.reject(new Error('nobody cares')); return 1",
        "vo.polluted = 1; reqParams.left = 1; userInfo.left = 1",
    ] {
        let outcome = outcome(script);
        assert_eq!(outcome.reason, None, "{script}: {}", outcome.message);
    }
}

#[test]
fn a_flood_of_logs_is_cut_with_a_warning() {
    let outcome = outcome("const s = 'x'.repeat(5000); for (let i = 0; i < 1000; i++) console.log(s)");
    assert_eq!(outcome.reason, None);
    let logs = outcome.told.logs;
    assert_eq!(logs.len(), 201);
    assert!(logs.iter().all(|(_, text)| text.len() <= 2_000));
    assert!(matches!(logs.last(), Some((LogLevel::Warn, text)) if text.contains("dropped")));
}

#[test]
fn a_result_that_is_too_large_is_refused() {
    each_ends_with(
        Reason::OutputLimit,
        "bytes",
        &["let s = 'x'.repeat(64); while (s.length <= 2 ** 20) s += s; return s"],
    );
}

#[test]
fn arguments_that_are_too_large_are_a_range_error() {
    let outcome = outcome("let s = 'x'.repeat(64); while (s.length <= 2 ** 20) s += s; echo(s)");
    assert_eq!(outcome.reason, Some(Reason::Thrown));
    assert!(outcome.message.starts_with("RangeError: echo: "), "{}", outcome.message);
}

#[test]
fn a_timer_beyond_the_wall_limit_ends_the_run_at_once() {
    let outcome = outcome("await new Promise((done) => setTimeout(done, 6000))");
    assert_eq!(outcome.reason, Some(Reason::WallLimit));
    assert!(outcome.message.contains("limits.wall_ms = 5000"), "{}", outcome.message);
    assert!(outcome.took < Duration::from_secs(1));
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
    assert!(!std::path::Path::new(&process).exists(), "killed and reaped");
}

#[test]
fn a_limit_says_where_the_action_was() {
    let outcome = outcome("function spin() {\n  for (;;) Math.max(1);\n}\nspin();");
    let Ok(ended) = outcome.told.ended else { panic!("the worker lives") };
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
