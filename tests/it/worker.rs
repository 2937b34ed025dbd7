//! A worker process runs actions, one after another, and says what they did.

use boatswain::script::confine::Layer;
use boatswain::script::judge;
use boatswain::script::protocol::{Reason, Returned, ToWorker, Value};
use boatswain::script::{Worker, WorkerCommand, WorkerError};

use crate::host::{Folder, TOKEN, callback, form, sid, workers_of};
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

#[test]
fn what_confines_a_worker_is_what_it_says() {
    let worker = Worker::spawn(&command(), &start(&[])).expect("a worker");
    let confinement = worker.confinement().clone();
    let process = std::path::PathBuf::from(format!("/proc/{}", worker.pid()));
    let status = std::fs::read_to_string(process.join("status")).expect("its status");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line of the status");
        line[name.len() + 1..].trim().to_owned()
    };
    assert_eq!(confinement.has(Layer::NoNewPrivileges), field("NoNewPrivs") == "1");
    assert_eq!(confinement.has(Layer::Seccomp), field("Seccomp") == "2");
    assert_eq!(field("CapEff"), "0000000000000000");
    if confinement.has(Layer::User) {
        assert_eq!(field("Uid"), "65534\t65534\t65534\t65534");
        assert_eq!(field("Groups"), "");
    }
    let network =
        |process: &std::path::Path| std::fs::read_link(process.join("ns/net")).expect("a namespace");
    let own = network(std::path::Path::new("/proc/self"));
    assert_eq!(confinement.has(Layer::Network), network(&process) != own);
    let layers = confinement.in_force.len() + confinement.missing.len();
    assert!(layers == 6 || layers == 5 && !confinement.has(Layer::User), "{confinement:?}");
    eprintln!("in force: {}; missing: {:?}", confinement.summary(), confinement.missing);
}

/// A worker that never stops talking is held to the same deadlines as one that says nothing.
#[test]
fn a_worker_that_talks_without_end_is_killed_at_its_deadline() {
    let start = start(&[("talk.js", "for (;;) echo(1)")]);
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    worker.queue(&ToWorker::Run(run(1, "talk"))).expect("short");
    worker.run_begins();
    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(30);
    let death = loop {
        match worker.receive(deadline) {
            Ok(_) => {
                let answer =
                    boatswain::script::protocol::Answer::Return { value: Value::Null, advance_ms: 0 };
                worker.queue(&ToWorker::Answer(answer)).expect("short");
            }
            Err(death) => break death,
        }
    };
    assert_eq!(death.reason, Reason::WallLimit, "{death}");
    assert!(death.cpu > std::time::Duration::ZERO, "{death:?}");
}

#[test]
fn a_file_that_ends_who_compiles_it_is_found_out_and_the_others_are_judged() {
    let deep = format!("return {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut start = start(&[
        ("a.js", "return 1"),
        ("b.js", &deep),
        ("c.js", "return ("),
        ("d.js", &deep),
        ("lib/e.js", "module.exports = await 1"),
        ("z.js", "return 2"),
    ]);
    // It is the depth that ends it, also where others use the processor.
    (start.limits.cpu_ms, start.limits.wall_ms) = (20_000, 60_000);
    let found: Vec<_> =
        judge::problems(&command(), &start.limits, &start.bundle).iter().map(ToString::to_string).collect();
    let expected = [
        ("SCRIPT_UNREADABLE", "nested too deeply", "scripts/demo/b.js"),
        ("SCRIPT_SYNTAX", "`(` is never closed", "scripts/demo/c.js:1:8"),
        ("SCRIPT_UNREADABLE", "nested too deeply", "scripts/demo/d.js"),
        ("SCRIPT_SYNTAX", "at the top of a module", "scripts/demo/lib/e.js:1:18"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, (code, message, place)) in found.iter().zip(expected) {
        assert!(found.contains(code) && found.contains(message) && found.contains(place), "{found}");
    }

    let mut bundle = start.bundle.clone();
    judge::sift(&command(), &start.limits, &mut bundle);
    let taken_out: Vec<_> =
        bundle.files.iter().filter(|file| file.text.is_err()).map(|file| &*file.path).collect();
    assert_eq!(taken_out, ["b.js", "d.js"]);
}

/// `kill -9` of the host takes its workers with it, whatever they are doing.
#[test]
fn workers_die_with_their_host() {
    let folder = Folder::new(
        "/(a+)+$/.test('a'.repeat(60) + 'b')", // longer than anybody waits
        "[applications.app.limits]\ncpu_ms = 60000\nwall_ms = 60000",
    );
    let host = folder.serve();
    let path = "/whatsapp/callback/app/NODEFINED";
    assert_eq!(callback(&host.url, &host.url, path, &form(&sid(1), "sent"), TOKEN).status, 204);
    let computes = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ticks =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)?.parse::<u64>().ok());
        ticks.is_some_and(|ticks| ticks > 10)
    };
    let began = std::time::Instant::now();
    let workers = loop {
        let workers = workers_of(host.pid());
        if workers.iter().any(computes) {
            break workers;
        }
        assert!(began.elapsed() < std::time::Duration::from_mins(1), "no worker computes");
        std::thread::yield_now();
    };
    host.kill();
    // Killed by the system at the same moment; their numbers are gone when they have been reaped.
    let began = std::time::Instant::now();
    while workers.iter().any(computes) {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "a worker outlives its host");
        std::thread::yield_now();
    }
}

#[test]
fn a_worker_that_keeps_what_runs_leave_has_grown_and_one_that_does_not_has_not() {
    // Registered symbols are never given back. They are the engine's, so no run can see them.
    let leak = "for (let i = 0; i < 20000; i++) Symbol.for('x'.repeat(200) + vo.MessageSid + Math.random())";
    let mut start = start(&[("leak.js", leak), ("plain.js", "return 'x'.repeat(100000).length")]);
    start.limits.cpu_ms = 5_000;
    start.limits.memory_mb = 32;
    let mut worker = Worker::spawn(&command(), &start).expect("a worker");
    for ticket in 0..20 {
        run_in(&mut worker, ticket, "plain").ended.expect("alive").result.expect("ended well");
    }
    assert!(!worker.has_grown());
    for ticket in 0..100 {
        let mut request = run(ticket, "leak");
        request.seed.0[0] = u8::try_from(ticket).expect("below 100");
        worker.queue(&ToWorker::Run(request)).expect("short");
        listen(&mut worker).ended.expect("alive").result.expect("within its own limit");
        if worker.has_grown() {
            return;
        }
    }
    panic!("a hundred runs have left something each, and the worker has not grown");
}

#[test]
fn a_system_call_that_is_forbidden_is_told_as_that() {
    let command =
        WorkerCommand { program: "/bin/sh".into(), arguments: vec!["-c".into(), "kill -SYS $$".into()] };
    match Worker::spawn(&command, &start(&[])) {
        Err(WorkerError::Died(death)) => assert!(death.message.contains("system call"), "{death}"),
        other => panic!("{other:?}"),
    }
}
