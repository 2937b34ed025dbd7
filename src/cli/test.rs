//! `boatswain test [FILTER]`: the tests of actions, several at a time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;

use crate::base::{Diagnostic, shown, shown_lines};
use crate::cli::failed::View;
use crate::cli::options::Options;
use crate::cli::{Failure, check, failed, output};
use crate::config;
use crate::pipeline::{Evidence, RecordedFailure};
use crate::script::WorkerCommand;
use crate::script::protocol;
use crate::testing::{Outcome, Runner, Suite, TestCase, TestFile, TestReport, Unloaded};

/// What is counted at the end.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
    /// Tests of applications whose migrations fail.
    not_run: u32,
    /// Files that cannot be loaded and have no part of the filter in their names.
    unknown: u32,
}

pub(super) async fn run(options: &Options, filter: Option<&str>, json: bool) -> Result<(), Failure> {
    let began = Instant::now();
    let params = config::load_without_secrets(options.params())?.params;
    let beside = |name: &str| params.file.parent().unwrap_or_else(|| "".as_ref()).join(name);
    let scripts = options.scripts.clone().unwrap_or_else(|| beside("scripts"));
    let public: PathBuf = options.public.clone().unwrap_or_else(|| beside("public"));
    if !scripts.is_dir() {
        return Err(check::no_scripts(&scripts).into());
    }
    let mut tally = Tally::default();
    for application in params.applications.values() {
        if !scripts.join(application.id.as_str()).is_dir() {
            continue; // `check` says so
        }
        let suite = Suite::read(application, &scripts, &public, WorkerCommand::current_exe())?;
        tests_of(Arc::new(suite), filter, json, &mut tally).await?;
    }
    conclude(&tally, filter, json, began.elapsed())
}

/// Runs the tests of an application.
async fn tests_of(
    suite: Arc<Suite>,
    filter: Option<&str>,
    json: bool,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let listing = Arc::clone(&suite);
    let (listed, migrations) =
        blocking(move || (Runner::new(&listing).list(), listing.migration_problem())).await?;
    let mut cases = Vec::new();
    for TestFile { file, tests } in listed {
        match tests {
            Ok(tests) => cases.extend(tests.into_iter().filter(|case| is_wanted(case, filter))),
            // Its tests are not known: they may be the ones that are wanted.
            Err(why) if filter.is_none_or(|filter| contains(&file, filter)) => {
                tally.failed += 1;
                unloaded(&file, &why, json);
            }
            Err(_) => tally.unknown += 1,
        }
    }
    if let Some(problem) = migrations.filter(|_| !cases.is_empty()) {
        not_run(&problem, &cases, json, tally);
        return Ok(());
    }
    let mut results = start(&suite, &cases);
    let mut early: Vec<Option<TestReport>> = cases.iter().map(|_| None).collect();
    let mut next = 0;
    while let Some((index, report)) = results.recv().await {
        early[index] = Some(report);
        // Shown in order, whichever is ready first.
        while let Some(report) = early.get_mut(next).and_then(Option::take) {
            let is_first = next == 0 || cases[next - 1].file != cases[next].file;
            show(&cases[next], &report, is_first, json, tally);
            next += 1;
        }
    }
    if next < cases.len() {
        return Err(Diagnostic::error("TEST_WORLD", "a thread that runs tests has ended too soon").into());
    }
    Ok(())
}

/// Runs the tests, one for each processor at a time, and tells of each by its number.
fn start(suite: &Arc<Suite>, cases: &[TestCase]) -> mpsc::UnboundedReceiver<(usize, TestReport)> {
    let lanes = std::thread::available_parallelism().map_or(2, usize::from).min(cases.len());
    let waiting: VecDeque<_> = cases.iter().cloned().enumerate().collect();
    let waiting = Arc::new(Mutex::new(waiting));
    let (tell, told) = mpsc::unbounded_channel();
    for _ in 0..lanes {
        let (suite, waiting, tell) = (Arc::clone(suite), Arc::clone(&waiting), tell.clone());
        tokio::task::spawn_blocking(move || {
            let mut runner = Runner::new(&suite);
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some((index, case)) = next else { return };
                if tell.send((index, runner.run(&case))).is_err() {
                    return;
                }
            }
        });
    }
    told
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Diagnostic::error("TEST_WORLD", "a thread that runs tests has ended too soon").into())
}

/// Whether the filter is a part of the file or the name, in any case.
fn is_wanted(case: &TestCase, filter: Option<&str>) -> bool {
    filter.is_none_or(|filter| contains(&format!("{} {}", case.file, case.name), filter))
}

fn contains(text: &str, filter: &str) -> bool {
    text.to_lowercase().contains(&filter.to_lowercase())
}

fn show(case: &TestCase, report: &TestReport, is_first: bool, json: bool, tally: &mut Tally) {
    let word = match &report.outcome {
        Outcome::Passed => {
            tally.passed += 1;
            "passed"
        }
        Outcome::Skipped => {
            tally.skipped += 1;
            "skipped"
        }
        Outcome::Failed(_) => {
            tally.failed += 1;
            "failed"
        }
    };
    let took = report.took.as_secs_f64() * 1000.0;
    if json {
        let failure = match &report.outcome {
            Outcome::Failed(failure) => json!(failure),
            Outcome::Passed | Outcome::Skipped => json!(null),
        };
        let log: Vec<_> =
            report.log.iter().map(|(level, text)| json!({ "level": level, "text": text })).collect();
        let actions = report
            .actions
            .iter()
            .map(|line| json!({ "action": line.action, "level": line.level, "text": line.text }));
        output::json(json!({
            "file": case.file, "name": case.name, "outcome": word, "ms": took.round(), "error": failure, "codeFrame": report.code_frame, "log": log,
            "actions": actions.collect::<Vec<_>>(),
        }));
        return;
    }
    if is_first {
        output::line(shown(&case.file));
    }
    let name = shown(&case.name);
    match &report.outcome {
        Outcome::Skipped => output::line(format_args!("  skipped  {name}")),
        Outcome::Passed => output::line(format_args!("  ok       {name}  ({took:.0} ms)")),
        Outcome::Failed(_) => output::line(format_args!("  FAILED   {name}  ({took:.0} ms)")),
    }
    for (level, text) in &report.log {
        output::line(format_args!("           {} {}", level.as_str(), shown_lines(text)));
    }
    if let Outcome::Failed(failure) = &report.outcome {
        for line in &report.actions {
            output::line(format_args!(
                "           {} {}: {}",
                line.level,
                line.action,
                shown_lines(&line.text)
            ));
        }
        let message = format!("{}: {}", case.name, failure.message);
        show_failure("TEST_FAILED", message, failure, report.code_frame.as_ref());
    }
}

/// A file whose tests are not even known.
fn unloaded(file: &str, why: &Unloaded, json: bool) {
    let Unloaded { failure, code_frame } = why;
    if json {
        return untried(file, None, "failed", Some(why));
    }
    output::line(shown(file));
    output::line("  FAILED   the file cannot be loaded");
    show_failure("TEST_FILE", failure.message.clone(), failure, code_frame.as_ref());
}

/// A migration that fails, told once, and the tests that would need its tables.
fn not_run(problem: &Diagnostic, cases: &[TestCase], json: bool, tally: &mut Tally) {
    tally.failed += 1;
    tally.not_run += u32::try_from(cases.len()).unwrap_or(u32::MAX);
    if json {
        let file = problem.place.as_ref().map(|place| place.file.display().to_string()).unwrap_or_default();
        untried(&file, None, "failed", Some(&as_failure(problem, &file)));
        for case in cases {
            untried(&case.file, Some(&case.name), "not run", None);
        }
        return;
    }
    for (index, case) in cases.iter().enumerate() {
        if index == 0 || cases[index - 1].file != case.file {
            output::line(shown(&case.file));
        }
        output::line(format_args!("  not run  {}", shown(&case.name)));
    }
    output::line(problem);
}

fn as_failure(problem: &Diagnostic, file: &str) -> Unloaded {
    let position = problem.place.as_ref().and_then(|place| place.position);
    let frame = |(line, column)| protocol::Frame { function: String::new(), file: file.into(), line, column };
    let failure = protocol::Failure {
        code: Some(problem.code.into()),
        frames: position.into_iter().map(frame).collect(),
        help: problem.help.clone(),
        ..protocol::Failure::new(protocol::Reason::Thrown, problem.message.clone())
    };
    Unloaded { failure, code_frame: problem.code_frame.clone() }
}

/// The line of JSON of what has had no world.
fn untried(file: &str, name: Option<&str>, outcome: &str, why: Option<&Unloaded>) {
    output::json(json!({
        "file": file, "name": name, "outcome": outcome, "ms": 0, "error": why.map(|why| &why.failure),
        "codeFrame": why.map(|why| &why.code_frame), "log": [], "actions": [],
    }));
}

fn show_failure(
    code: &'static str,
    message: String,
    failure: &protocol::Failure,
    code_frame: Option<&String>,
) {
    let failure = protocol::Failure { code: Some(code.into()), message, ..failure.clone() };
    let evidence = Evidence { code_frame: code_frame.cloned(), ..Evidence::default() };
    output::line(failed::told(&RecordedFailure { failure, evidence }, View::default()));
}

fn conclude(tally: &Tally, filter: Option<&str>, json: bool, took: Duration) -> Result<(), Failure> {
    let Tally { passed, failed, skipped, not_run, unknown } = *tally;
    if let (0, Some(filter)) = (passed + failed + skipped, filter) {
        let but = if unknown > 0 { format!("; {unknown} files cannot be loaded") } else { String::new() };
        return Err(Diagnostic::error(
            "NO_TESTS",
            format!("no test has `{}` in its file or name{but}", shown(filter)),
        )
        .help("without FILTER all tests are run; they stand in `scripts/<appId>/**.test.js`")
        .into());
    }
    if passed + failed + skipped == 0 {
        output::problem(
            &Diagnostic::error("NO_TESTS", "there are no tests")
                .help("they stand in files `scripts/<appId>/**.test.js`; `boatswain new` shows some"),
        );
        return Err(Failure::Failed);
    }
    if !json {
        let and =
            |count: u32, what: &str| if count > 0 { format!(", {count} {what}") } else { String::new() };
        let others = and(skipped, "skipped") + &and(not_run, "not run");
        output::line(format_args!(
            "\n{passed} passed, {failed} failed{others}, in {:.1} s",
            took.as_secs_f64()
        ));
    }
    if failed > 0 { Err(Failure::Failed) } else { Ok(()) }
}
