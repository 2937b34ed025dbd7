//! Lists the tests of a file and runs them, each in a world of its own.
//!
//! The tests of a file are found by evaluating it. To run one, the file is evaluated afresh, so that nothing is left of the
//! test before, and the one is called. Files and tests are numbered as they stand.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::ask::Ask;
use super::suite::Suite;
use super::world::{Logged, World};
use crate::base::Seed;
use crate::host::MANIFEST;
use crate::script::Worker;
use crate::script::protocol::{
    Answer, ErrorKind, Failure, FromWorker, FunctionSpec, LogLevel, Reason, Returned, RunRequest,
    SandboxLimits, Scope, SourceFile, Start, Thrown, ToWorker, Value, Vo,
};

/// What a test file has in scope; takes `utils` and what actions have there.
const PRELUDE: &str = include_str!("prelude.js");
/// The action that runs a test; no author's file is called so.
const DRIVER: &str = "(boatswain tests)";
const DRIVER_TEXT: &str = "return await boatswainRunTests(() => require(vo.file), vo.index);";
/// What a test may use, besides what the actions that it runs may.
const LIMITS: SandboxLimits = SandboxLimits {
    cpu_ms: 5_000,
    wall_ms: 120_000,
    memory_mb: 256,
    runs_per_context: 1_000,
    max_result_bytes: 1 << 20,
    max_log_lines: 1_000,
    max_log_line_bytes: 16 << 10,
};

/// A test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestCase {
    /// The file as errors show it.
    pub file: String,
    /// The file's path below the application's folder.
    path: String,
    /// Its name.
    pub name: String,
    /// Whether it is declared with `test.skip`.
    pub skipped: bool,
    /// Its place among the tests of its file.
    index: u32,
}

/// A file with tests.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// The file as errors show it.
    pub file: String,
    /// Its tests, in order.
    pub tests: Result<Vec<TestCase>, Unloaded>,
}

/// Why a file cannot be loaded.
#[derive(Debug, Clone)]
pub struct Unloaded {
    /// What happened.
    pub failure: Failure,
    /// The code around the place.
    pub code_frame: Option<String>,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Passed,
    /// It was not run.
    Skipped,
    /// It failed.
    Failed(Failure),
}

/// What a test has shown.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// How it ended.
    pub outcome: Outcome,
    /// The code around the place of a failure.
    pub code_frame: Option<String>,
    /// What the test itself has logged.
    pub log: Vec<(LogLevel, String)>,
    /// What its actions have logged.
    pub actions: Vec<Logged>,
    /// How long it took, its world included.
    pub took: Duration,
}

impl TestReport {
    fn without_world(outcome: Outcome, took: Duration) -> Self {
        Self { outcome, code_frame: None, log: Vec::new(), actions: Vec::new(), took }
    }
}

/// What the driver says of a test.
#[derive(Deserialize)]
struct Declared {
    name: String,
    skipped: bool,
}

/// Runs tests of one application, one at a time. Blocks, on a thread that is none of the runtime's.
pub struct Runner<'a> {
    suite: &'a Suite,
    start: Start,
    worker: Option<Worker>,
}

impl<'a> Runner<'a> {
    /// A runner without a worker yet.
    #[must_use]
    pub fn new(suite: &'a Suite) -> Self {
        let mut bundle = suite.with_tests.clone();
        let driver =
            SourceFile { path: format!("{DRIVER}.js"), shown: DRIVER.into(), text: Ok(DRIVER_TEXT.into()) };
        bundle.files.push(driver);
        let start = Start {
            app_id: suite.application.id.to_string(),
            bundle,
            functions: vec![FunctionSpec {
                name: "ask".into(),
                parameters: vec!["question".into()],
                scope: Scope::Utils,
                returns_object: true,
            }],
            limits: LIMITS,
            prelude: Some(prelude()),
            time_zone: suite.application.time_zone.clone(),
        };
        Self { suite, start, worker: None }
    }

    /// The files with their tests, in order.
    pub fn list(&mut self) -> Vec<TestFile> {
        let files = self.suite.tests.iter();
        files
            .map(|file| {
                let tests = self
                    .tests_of(file)
                    .map_err(|failure| Unloaded { code_frame: self.code_frame(&failure), failure });
                TestFile { file: file.shown.clone(), tests }
            })
            .collect()
    }

    fn tests_of(&mut self, file: &SourceFile) -> Result<Vec<TestCase>, Failure> {
        let (result, _) = self.drive(&file.path, None, None);
        let declared: Vec<Declared> = match result? {
            // The driver's own: it returns a list of these.
            Returned::Json(text) => serde_json::from_str(&text).unwrap_or_default(),
            Returned::Undefined | Returned::String(_) => Vec::new(),
        };
        let cases = (0..).zip(declared).map(|(index, Declared { name, skipped })| TestCase {
            file: file.shown.clone(),
            path: file.path.clone(),
            name,
            skipped,
            index,
        });
        Ok(cases.collect())
    }

    /// Runs a test.
    pub fn run(&mut self, case: &TestCase) -> TestReport {
        let began = Instant::now();
        if case.skipped {
            return TestReport::without_world(Outcome::Skipped, Duration::ZERO);
        }
        let mut world = match World::new(self.suite) {
            Ok(world) => world,
            Err(problem) => {
                let failure = plain(Reason::Thrown, problem.to_string());
                return TestReport::without_world(Outcome::Failed(failure), began.elapsed());
            }
        };
        let (result, log) = self.drive(&case.path, Some(case.index), Some(&mut world));
        let actions = std::mem::take(&mut world.log);
        let besides = world.failed_besides();
        world.end();
        let outcome = match result {
            Err(mut failure) => {
                if let Some(besides) = besides {
                    failure.message = format!("{}\nbesides, {besides}", failure.message);
                }
                Outcome::Failed(failure)
            }
            Ok(_) => Outcome::Passed,
        };
        let code_frame = match &outcome {
            Outcome::Failed(failure) => self.code_frame(failure),
            Outcome::Passed | Outcome::Skipped => None,
        };
        TestReport { outcome, code_frame, log, actions, took: began.elapsed() }
    }

    /// The code around the innermost place of a failure.
    #[must_use]
    pub fn code_frame(&self, failure: &Failure) -> Option<String> {
        failure.frames.first().and_then(|place| self.start.bundle.code_frame(place))
    }

    /// Has the driver load a file and run the test at a place, if there is one to run.
    fn drive(
        &mut self,
        path: &str,
        index: Option<u32>,
        world: Option<&mut World>,
    ) -> (Result<Returned, Failure>, Vec<(LogLevel, String)>) {
        let mut log = Vec::new();
        let vo = serde_json::json!({ "file": format!("./{path}"), "index": index });
        let request = RunRequest {
            ticket: ticket(),
            action: DRIVER.into(),
            company: String::new(),
            vo: Vo::Json(vo.to_string()),
            started: world.as_ref().map_or(0, |world| world.now().0),
            seed: Seed([u8::try_from(index.unwrap_or_default() % 256).unwrap_or_default(); 32]), // the same each time
            reply: None,
        };
        let result = self.converse(request, world, &mut log);
        (result, log)
    }

    fn converse(
        &mut self,
        request: RunRequest,
        mut world: Option<&mut World>,
        log: &mut Vec<(LogLevel, String)>,
    ) -> Result<Returned, Failure> {
        let no_worker = |error: crate::script::WorkerError| plain(Reason::Killed, error.to_string());
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::spawn(&self.suite.command, &self.start).map_err(no_worker)?,
        };
        let deadline = Instant::now() + Duration::from_millis(LIMITS.wall_ms);
        let ticket = request.ticket;
        worker.queue(&ToWorker::Run(request)).map_err(no_worker)?;
        worker.run_begins();
        loop {
            let frame = worker.receive(deadline).map_err(|death| plain(death.reason, death.message))?;
            match frame {
                FromWorker::Call { arguments, .. } => {
                    let answer = answer(&arguments, world.as_deref_mut());
                    worker.queue(&ToWorker::Answer(answer)).map_err(no_worker)?;
                }
                FromWorker::Log { level, text, .. } => log.push((level, text)),
                FromWorker::Ended(ended) if ended.ticket == ticket => {
                    self.worker = Some(worker).filter(|worker| !worker.has_grown());
                    return ended.result;
                }
                _ => return Err(plain(Reason::Killed, "a worker did not do as it was told".to_owned())),
            }
        }
    }
}

fn answer(arguments: &[Value], world: Option<&mut World>) -> Answer {
    let thrown = |message: String| Answer::Throw(Thrown { kind: ErrorKind::TypeError, message, code: None });
    let Some(Value::Json(question)) = arguments.first() else {
        return thrown("ask: a question is an object".to_owned());
    };
    let ask: Ask = match serde_json::from_str(question) {
        Ok(ask) => ask,
        Err(error) => return thrown(error.to_string()),
    };
    let Some(world) = world else {
        return thrown("this belongs into a test: test(\"…\", () => { … })".to_owned());
    };
    let before = world.now();
    match world.asked(ask) {
        Ok(value) => {
            let advance = world.now().since(before).as_millis();
            Answer::Return { value, advance_ms: u64::try_from(advance).unwrap_or(u64::MAX) }
        }
        Err(thrown) => Answer::Throw(thrown),
    }
}

/// The prelude, applied to the way to the host and to what actions have.
fn prelude() -> String {
    let visible = MANIFEST.iter().filter(|function| function.is_visible());
    let names: Vec<_> = visible
        .map(|function| serde_json::json!({ "path": function.name, "isGlobal": function.global }))
        .collect();
    format!("({})(utils, {})", PRELUDE.trim_end(), serde_json::Value::from(names))
}

fn plain(reason: Reason, message: String) -> Failure {
    Failure::new(reason, message)
}

fn ticket() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
