//! The sandbox in this process, with a host that is a closure.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::base::{Seed, TimeZone};
use crate::script::protocol::{
    Bundle, ErrorKind, Failure, FunctionSpec, Returned, SandboxLimits, Scope, Thrown, Vo,
};

#[derive(Clone, Default)]
struct Scripted(Rc<RefCell<Record>>);

#[derive(Default)]
struct Record {
    answers: VecDeque<Answer>,
    calls: Vec<Vec<Value>>,
    logs: Vec<String>,
    slept: Duration,
}

impl Host for Scripted {
    fn call(&mut self, _ticket: u32, _function: u16, arguments: Vec<Value>) -> Answer {
        let mut record = self.0.borrow_mut();
        record.calls.push(arguments);
        let nothing = Answer::Return { value: Value::Undefined, advance_ms: 0 };
        record.answers.pop_front().unwrap_or(nothing)
    }

    fn log(&mut self, _ticket: u32, _level: LogLevel, text: String) {
        self.0.borrow_mut().logs.push(text);
    }

    fn sleep(&mut self, duration: Duration) {
        self.0.borrow_mut().slept += duration;
    }
}

fn start(script: &str) -> Start {
    let file = SourceFile { path: "x.js".into(), shown: "scripts/demo/x.js".into(), text: Ok(script.into()) };
    let call = FunctionSpec {
        name: "call".into(),
        parameters: vec!["value".into()],
        scope: Scope::Global,
        returns_object: false,
    };
    Start {
        app_id: "demo".into(),
        bundle: Bundle { version: "1".into(), files: vec![file] },
        functions: vec![call],
        limits: SandboxLimits {
            cpu_ms: 2_000,
            wall_ms: 10_000,
            memory_mb: 16,
            runs_per_context: 1_000,
            max_result_bytes: 1 << 20,
            max_log_lines: 10,
            max_log_line_bytes: 100,
        },
        prelude: None,
        time_zone: TimeZone::default(),
    }
}

fn request() -> RunRequest {
    RunRequest {
        ticket: 1,
        action: "x".into(),
        company: "ACME".into(),
        vo: Vo::Form(Vec::new()),
        started: 1_000,
        seed: Seed([7; 32]),
        reply: None,
    }
}

fn run(script: &str) -> Result<Returned, Failure> {
    Sandbox::new(&start(script), Scripted::default()).expect("a timer").run(&request()).result
}

#[test]
fn a_run_that_is_taken_up_again_does_the_same() {
    let script = "
        const seen = [Date.now(), Math.random()];
        call(1);
        seen.push(Date.now());
        await new Promise((done) => setTimeout(done, 500));
        return [...seen, Date.now(), Math.random(), new Date().toString()]";
    let answer = Answer::Return { value: Value::Null, advance_ms: 40 };
    let once = |request: &RunRequest| {
        let host = Scripted::default();
        host.0.borrow_mut().answers.push_back(answer.clone());
        let result = Sandbox::new(&start(script), host.clone()).expect("a timer").run(request).result;
        assert_eq!(host.0.borrow().slept, Duration::from_millis(500));
        result.expect("ended well")
    };
    let first = once(&request());
    let Returned::Json(text) = &first else { panic!("{first:?}") };
    assert!(text.starts_with("[1000,") && text.contains(",1040,1540,"), "{text}");
    assert_eq!(once(&request()), first);
    assert_ne!(once(&RunRequest { seed: Seed([8; 32]), ..request() }), first);
}

#[test]
fn what_a_timer_waited_is_not_counted_again_when_the_host_says_how_late_it_is() {
    let script = "
        const begin = Date.now(), wait = (ms) => new Promise((done) => setTimeout(done, ms));
        await wait(500); await wait(100); call();
        const first = Date.now() - begin;
        call(); await wait(50); call();
        return [first, Date.now() - begin]";
    let host = Scripted::default();
    let answer = |advance_ms| Answer::Return { value: Value::Null, advance_ms };
    host.0.borrow_mut().answers.extend([answer(607), answer(3), answer(40)]);
    let result = Sandbox::new(&start(script), host).expect("a timer").run(&request()).result;
    assert_eq!(result, Ok(Returned::Json("[607,660]".into())));
}

#[test]
fn an_error_of_the_hosts_can_be_caught_and_keeps_its_code() {
    let thrown = Answer::Throw(Thrown {
        kind: ErrorKind::TypeError,
        message: "`to` must be a string".into(),
        code: Some("BAD_ARGUMENT".into()),
    });
    let host = Scripted::default();
    host.0.borrow_mut().answers.extend([thrown.clone(), thrown]);
    let script = "
        try { call() } catch (e) { console.log(e instanceof TypeError, e.message, e.code, Object.keys(e)) }
        call()";
    let failure = Sandbox::new(&start(script), host.clone()).expect("a timer").run(&request()).result;
    let failure = failure.expect_err("thrown");
    assert_eq!(host.0.borrow().logs, ["true `to` must be a string BAD_ARGUMENT [ 'code' ]"]);
    assert_eq!(failure.reason, Reason::Thrown);
    assert_eq!(failure.message, "TypeError: `to` must be a string");
    assert_eq!(failure.code.as_deref(), Some("BAD_ARGUMENT"));
    assert_eq!((failure.frames[0].line, failure.frames[0].column), (3, 9), "where its name begins");
}

#[test]
fn json_means_what_it_means_in_javascript() {
    for text in [
        "null",
        "true",
        "-0.5",
        "1e300",
        "\"è \\u0001\"",
        "[]",
        "{\"b\":1,\"a\":{\"__proto__\":[1,{}]},\"10\":0.1}",
        "[9007199254740993,18446744073709551615,0.30000000000000004,1.7976931348623157e308]",
    ] {
        let mut sandbox =
            Sandbox::new(&start("return JSON.stringify(vo)"), Scripted::default()).expect("a timer");
        let via_us = sandbox.run(&RunRequest { vo: Vo::Json(text.into()), ..request() }).result;
        let via_engine = run(&format!("return JSON.stringify(JSON.parse({text:?}))"));
        assert_eq!(via_us, via_engine, "{text}");
    }
}

#[test]
fn an_unknown_action_names_the_nearest() {
    let mut start = start("return 1");
    start.bundle.files[0].path = "onWhatsappStatus.js".into();
    let mut sandbox = Sandbox::new(&start, Scripted::default()).expect("a timer");
    let failure = sandbox.run(&RunRequest { action: "onWhatsapStatus".into(), ..request() }).result;
    let failure = failure.expect_err("unknown");
    assert_eq!(failure.reason, Reason::Syntax);
    assert_eq!(failure.message, "there is no action `onWhatsapStatus`; did you mean `onWhatsappStatus`?");
}

#[test]
fn a_file_that_could_not_be_read_fails_its_runs() {
    let mut start = start("");
    start.bundle.files[0].text = Err("it is larger than 1 MiB".into());
    let failure = Sandbox::new(&start, Scripted::default()).expect("a timer").run(&request()).result;
    let failure = failure.expect_err("unreadable");
    assert_eq!(failure.reason, Reason::Syntax);
    assert_eq!(failure.message, "scripts/demo/x.js cannot be loaded: it is larger than 1 MiB");
}

#[test]
fn garbage_is_no_memory() {
    // Eighty megabytes each, of which one is held at a time.
    for script in [
        "for (let i = 0; i < 80; i++) new Uint8Array(1 << 20)",
        "const kb = 'x'.repeat(1024); for (let i = 0; i < 80; i++) { const a = []; \
         for (let j = 0; j < 1024; j++) a.push(kb + j); call(i) }",
    ] {
        let mut start = start(script);
        start.limits.cpu_ms = 20_000;
        let ended = Sandbox::new(&start, Scripted::default()).expect("a timer").run(&request());
        assert_eq!(ended.result, Ok(Returned::Undefined), "{script}");
        assert!(ended.peak_memory_bytes > 1 << 20, "{script}: {}", ended.peak_memory_bytes);
    }
}

#[test]
fn memory_that_a_run_held_is_given_back() {
    let mut start = start(
        "const list = []; for (let i = 0; i < 300; i++) list.push('x'.repeat(1000) + i); list.me = list",
    );
    start.limits.runs_per_context = 7;
    let mut sandbox = Sandbox::new(&start, Scripted::default()).expect("a timer");
    let live_after = |runs: u32, sandbox: &mut Sandbox| {
        for _ in 0..runs {
            assert_eq!(sandbox.run(&request()).result, Ok(Returned::Undefined));
        }
        boa_gc::force_collect();
        tripwire::live_bytes()
    };
    let early = live_after(14, &mut sandbox);
    let late = live_after(28, &mut sandbox);
    assert!(early > 0, "the allocator counts");
    assert!(late - early < 200_000, "{early} {late}");
}

#[test]
fn a_sandbox_goes_on_after_each_limit() {
    let script = "
        if (vo.how === 'spin') for (;;);
        if (vo.how === 'grow') { const list = [], s = 'x'.repeat(10000); for (;;) list.push(s + list.length) }
        if (vo.how === 'dive') (function f() { f() })();
        return vo.how";
    let mut start = start(script);
    start.limits.cpu_ms = 500;
    let mut sandbox = Sandbox::new(&start, Scripted::default()).expect("a timer");
    let mut reason = |how: &str| {
        let vo = Vo::Form(vec![("how".into(), how.into())]);
        sandbox.run(&RunRequest { vo, ..request() }).result.map_err(|failure| failure.reason)
    };
    for _ in 0..2 {
        assert_eq!(reason("fine"), Ok(Returned::String("fine".into())));
        assert_eq!(reason("spin"), Err(Reason::CpuLimit));
        assert_eq!(reason("grow"), Err(Reason::MemoryLimit));
        assert_eq!(reason("dive"), Err(Reason::StackLimit));
    }
}

#[test]
fn logs_are_bounded_in_number_and_length() {
    let host = Scripted::default();
    let script = "for (let i = 0; i < 20; i++) console.log('è'.repeat(80), i)";
    let mut sandbox = Sandbox::new(&start(script), host.clone()).expect("a timer");
    assert!(sandbox.run(&request()).result.is_ok());
    let logs = host.0.borrow().logs.clone();
    assert_eq!(logs.len(), 11);
    assert!(logs.iter().all(|line| line.len() <= 100), "{logs:?}");
    assert!(logs[0].ends_with('…'));
    assert!(logs[10].contains("more than 10 lines"));
}

#[test]
fn two_sandboxes_of_a_thread_do_not_disturb_each_other() {
    let mut one = Sandbox::new(&start("globalThis.x = 1"), Scripted::default()).expect("a timer");
    let mut two = Sandbox::new(&start("return typeof x"), Scripted::default()).expect("a timer");
    assert_eq!(one.run(&request()).result.map_err(|failure| failure.reason), Err(Reason::Thrown));
    assert_eq!(two.run(&request()).result, Ok(Returned::String("undefined".into())));
    drop(one);
    assert_eq!(two.run(&request()).result, Ok(Returned::String("undefined".into())));
}

#[test]
fn arguments_count_however_short_they_are() {
    let script = "
        try { call(...Array(131_073).fill('')) } catch (error) { return error.message }";
    assert_eq!(run(script), Ok(Returned::String("call: the arguments are larger than 1 MiB".into())));
    assert_eq!(
        run("call(...Array(131_072).fill('')); return 'called'"),
        Ok(Returned::String("called".into()))
    );
}
