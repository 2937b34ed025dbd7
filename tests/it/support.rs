//! Workers for tests: the program itself as the child, and a host that answers calls.

use std::time::{Duration, Instant};

use boatswain::base::{Seed, TimeZone};
use boatswain::script::protocol::{
    Answer, Bundle, Ended, FromWorker, FunctionSpec, LogLevel, RunRequest, SandboxLimits, Scope, SourceFile,
    Start, ToWorker, Value, Vo,
};
use boatswain::script::{Death, Worker, WorkerCommand};

pub fn command() -> WorkerCommand {
    WorkerCommand { program: env!("CARGO_BIN_EXE_boatswain").into(), arguments: vec!["worker".into()] }
}

pub fn limits() -> SandboxLimits {
    SandboxLimits {
        cpu_ms: 100,
        wall_ms: 5_000,
        memory_mb: 32,
        runs_per_context: 1_000,
        max_result_bytes: 1 << 20,
        max_log_lines: 200,
        max_log_line_bytes: 2_000,
    }
}

/// An application of these files, with the functions that the tests' host knows.
pub fn start(files: &[(&str, &str)]) -> Start {
    let files = files.iter().map(|(path, text)| SourceFile {
        path: (*path).into(),
        shown: format!("scripts/demo/{path}"),
        text: Ok((*text).into()),
    });
    let function = |name: &str, parameters: &[&str], global| FunctionSpec {
        name: name.into(),
        parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        scope: if global { Scope::Global } else { Scope::Utils },
        returns_object: name == "whatsapp.send",
    };
    Start {
        app_id: "demo".into(),
        bundle: Bundle { version: "1".into(), files: files.collect() },
        functions: vec![
            function("echo", &["value"], true),
            function("whatsapp.send", &["message"], false),
            function("log", &["message", "level"], false),
            function("setReturnValue", &["value"], false),
        ],
        limits: limits(),
        prelude: None,
        time_zone: TimeZone::default(),
    }
}

pub fn run(ticket: u32, action: &str) -> RunRequest {
    RunRequest {
        ticket,
        action: action.into(),
        company: "ACME".into(),
        vo: Vo::Form(vec![("MessageSid".into(), "SM1".into()), ("__proto__".into(), "a field".into())]),
        started: 1_700_000_000_000,
        seed: Seed([42; 32]),
        reply: None,
    }
}

/// What a run said and how it ended.
#[derive(Debug)]
pub struct Told {
    pub calls: Vec<(u16, Vec<Value>)>,
    pub logs: Vec<(LogLevel, String)>,
    pub ended: Result<Ended, Death>,
}

/// Waits for the end of the current run; `echo` returns its argument.
pub fn listen(worker: &mut Worker) -> Told {
    let mut told = Told { calls: Vec::new(), logs: Vec::new(), ended: Err(dummy()) };
    worker.run_begins();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match worker.receive(deadline) {
            Ok(FromWorker::Call { function, arguments, .. }) => {
                let value = arguments.first().cloned().unwrap_or(Value::Undefined);
                told.calls.push((function, arguments));
                worker.queue(&ToWorker::Answer(Answer::Return { value, advance_ms: 10 })).expect("short");
            }
            Ok(FromWorker::Log { level, text, .. }) => told.logs.push((level, text)),
            Ok(FromWorker::Ended(ended)) => {
                told.ended = Ok(ended);
                return told;
            }
            Ok(other) => panic!("said between two runs: {other:?}"),
            Err(death) => {
                told.ended = Err(death);
                return told;
            }
        }
    }
}

fn dummy() -> Death {
    Death::new(boatswain::script::protocol::Reason::Killed, "")
}

/// Runs one action in a worker that may have run others.
pub fn run_in(worker: &mut Worker, ticket: u32, action: &str) -> Told {
    worker.queue(&ToWorker::Run(run(ticket, action))).expect("short");
    let told = listen(worker);
    if let Ok(ended) = &told.ended {
        assert_eq!(ended.ticket, ticket);
    }
    told
}
