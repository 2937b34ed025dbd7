//! `boatswain demo`: the whole tour in a temporary folder, on free ports, without network or account.
//!
//! Nothing is staged: it is the host that `serve` starts, the shipped demo application, and the simulator over real
//! HTTP. What is shown are the host's events as they happen, and in the end what the databases hold. With `--stay` the host
//! goes on serving, for whoever wants to answer from the demo's phone.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast;

use crate::base::{ActionId, AppId, CompanyId, Diagnostic};
use crate::cli::{Failure, output};
use crate::config;
use crate::pipeline::{DirectRun, Event};
use crate::runtime::Host;
use crate::script::WorkerCommand;
use crate::script::protocol::Returned;
use crate::store::{Filter, Ledger, Mark, MessageRow};

/// The demo application, as it is shipped.
const FILES: &[(&str, &[u8])] = &[
    ("app-params.toml", include_bytes!("../../app-params.toml")),
    ("scripts/demo/confirmOrder.js", include_bytes!("../../scripts/demo/confirmOrder.js")),
    ("scripts/demo/onWhatsappStatus.js", include_bytes!("../../scripts/demo/onWhatsappStatus.js")),
    ("scripts/demo/onWhatsappMessage.js", include_bytes!("../../scripts/demo/onWhatsappMessage.js")),
    ("scripts/demo/lib/orders.js", include_bytes!("../../scripts/demo/lib/orders.js")),
    (
        "scripts/demo/migrations/001_orders.sql",
        include_bytes!("../../scripts/demo/migrations/001_orders.sql"),
    ),
    (
        "scripts/demo/migrations/002_conversations.sql",
        include_bytes!("../../scripts/demo/migrations/002_conversations.sql"),
    ),
    ("public/demo/order-confirmation.png", include_bytes!("../../public/demo/order-confirmation.png")),
];
const ORDER: &str = r#"{"orderId":"A-1001","customer":"Ada","phone":"+39 333 123 4567","totalCents":4890}"#;
/// The phone of [`ORDER`], as the simulator's page names it.
const PHONE: &str = "+393331234567";
/// How long the notifications may take; they need a third of a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// The demo. With `stay` it ends on Ctrl-C.
pub(super) async fn run(stay: bool) -> Result<(), Failure> {
    let began = Instant::now();
    let until = if stay { Some(Interruption::awaited()?) } else { None };
    let folder = tempfolder()?;
    let result = tour(&folder, began, until).await;
    let _ = std::fs::remove_dir_all(&folder);
    result
}

/// What ends a demo that stays.
struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruption {
    fn awaited() -> Result<Self, Failure> {
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => Ok(Self { interrupt, terminate }),
            _ => Err(Diagnostic::error("SIGNALS", "the program cannot listen for signals").into()),
        }
    }

    async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The end of a demo that stays; one that does not is ended by the signal itself.
async fn interrupted(until: &mut Option<Interruption>) {
    match until {
        Some(until) => until.comes().await,
        None => std::future::pending().await,
    }
}

async fn tour(folder: &Path, began: Instant, mut until: Option<Interruption>) -> Result<(), Failure> {
    unpack(folder).map_err(|error| {
        Diagnostic::error("DEMO_FOLDER", format!("the demo's folder cannot be filled: {error}"))
    })?;
    output::line(
        "Boatswain demo: an action sends, Twilio (here the simulator) calls back, an action notes it.\n",
    );

    let mut params = config::load(&folder.join("app-params.toml"))?.params;
    params.applications.retain(|id, _| id.as_str() == "demo"); // the other examples' scripts are not unpacked
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let host = Host::builder(params, WorkerCommand::current_exe())
        .listen(free)
        .simulator_listen(free)
        .serve()
        .await?;
    step(began, "host", format_args!("callbacks and public files at {}", host.public_url()));
    if let Some(url) = host.simulator_url() {
        step(began, "simulator", format_args!("stands in for Twilio at {url}"));
    }
    let shown = tokio::select! {
        biased;
        () = interrupted(&mut until) => Ok(None),
        shown = order(&host, began) => shown.map(Some),
    };
    match (&shown, host.simulator_url()) {
        (Ok(Some(())), Some(url)) if until.is_some() => {
            output::line(format_args!("\nAda's phone is at {url}#{PHONE}. Ctrl-C ends the demo."));
            interrupted(&mut until).await;
        }
        (Ok(Some(())), _) => {
            output::line("To see the phone, and to answer from it: `boatswain demo --stay`.");
        }
        _ => {}
    }
    host.stop(Duration::from_secs(5)).await;
    shown.map(|_| ())
}

/// Has the shop confirm an order, and shows what becomes of it.
async fn order(host: &Host, began: Instant) -> Result<(), Failure> {
    let mut events = host.events();
    step(began, "run", format_args!("demo/confirmOrder with vo = {ORDER}"));
    let order = DirectRun {
        action: ActionId::parse("confirmOrder")
            .map_err(|error| Diagnostic::error("DEMO", error.to_string()))?,
        company: CompanyId::none(),
        vo: Arc::new(serde_json::from_str(ORDER).unwrap_or_default()),
    };
    let app = AppId::parse("demo").map_err(|error| Diagnostic::error("DEMO", error.to_string()))?;
    let (report, arrived) = tokio::join!(host.run(&app, order), watch(&mut events, began));
    let sent_well = match report {
        Ok(report) => report.result.is_ok(),
        Err(error) => {
            step(began, "failed", error);
            false
        }
    };
    outcome(host, &app, sent_well && arrived, began)
}

/// Shows what the databases hold in the end.
fn outcome(host: &Host, app: &AppId, went_well: bool, began: Instant) -> Result<(), Failure> {
    let took = began.elapsed();
    let ledger = Ledger::open(&host.data().host_db()).map_err(|error| error.diagnostic())?;
    let messages = ledger.messages(&Filter::default()).map_err(|error| error.diagnostic())?;
    summary(&messages, &orders(&host.data().app_db(app)));
    if went_well && messages.len() == 2 && messages.iter().all(|m| m.status == "read") {
        output::line(format_args!(
            "\nEverything arrived, in {:.1} s. Next: read scripts/demo, then `boatswain serve` and `boatswain run \
             demo/confirmOrder`.",
            took.as_secs_f32()
        ));
        Ok(())
    } else {
        output::problem(&Diagnostic::error("DEMO_INCOMPLETE", "not everything arrived: see the steps above"));
        Err(Failure::Failed)
    }
}

/// Shows what happens until both messages are read and every notification has had its effect.
async fn watch(events: &mut broadcast::Receiver<Event>, began: Instant) -> bool {
    let mut effects = 0;
    let mut names = BTreeMap::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Ok(event)) = tokio::time::timeout_at(deadline, events.recv()).await {
        match event {
            Event::Sent { outcome, .. } => {
                let to = outcome.to.as_deref().unwrap_or("?");
                let sid = outcome.sid.as_deref().unwrap_or("no sid");
                let number = names.len() + 1;
                if outcome.success {
                    names.insert(sid.to_owned(), number);
                    step(
                        began,
                        "sent",
                        format_args!("message {number} to {to}: {} as {sid}", outcome.status),
                    );
                } else {
                    step(began, "not sent", outcome.error_message.unwrap_or_default());
                    return false;
                }
            }
            Event::Received(new) => {
                let number = names.get(new.message_sid.as_str()).copied().unwrap_or_default();
                step(
                    began,
                    "callback",
                    format_args!("message {number} is {}; signed, kept, acknowledged", new.status),
                );
            }
            Event::Ran { action, notification: Some((_, mark)), report, .. } => {
                match (&report.result, mark) {
                    (Ok(returned), Mark::Done) => {
                        effects += 1;
                        let text = match returned {
                            Returned::String(text) | Returned::Json(text) => text.as_str(),
                            Returned::Undefined => "",
                        };
                        step(began, "action", format_args!("{action}: {text}"));
                        if effects == 6 {
                            return true;
                        }
                    }
                    (result, _) => {
                        let why = result.as_ref().err().map_or("", |failure| &failure.message);
                        step(began, "action", format_args!("{action} failed: {why}"));
                        return false;
                    }
                }
            }
            Event::Ran { report, .. } => match report.result {
                Ok(Returned::String(text) | Returned::Json(text)) => step(began, "returned", text),
                Ok(Returned::Undefined) => {}
                Err(failure) => {
                    step(began, "failed", failure.message);
                    return false;
                }
            },
        }
    }
    false
}

fn step(began: Instant, what: &str, text: impl std::fmt::Display) {
    output::line(format_args!("{:>5} ms  {what:<10} {text}", began.elapsed().as_millis()));
}

fn summary(messages: &[MessageRow], orders: &[[String; 4]]) {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header(["what was sent", "to", "what came back in the end"]);
    for message in messages.iter().rev() {
        let sid = message.sid.as_deref().unwrap_or("no sid");
        table.add_row([sid, &message.to, &message.status]);
    }
    output::line(format_args!("\n{table}"));
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY).set_header([
        "order",
        "customer",
        "amount",
        "state in the shop's database",
    ]);
    for order in orders {
        table.add_row(order);
    }
    output::line(table);
}

/// What the shop's own table holds; read as any other program may.
fn orders(file: &Path) -> Vec<[String; 4]> {
    crate::store::peek(
        file,
        "SELECT order_id, customer, printf('%.2f ', amount_cents / 100.0) || currency, state FROM orders",
    )
    .unwrap_or_default()
}

fn unpack(folder: &Path) -> std::io::Result<()> {
    for (name, contents) in FILES {
        let file = folder.join(name);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, contents)?;
    }
    Ok(())
}

/// A new folder that only this user can read.
fn tempfolder() -> Result<std::path::PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = std::env::temp_dir().join(format!("boatswain-demo-{}", crate::base::MessageId::generate()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(|error| {
        Failure::from(
            Diagnostic::error("DEMO_FOLDER", format!("no temporary folder can be made: {error}"))
                .at(crate::base::Place::file(&folder))
                .help("set TMPDIR to a folder that you may write to"),
        )
    })?;
    Ok(folder)
}
