//! Workers: what a real one says over its pipes, without JavaScript.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use boatswain::base::stage;
use boatswain::pipeline::{WorkerHandle, Workers};
use boatswain::script::protocol::{
    Answer, Ended, Failure, FromWorker, Reason, Returned, RunRequest, Start, ToWorker, Value, Vo,
};
use boatswain::script::{Death, WorkerError};

use crate::oracle::Begun;
use crate::plan::{Plan, Step};
use crate::world::World;

/// Where the host gets its workers.
pub struct SimulatedWorkers {
    pub world: Arc<World>,
    pub started: AtomicU64,
}

impl Workers for SimulatedWorkers {
    fn spawn(&self, start: &Start) -> Result<Box<dyn WorkerHandle>, WorkerError> {
        stage::reach("worker-starts");
        if self.world.director.unlucky(self.world.settings.no_worker) {
            self.world.director.note("a worker cannot be started");
            return Err(WorkerError::NotReady);
        }
        Ok(Box::new(SimulatedWorker {
            number: self.started.fetch_add(1, Ordering::Relaxed),
            functions: start.functions.iter().map(|function| function.name.clone()).collect(),
            world: Arc::clone(&self.world),
            ahead: VecDeque::new(),
            current: None,
            answer: None,
            frames: 0,
        }))
    }
}

struct SimulatedWorker {
    number: u64,
    functions: Vec<String>,
    world: Arc<World>,
    ahead: VecDeque<RunRequest>,
    current: Option<Current>,
    answer: Option<Answer>,
    /// How much it has said.
    frames: u32,
}

/// The run that the worker is in.
struct Current {
    request: RunRequest,
    name: String,
    plan: Plan,
    begun: Begun,
    /// The step that is next, or whose answer is awaited.
    step: usize,
    /// What the last query said.
    read: String,
}

impl WorkerHandle for SimulatedWorker {
    fn queue(&mut self, frame: &ToWorker) -> Result<(), WorkerError> {
        match frame {
            ToWorker::Run(request) => self.ahead.push_back(request.clone()),
            ToWorker::Answer(answer) => self.answer = Some(answer.clone()),
            ToWorker::Start(_) | ToWorker::Judge { .. } | ToWorker::Vocabulary(_) | ToWorker::Lint { .. } => {
                panic!("a worker is started once")
            }
        }
        Ok(())
    }

    fn bytes_ahead(&self) -> usize {
        self.ahead.len()
    }

    fn room_ahead(&self) -> usize {
        self.world.settings.runs_ahead
    }

    fn run_begins(&mut self) {}

    fn end(&mut self, reason: Reason, message: String) -> Death {
        self.dies(None, reason, &message)
    }

    fn cpu(&self) -> Duration {
        Duration::from_secs(1) * self.frames
    }

    fn has_grown(&self) -> bool {
        self.world.director.unlucky(self.world.settings.worker_grows)
    }

    fn receive(&mut self, wall_deadline: Instant) -> Result<FromWorker, Death> {
        stage::reach("worker");
        self.frames += 1;
        if self.world.director.unlucky(self.world.settings.worker_dies) {
            return Err(self.dies(None, Reason::Killed, "it was killed"));
        }
        if stage::now() >= wall_deadline {
            return Err(self.dies(None, Reason::WallLimit, "its time is used up"));
        }
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.begin(),
        };
        if let Some(answer) = self.answer.take()
            && let Err(thrown) = self.take_answer(&mut current, answer)
        {
            return Ok(self.over(&current, Err(thrown)));
        }
        while let Some(step) = current.plan.0.get(current.step).copied() {
            let fails = |until: u32| current.begun.starts <= until;
            match step {
                Step::Throw(until) if fails(until) => {
                    return Ok(self.over(&current, Err("the plan says so".to_owned())));
                }
                Step::Die(until) if fails(until) => {
                    return Err(self.dies(Some(current), Reason::Killed, "the plan says so"));
                }
                Step::Hang(until) if fails(until) => {
                    return Err(self.dies(Some(current), Reason::WallLimit, "the plan says so"));
                }
                Step::Throw(_) | Step::Die(_) | Step::Hang(_) => {}
                Step::Rollback(until) | Step::Deferred(until) if !fails(until) => {}
                _ => {
                    if matches!(step, Step::Rollback(_) | Step::Deferred(_)) {
                        self.world.oracle().get(&current.name).failures += 1; // it cannot end well
                    }
                    let frame = self.call(&current, step);
                    self.current = Some(current);
                    return Ok(frame);
                }
            }
            current.step += 1;
        }
        Ok(self.over(&current, Ok(())))
    }
}

impl SimulatedWorker {
    fn begin(&mut self) -> Current {
        let request = self.ahead.pop_front().expect("the host waits for a run that it has handed over");
        let name = name_of(&request);
        let mut oracle = self.world.oracle();
        let begun = oracle.run_begins(&name, self.number);
        let plan = oracle.get(&name).plan.clone();
        drop(oracle);
        Current { request, name, plan, begun, step: 0, read: String::new() }
    }

    fn call(&self, current: &Current, step: Step) -> FromWorker {
        let text = |text: &str| Value::String(text.to_owned());
        let sql = |sql: &str, separated: bool, more: Vec<Value>| {
            let mut arguments = vec![text(sql), Value::Null, Value::Bool(separated), Value::Bool(true)];
            arguments.extend(more);
            ("executeSql", arguments)
        };
        #[allow(clippy::cast_precision_loss)] // steps are few
        let row = || {
            let generation = Value::Number(current.begun.generation.into());
            vec![text(&current.name), Value::Number(current.step as f64), generation]
        };
        let (function, arguments) = match step {
            Step::Write => sql("INSERT INTO effects VALUES (?, ?, ?)", false, row()),
            Step::Separated => sql("INSERT INTO separated VALUES (?, ?, ?)", true, row()),
            Step::Query => ("executeQuery", vec![text("SELECT count(*) AS n FROM effects"), Value::Null]),
            Step::Send => {
                let to = self.world.recipient(&current.name, current.step);
                let body = Self::body(current);
                // Every other one has a picture, which the host looks at before it sends.
                let picture = if current.step.is_multiple_of(2) {
                    text("http://host/public/app/a.png")
                } else {
                    Value::Null
                };
                ("sendWhatsappMessage", vec![text(&to), text(&body), picture])
            }
            Step::Reply => {
                let function = current.request.reply.expect("the run is one of a message");
                assert_eq!(self.functions[usize::from(function)], "reply");
                ("reply", vec![text(&Self::body(current))])
            }
            Step::Rollback(_) => sql("INSERT OR ROLLBACK INTO once(x) VALUES ('taken')", false, vec![]),
            Step::Deferred(_) => sql("INSERT INTO child(parent) VALUES (1)", false, vec![]),
            Step::Throw(_) | Step::Die(_) | Step::Hang(_) => unreachable!("they call nothing"),
        };
        let function = self.functions.iter().position(|name| name == function).unwrap();
        let function = u16::try_from(function).unwrap();
        FromWorker::Call { ticket: current.request.ticket, function, arguments }
    }

    /// What a step says. A run that is taken up again must ask for the very same message.
    fn body(current: &Current) -> String {
        let RunRequest { started, seed, .. } = &current.request;
        let seed = seed.0.map(|byte| format!("{byte:02x}")).concat();
        let Current { name, step, read, begun: Begun { generation, .. }, .. } = current;
        format!("{name}|{step}|{generation}|{started}|{seed}|{read}")
    }

    /// The answer to the current step; an exception that the action does not catch.
    fn take_answer(&self, current: &mut Current, answer: Answer) -> Result<(), String> {
        let step = current.plan.0[current.step];
        let value = match answer {
            Answer::Return { value, .. } => value,
            Answer::Throw(_) if matches!(step, Step::Rollback(_)) => Value::Undefined, // caught
            Answer::Throw(thrown) if step == Step::Reply => {
                let call = (current.begun.generation, current.step);
                self.world.oracle().reply_waits(&current.name, call, thrown.code.as_deref());
                return Err(thrown.message);
            }
            Answer::Throw(thrown) => return Err(thrown.message),
        };
        match (step, value) {
            (Step::Query, Value::String(read)) => current.read = read,
            (Step::Send, Value::String(outcome)) | (Step::Reply, Value::Json(outcome)) => {
                let outcome = serde_json::from_str(&outcome).unwrap();
                self.world.oracle().outcome(
                    &current.name,
                    (current.begun.generation, current.step),
                    &outcome,
                );
            }
            (Step::Write | Step::Separated | Step::Deferred(_), Value::Number(rows)) => {
                assert!((rows - 1.0).abs() < f64::EPSILON, "a row is written");
            }
            (Step::Rollback(_), Value::Undefined) => {}
            (step, value) => panic!("the host answers {step:?} with {value:?}"),
        }
        current.step += 1;
        Ok(())
    }

    fn over(&self, current: &Current, result: Result<(), String>) -> FromWorker {
        self.world.oracle().run_ended(&current.name, result.is_err());
        FromWorker::Ended(Ended {
            ticket: current.request.ticket,
            result: result
                .map(|()| Returned::Undefined)
                .map_err(|message| Failure::new(Reason::Thrown, message)),
            cpu_us: 1,
            peak_memory_bytes: 1,
        })
    }

    fn dies(&mut self, current: Option<Current>, reason: Reason, why: &str) -> Death {
        let mut oracle = self.world.oracle();
        // Before its first frame it dies with the run that it was about to begin.
        let name = match current.or_else(|| self.current.take()) {
            Some(current) => Some(current.name),
            None => self.ahead.front().map(name_of),
        };
        if let Some(name) = name {
            oracle.take_in_replays(&name);
            oracle.get(&name).deaths += 1;
            self.world.director.note(&format!("worker {} dies with {name}: {why}", self.number));
        }
        oracle.worker_gone(self.number);
        Death::new(reason, why)
    }
}

/// The notification that a run is for.
fn name_of(request: &RunRequest) -> String {
    let fields = match &request.vo {
        Vo::Form(fields) => fields,
        Vo::Json(vo) => {
            let vo: serde_json::Value = serde_json::from_str(vo).unwrap();
            return format!("{}/received", vo["MessageSid"].as_str().unwrap());
        }
    };
    let field = |name: &str| &fields.iter().find(|(field, _)| field == name).unwrap().1;
    format!("{}/{}", field("MessageSid"), field("MessageStatus"))
}

impl Drop for SimulatedWorker {
    fn drop(&mut self) {
        self.world.oracle().worker_gone(self.number);
    }
}
