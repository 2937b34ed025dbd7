//! Every fault of the simulator once through the whole host: what the author is told, and what the ledger says in the end,
//! when callbacks have come and Twilio has been asked.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use boatswain::Host;
use boatswain::base::{ActionId, AppId, CompanyId, ManualClock, UnixMillis};
use boatswain::pipeline::DirectRun;
use boatswain::script::protocol::Returned;
use boatswain::simulator::{Address, Answer, Fault, Script, Step};
use boatswain::whatsapp::MessageStatus;
use boatswain::whatsapp::twilio::REQUEST_TIMEOUT;
use serde_json::{Value, json};

use crate::host::{Folder, runtime};
use crate::support::command;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// How long a request may take where Twilio is silent: only there, for a busy computer answers late too.
const IMPATIENT: Duration = Duration::from_secs(2);

const SEND: &str = "return utils.whatsapp.send({ to: vo.to, body: 'Ciao' })";
const CALLBACK: &str =
    "utils.executeSql('INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, null)', null, false, true)";

/// A host whose clock is the test's, over its own simulator.
struct Stage {
    host: Host,
    clock: Arc<ManualClock>,
    folder: Folder,
}

impl Stage {
    async fn serve(request_timeout: Duration) -> Self {
        let folder = Folder::new(CALLBACK, "");
        folder.write("scripts/app/send.js", SEND);
        let clock = Arc::new(ManualClock::at(NOW));
        let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
        let builder = Host::builder(params, command()).clock(Arc::clone(&clock) as _);
        let host = builder.request_timeout(request_timeout).serve().await.unwrap();
        Self { host, clock, folder }
    }

    fn give(&self, to: &str, script: Script, times: Option<u32>) {
        let to: Address = to.parse().unwrap();
        let simulator = self.host.simulator().unwrap();
        match times.and_then(NonZeroU32::new) {
            Some(times) => simulator.set_script_times(to, script, times),
            None => simulator.set_script(to, Some(script)),
        }
    }

    /// What the action is told of a message: success, status, error code, whether to try again.
    async fn send(&self, to: &str) -> String {
        let run = DirectRun {
            action: ActionId::parse("send").unwrap(),
            company: CompanyId::none(),
            vo: Arc::new(json!({ "to": to })),
        };
        let report = self.host.run(&AppId::parse("app").unwrap(), run).await.unwrap();
        let told: Value = match report.result.unwrap() {
            Returned::Json(json) => serde_json::from_str(&json).unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(told["sid"].is_string(), told["success"] == true, "{told}");
        assert_eq!(told["errorMessage"].is_string(), told["success"] == false, "{told}");
        let code = told["errorCode"].to_string();
        let again = if told["retryable"] == true { " again" } else { "" };
        format!("{} {}{again}", told["status"].as_str().unwrap(), code.trim_matches('"')).replace(" null", "")
    }

    /// What the ledger says of a recipient's message: status, error code.
    fn ledger(&self, to: &str) -> String {
        let db = rusqlite::Connection::open(self.folder.path("data/host.db")).unwrap();
        let sql = "SELECT status || coalesce(' ' || error_code, '') FROM messages WHERE recipient = ?";
        db.query_row(sql, [to], |row| row.get(0)).unwrap()
    }

    /// So much later, the host asks Twilio about what is due, and has its answers.
    async fn asked_after(&self, wait: Duration) {
        self.clock.advance(wait);
        self.host.reconcile();
        let now = boatswain::base::Clock::now(&*self.clock);
        let due = format!("SELECT count(*) FROM messages WHERE next_poll_at <= {}", now.0);
        self.until("nothing is due", &due).await;
    }

    /// Every callback that was on its way has been answered, and its run has ended.
    async fn callbacks_are_done(&self, expected: usize) {
        let mut changes = self.host.simulator().unwrap().changes();
        let come = changes.wait_for(|_| {
            let messages = self.host.simulator().unwrap().messages();
            messages.iter().map(|message| message.callbacks.len()).sum::<usize>() >= expected
        });
        let come = tokio::time::timeout(Duration::from_mins(1), come).await;
        assert!(come.is_ok(), "waited for: callbacks have come");
        self.runs_have_ended().await;
    }

    async fn runs_have_ended(&self) {
        self.until("runs have ended", "SELECT count(*) FROM notifications WHERE state <> 'done'").await;
    }

    /// Waits until a count in the ledger is 0: looks whenever the host tells something, and now and then, for no event
    /// tells that a row has been written.
    async fn until(&self, what: &str, count: &str) {
        let mut events = self.host.events();
        let db = rusqlite::Connection::open(self.folder.path("data/host.db")).unwrap();
        let waited = tokio::time::timeout(Duration::from_mins(1), async {
            while db.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap() != 0 {
                let _ = tokio::time::timeout(Duration::from_millis(10), events.recv()).await;
            }
        });
        assert!(waited.await.is_ok(), "waited for: {what}");
    }

    async fn stop(self) {
        let repeated = self
            .folder
            .texts("SELECT sid || ' ' || status FROM effects GROUP BY sid, status HAVING count(*) > 1");
        assert_eq!(repeated, Vec::<String>::new(), "the effect of each notification is there once");
        assert!(self.host.stop(Duration::from_mins(1)).await);
    }
}

fn step(after_ms: u64, status: &str, error_code: Option<i64>, callbacks: u8) -> Step {
    Step { error_code, callbacks, ..Step::new(Duration::from_millis(after_ms), MessageStatus::parse(status)) }
}

/// Taken, delivered at once, and answered like this.
fn taken(answer: Answer) -> Script {
    Script::answered(vec![step(0, "sent", None, 1), step(1, "delivered", None, 1)], answer)
}

/// The same, but its callbacks are lost.
fn unreported(answer: Answer) -> Script {
    Script::answered(vec![step(0, "delivered", None, 0)], answer)
}

fn not_taken(answer: Answer) -> Script {
    Script::Break { answer }
}

fn refuse(code: i64, retry_after: Option<u32>) -> Script {
    Script::Refuse { code, retry_after }
}

/// A fault, what the action is told, and what the ledger says in the end.
type Case = (&'static str, Script, &'static str, &'static str);

/// Sends a message into each fault, waits for so many callbacks in all, lets an hour pass with Twilio being asked on
/// schedule, and compares.
async fn play(stage: &Stage, cases: Vec<(Case, Option<u32>)>, callbacks: usize) {
    let number = |index: usize| format!("+3933310{index:05}");
    for (index, ((fault, script, told, _), times)) in cases.iter().enumerate() {
        stage.give(&number(index), script.clone(), *times);
        assert_eq!(stage.send(&number(index)).await, *told, "{fault}: what the action is told");
    }
    stage.callbacks_are_done(callbacks).await;
    for minutes in [2, 8, 50] {
        stage.asked_after(Duration::from_mins(minutes)).await;
    }
    stage.runs_have_ended().await;
    for (index, ((fault, _, _, ledger), _)) in cases.iter().enumerate() {
        assert_eq!(stage.ledger(&number(index)), *ledger, "{fault}: what the ledger says");
    }
}

#[test]
fn what_becomes_of_a_message_is_told_and_kept() {
    let usual = |change: fn(&mut Vec<Step>)| {
        let mut steps =
            vec![step(10, "sent", None, 1), step(20, "delivered", None, 1), step(30, "read", None, 1)];
        change(&mut steps);
        Script::play(steps)
    };
    let early = Script::Play {
        steps: vec![step(0, "sent", None, 1), step(20, "delivered", None, 1)],
        answer: Answer::Created,
        answer_after_ms: 30,
    };
    let fails = |status, code| Script::play(vec![step(5, status, Some(code), 1)]);
    let cases: Vec<Case> = vec![
        ("refused", refuse(63007, None), "failed 63007", "failed 63007"),
        ("refused for now", refuse(63018, None), "failed 63018 again", "failed 63018"),
        ("a wrong key", refuse(20003, None), "failed 20003", "failed 20003"),
        ("failed", fails("failed", 63019), "queued", "failed 63019"),
        ("undelivered", fails("undelivered", 63016), "queued", "undelivered 63016"),
        (
            "an error after sent",
            Script::play(vec![step(5, "sent", None, 1), step(9, "undelivered", Some(63024), 1)]),
            "queued",
            "undelivered 63024",
        ),
        (
            "an error after delivered",
            usual(|steps| steps[2] = step(30, "undelivered", Some(63024), 1)),
            "queued",
            "delivered",
        ),
        (
            "an error after read",
            usual(|steps| steps.push(step(40, "failed", Some(63024), 1))),
            "queued",
            "read",
        ),
        ("silence", Script::play(Vec::new()), "queued", "queued"),
        ("lost callbacks", unreported(Answer::Created), "queued", "delivered"),
        ("a delay", usual(|steps| steps.iter_mut().for_each(|step| step.after_ms += 500)), "queued", "read"),
        ("duplicates", usual(|steps| steps.iter_mut().for_each(|step| step.callbacks = 3)), "queued", "read"),
        ("disorder", usual(|steps| steps.reverse()), "queued", "read"),
        (
            "a word that nobody knows",
            Script::play(vec![step(5, "teleported", None, 1)]),
            "queued",
            "teleported",
        ),
        ("a callback before the answer", early, "queued", "delivered"),
    ];
    let callbacks = 1 + 1 + 2 + 3 + 4 + 3 + 9 + 3 + 1 + 2;
    runtime().block_on(async {
        let stage = Stage::serve(REQUEST_TIMEOUT).await;
        play(&stage, cases.into_iter().map(|case| (case, None)).collect(), callbacks).await;
        stage.stop().await;
    });
}

#[test]
fn what_twilio_answers_is_told_and_kept() {
    let doubt = "unknown SEND_IN_DOUBT";
    let gone = "failed SEND_NOT_FOUND";
    let cases: Vec<(Case, Option<u32>)> = vec![
        (("429 once, with Retry-After", refuse(20429, Some(0)), "queued", "read"), Some(1)),
        (("429 once, without", refuse(20429, None), "queued", "read"), Some(1)),
        (
            ("429 for longer than the run", refuse(20429, Some(3600)), "failed 20429 again", "failed 20429"),
            None,
        ),
        (("500, not taken", not_taken(Answer::ServerError), doubt, gone), None),
        (("500, taken", taken(Answer::ServerError), doubt, "delivered"), None),
        (("500, taken, unreported", unreported(Answer::ServerError), doubt, "delivered"), None),
        (("503", refuse(20503, None), doubt, gone), None),
        (("reset, not taken", not_taken(Answer::Reset), doubt, gone), None),
        (("reset, taken", taken(Answer::Reset), doubt, "delivered"), None),
        (("reset, taken, unreported", unreported(Answer::Reset), doubt, "delivered"), None),
        (("truncated, not taken", not_taken(Answer::Truncated), doubt, gone), None),
        (("truncated, taken", taken(Answer::Truncated), doubt, "delivered"), None),
        (("truncated, taken, unreported", unreported(Answer::Truncated), doubt, "delivered"), None),
        (("a web page, not taken", not_taken(Answer::Html), doubt, gone), None),
        (("a web page, taken", taken(Answer::Html), doubt, "delivered"), None),
        (("a web page, taken, unreported", unreported(Answer::Html), doubt, "delivered"), None),
    ];
    runtime().block_on(async {
        let stage = Stage::serve(REQUEST_TIMEOUT).await;
        play(&stage, cases, 3 + 3 + 4 * 2).await;
        stage.stop().await;
    });
}

#[test]
fn silence_of_twilios_is_a_doubt_that_is_resolved() {
    let doubt = "unknown SEND_IN_DOUBT";
    let cases: Vec<Case> = vec![
        ("hangs, not taken", not_taken(Answer::Hang), doubt, "failed SEND_NOT_FOUND"),
        ("hangs, taken", taken(Answer::Hang), doubt, "delivered"),
        ("hangs, taken, unreported", unreported(Answer::Hang), doubt, "delivered"),
    ];
    runtime().block_on(async {
        let stage = Stage::serve(IMPATIENT).await;
        play(&stage, cases.into_iter().map(|case| (case, None)).collect(), 2).await;
        stage.stop().await;
    });
}

/// The message was delivered and nothing reported it; the first question goes wrong, the second does not.
#[test]
fn a_question_that_goes_wrong_is_asked_again() {
    let broken = |answer| Fault::Break { answer };
    runtime().block_on(async {
        let (stage, impatient) = (Stage::serve(REQUEST_TIMEOUT).await, Stage::serve(IMPATIENT).await);
        for (index, fault) in [
            Fault::Refuse { code: 20429, retry_after: Some(30) },
            Fault::Refuse { code: 20429, retry_after: None },
            broken(Answer::ServerError),
            broken(Answer::Reset),
            broken(Answer::Truncated),
            broken(Answer::Html),
            broken(Answer::Hang),
        ]
        .into_iter()
        .enumerate()
        {
            let hangs = matches!(fault, Fault::Break { answer: Answer::Hang });
            let stage = if hangs { &impatient } else { &stage };
            for (kind, answer, told) in [
                ("known", Answer::Created, "queued"),
                ("doubtful", Answer::ServerError, "unknown SEND_IN_DOUBT"),
            ] {
                let to = format!("+39333{}{index:05}", if kind == "known" { "20" } else { "21" });
                stage.give(&to, unreported(answer), None);
                assert_eq!(stage.send(&to).await, told, "{fault:?}");
                stage.give(&to, Script::Reads(fault.clone()), Some(1));
                stage.asked_after(Duration::from_mins(2)).await;
                assert_eq!(stage.ledger(&to), told, "{fault:?}: nothing was learnt");
                stage.asked_after(Duration::from_mins(8)).await;
                assert_eq!(stage.ledger(&to), "delivered", "{fault:?}");
            }
        }
        impatient.stop().await;
        stage.stop().await;
    });
}

/// The recipients that an author knows, each as its number says.
#[test]
fn magic_recipients_mean_the_same_to_an_action() {
    let doubt = "unknown SEND_IN_DOUBT";
    let table = [
        ("+393990163007", "failed 63007", "failed 63007"),
        ("+393990263016", "queued", "undelivered 63016"),
        ("+393990363015", "queued", "failed 63015"),
        ("+393990400000", "queued", "queued"),
        ("+393990500020", "queued", "read"),
        ("+393990600000", "queued", "read"),
        ("+393990700000", "queued", "delivered"),
        ("+393990800000", "queued", "read"),
        ("+393990900000", doubt, "read"),
        ("+393991000001", "queued", "read"),
        ("+393991000000", "queued", "read"),
        ("+393991100000", "queued", "read"),
        ("+393991200000", doubt, "failed SEND_NOT_FOUND"),
        ("+393991300000", doubt, "read"),
        ("+393991400000", doubt, "failed SEND_NOT_FOUND"),
        ("+393991500000", doubt, "read"),
        ("+393991600000", doubt, "failed SEND_NOT_FOUND"),
        ("+393991700000", doubt, "read"),
        ("+393991800000", doubt, "failed SEND_NOT_FOUND"),
        ("+393991900000", doubt, "read"),
        ("+393992000000", doubt, "failed SEND_NOT_FOUND"),
        ("+393992163024", "queued", "delivered"),
        ("+393992200000", "queued", "read"),
    ];
    runtime().block_on(async {
        let stage = Stage::serve(IMPATIENT).await;
        for (to, told, _) in table {
            assert_eq!(stage.send(to).await, told, "{to}");
        }
        stage.callbacks_are_done(2 + 1 + 3 + 6 + 2 + 3 + 3 + 3 * 3 + 4 * 3 + 3 + 3).await;
        for minutes in [2, 8, 50] {
            stage.asked_after(Duration::from_mins(minutes)).await;
        }
        for (to, _, ledger) in table {
            assert_eq!(stage.ledger(to), ledger, "{to}");
        }
        stage.stop().await;
    });
}
