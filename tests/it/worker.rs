//! A worker process runs actions, one after another, and says what they did.

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
    assert!(worker.confinement().contains(&"rlimits".to_owned()));

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
