//! A worker process runs actions, one after another, and says what they did.

use boatswain::script::confine::Layer;
use boatswain::script::protocol::{Returned, ToWorker, Value};
use boatswain::script::{Worker, WorkerCommand, WorkerError};

use crate::support::{command, listen, run, run_in, start};

fn returned(told: &crate::support::Told) -> &Returned {
    told.ended.as_ref().expect("alive").result.as_ref().expect("ended well")
}

#[test]
fn a_worker_runs_actions_and_calls_its_host() {
    let start = start(&[
        ("hello", "return 'no: the name lacks .js'"),
        ("hello.js", "return 'hello ' + companyId + ' ' + vo.MessageSid"),
        ("orders/ask.js", "console.log('asking'); return [echo(41) + 1, utils.whatsapp.send({ to: '+39' })]"),
        ("empty.js", ""),
    ]);
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    assert!(worker.confinement().has(Layer::ResourceLimits));

    let told = run_in(&mut worker, 1, "hello");
    assert_eq!(returned(&told), &Returned::String("hello ACME SM1".into()));

    let told = run_in(&mut worker, 2, "orders/ask");
    assert_eq!(returned(&told), &Returned::Json(r#"[42,{"to":"+39"}]"#.into()));
    assert_eq!(
        told.calls,
        [(0, vec![Value::Number(41.0)]), (1, vec![Value::Json(r#"{"to":"+39"}"#.into())])]
    );
    assert_eq!(told.logs.len(), 1);

    assert_eq!(returned(&run_in(&mut worker, 3, "empty")), &Returned::Undefined);
    assert_eq!(worker.bytes_ahead(), 0);
}

#[test]
fn runs_sent_ahead_are_taken_in_order_also_behind_an_open_call() {
    let start = start(&[("ask.js", "return echo(vo.MessageSid)"), ("plain.js", "return reqParams.actionId")]);
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    for ticket in 0..100 {
        let action = if ticket % 3 == 0 { "ask" } else { "plain" };
        worker.queue(&ToWorker::Run(run(ticket, action))).expect("short");
    }
    assert!(worker.bytes_ahead() > 0 && worker.bytes_ahead() < worker.room_ahead());
    for ticket in 0..100 {
        let told = listen(&mut worker);
        let ended = told.ended.as_ref().expect("alive");
        assert_eq!(ended.ticket, ticket);
        let expected = if ticket % 3 == 0 { "SM1" } else { "plain" };
        assert_eq!(returned(&told), &Returned::String(expected.into()));
    }
    assert_eq!(worker.bytes_ahead(), 0);
}

/// Ctrl-C, and a supervisor that stops a service, signal the whole group: the host is meant.
#[test]
fn a_worker_leaves_stop_signals_to_its_host() {
    let start = start(&[("ask.js", "return echo(1) + echo(2)")]);
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    for signal in ["-INT", "-TERM", "-HUP"] {
        crate::host::signal(worker.pid(), signal);
    }
    assert_eq!(returned(&run_in(&mut worker, 1, "ask")), &Returned::Json("3".into()));
}

#[test]
fn a_program_that_is_no_worker_is_an_error() {
    let start = start(&[]);
    let nowhere = WorkerCommand { program: "/nonexistent".into(), arguments: Vec::new() };
    assert!(matches!(Worker::spawn(&nowhere, &start), Err(WorkerError::Spawn(_))));
    let silent = WorkerCommand { program: "/bin/true".into(), arguments: Vec::new() };
    assert!(matches!(Worker::spawn(&silent, &start), Err(WorkerError::Died(_))));
    let babbling =
        WorkerCommand { program: "/bin/echo".into(), arguments: vec!["long enough for a prefix".into()] };
    assert!(matches!(Worker::spawn(&babbling, &start), Err(WorkerError::Died(_))));
}

#[test]
fn a_worker_that_talks_nonsense_is_killed() {
    for nonsense in [r"\377\377\377\377", r"\001\000\000\000\177", r"\003\000\000\000\002\001\001"] {
        let script = format!("printf '{nonsense}'; exec sleep 20");
        let command = WorkerCommand { program: "/bin/sh".into(), arguments: vec!["-c".into(), script] };
        match Worker::spawn(&command, &start(&[])) {
            Err(WorkerError::Died(death)) => assert!(death.message.contains("protocol"), "{death}"),
            other => panic!("{nonsense}: {other:?}"),
        }
    }
}

#[test]
fn a_worker_that_is_dropped_is_gone() {
    let worker = Worker::spawn(&command(), &start(&[])).expect("a worker");
    let process = format!("/proc/{}", worker.pid());
    assert!(std::path::Path::new(&process).exists());
    worker.kill();
    assert!(!std::path::Path::new(&process).exists(), "killed and reaped");
}

#[test]
fn a_handle_may_move_to_another_thread() {
    let start = start(&[("hello.js", "return 1")]);
    let mut worker = std::thread::spawn(move || Worker::spawn(&command(), &start).expect("a worker"))
        .join()
        .expect("no panic");
    assert_eq!(returned(&run_in(&mut worker, 1, "hello")), &Returned::Json("1".into()));
}

#[test]
fn a_worker_has_nothing_but_its_pipes() {
    let worker = Worker::spawn(&command(), &start(&[])).expect("a worker");
    let process = std::path::PathBuf::from(format!("/proc/{}", worker.pid()));
    let mut descriptors: Vec<String> = std::fs::read_dir(process.join("fd"))
        .expect("its descriptors")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    descriptors.sort();
    assert_eq!(descriptors, ["0", "1", "2"]);
    let read = |name: &str| std::fs::read_to_string(process.join(name)).expect("a file of /proc");
    assert_eq!(read("environ"), "");
    assert_eq!(std::fs::read_link(process.join("cwd")).expect("a folder"), std::path::Path::new("/"));
    assert!(read("status").contains("NoNewPrivs:\t1"));
    let limits = read("limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).expect("a limit");
        line[name.len()..].split_whitespace().next().expect("a value").to_owned()
    };
    assert_eq!(limit("Max address space"), ((512_u64 + 3 * 32) << 20).to_string());
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max file size"), "0");
    assert_eq!(limit("Max open files"), "8");
    assert_eq!(limit("Max processes"), "0");
}

#[test]
fn a_worker_ends_by_itself_when_its_host_is_gone() {
    let command = command();
    let mut child = std::process::Command::new(&command.program)
        .args(&command.arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a process");
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("ended").code(), Some(85), "told nothing at all");
}

#[test]
fn a_large_bundle_and_large_answers_pass_through_the_pipes() {
    let module = format!("exports.text = '{}'", "x".repeat(1_000_000));
    let script = "const { text } = require('./lib/0'); return echo(text).length + echo(text).length";
    let names: Vec<String> = (0..6).map(|number| format!("lib/{number}.js")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), module.as_str())).collect();
    files.push(("large.js", script));
    let mut start = start(&files);
    start.limits.cpu_ms = 5_000;
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    for ticket in 0..5 {
        worker.queue(&ToWorker::Run(run(ticket, "large"))).expect("short");
    }
    for _ in 0..5 {
        assert_eq!(returned(&listen(&mut worker)), &Returned::Json("2000000".into()));
    }
}
