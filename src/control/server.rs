//! The host's side of the control socket.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{DefaultBodyLimit, Path as UrlPath, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::base::{AppId, Clock, Diagnostic, MessageId, MessageStatus, NotificationId, PhoneNumber};
use crate::control::fences;
use crate::control::forget::{Eraser, ForgetOrder, NotForgotten, erase_journals};
use crate::control::mask::Recipients;
use crate::control::settle::{fate, refusal};
use crate::control::views::{self, Kind};
use crate::control::{BackupOrder, RunOrder, SettleOrder};
use crate::pipeline::{DirectRun, NotRun, Pipeline};
use crate::store::{
    self, BackupError, By, DataDir, Filter, ForgetKeys, Inbox, Ledger, NotReplayed, ReplayOrder, Settled,
    Settlement, StoreError,
};

/// The largest order of a run, in bytes: a little more than the largest `limits.vo_kb`.
const MAX_ORDER: usize = 5 << 20;

/// What the control socket works with.
#[derive(Clone)]
pub struct Desk {
    /// Where everything is kept.
    pub data: DataDir,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is on its way there is made durable before anything is shown.
    pub inbox: Inbox,
    /// What runs actions.
    pub pipeline: Arc<Pipeline>,
}

/// Whether recipients are shown.
#[derive(Deserialize)]
struct Sight {
    #[serde(default)]
    recipients: Recipients,
}

/// What a report groups by.
#[derive(Deserialize)]
struct Groups {
    by: By,
}

/// The control socket at work; its file is removed when it stops.
#[derive(Debug)]
pub struct ControlServer {
    file: PathBuf,
    /// What takes long looks at this now and then.
    stopping: Arc<AtomicBool>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl ControlServer {
    /// Serves on a new socket; one that a dead host left behind is replaced (the caller holds the folder's lock).
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn serve(file: &Path, desk: Desk) -> std::io::Result<Self> {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(file)?;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&stopping);
        let routes = Router::new()
            .route("/backup", post(move |desk, order| backup(desk, order, watched)))
            .route("/accounts", get(accounts))
            .route("/accounts/remove", post(remove_account))
            .route("/messages/report", get(report))
            .route("/people/{number}", get(export))
            .route("/people/forget", post(forget))
            .route("/{kind}", get(list))
            .route("/{kind}/{id}", get(show))
            .route("/messages/{id}/settle", post(settle))
            .route("/run", post(run).layer(DefaultBodyLimit::max(MAX_ORDER)))
            .route("/replay", post(replay))
            .merge(fences::routes())
            .with_state(desk);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, routes).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            if let Err(error) = serving.await {
                tracing::error!(%error, "the control socket stopped");
            }
        });
        Ok(Self { file: file.to_owned(), stopping, stop, task })
    }

    /// Takes no more commands; those that are open get a moment.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.stop);
        let abort = self.task.abort_handle();
        if tokio::time::timeout(std::time::Duration::from_secs(1), self.task).await.is_err() {
            abort.abort();
        }
        let _ = std::fs::remove_file(self.file);
    }
}

async fn list(
    State(desk): State<Desk>,
    UrlPath(kind): UrlPath<Kind>,
    Query(filter): Query<Filter>,
    Query(sight): Query<Sight>,
) -> Response {
    read(desk, move |ledger| Ok(Json(views::list(ledger, kind, &filter, sight.recipients)?).into_response()))
        .await
}

async fn show(
    State(desk): State<Desk>,
    UrlPath((kind, id)): UrlPath<(Kind, String)>,
    Query(sight): Query<Sight>,
) -> Response {
    let pipeline = Arc::clone(&desk.pipeline);
    read(desk, move |ledger| {
        let parameters = |app: &AppId| pipeline.parameters(app);
        Ok(Json(views::show(ledger, &parameters, kind, &id, sight.recipients)?).into_response())
    })
    .await
}

async fn report(
    State(desk): State<Desk>,
    Query(filter): Query<Filter>,
    Query(groups): Query<Groups>,
) -> Response {
    read(desk, move |ledger| Ok(Json(views::report(ledger, &groups.by, &filter)?).into_response())).await
}

async fn export(State(desk): State<Desk>, UrlPath(number): UrlPath<String>) -> Response {
    let Some(number) = number_of(&number) else { return StatusCode::BAD_REQUEST.into_response() };
    read(desk, move |ledger| Ok(Json(views::export(ledger, &number)?).into_response())).await
}

async fn forget(State(desk): State<Desk>, Json(order): Json<ForgetOrder>) -> Response {
    let Some(number) = number_of(&order.number) else { return StatusCode::BAD_REQUEST.into_response() };
    let forgotten = tokio::task::spawn_blocking(move || {
        let is_open = |app: &str, id| AppId::parse(app).is_ok_and(|app| desk.pipeline.is_open(&app, id));
        let journals = |app: &str, ids: &[NotificationId]| {
            if desk.pipeline.erase_journals(app, ids)? {
                return Ok(());
            }
            erase_journals(&desk.data, app, ids) // nobody else works in this folder
        };
        let host_db = desk.data.host_db();
        Eraser { host_db: &host_db, inbox: &desk.inbox, is_open: &is_open, erase_journals: &journals }
            .forget(&number, order.dry_run)
    });
    match forgotten.await {
        Ok(Ok(forgotten)) => {
            let (messages, notifications) = (forgotten.messages, forgotten.notifications);
            if !forgotten.dry_run {
                tracing::info!(messages, notifications, "a number was forgotten");
            }
            Json(forgotten).into_response()
        }
        Ok(Err(error @ NotForgotten::OwnSender)) => problem(StatusCode::CONFLICT, &error.diagnostic()),
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.diagnostic()),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The command has read what a person typed: this is its E.164 form.
fn number_of(text: &str) -> Option<PhoneNumber> {
    PhoneNumber::sender(text).ok()
}

async fn accounts(State(desk): State<Desk>, Query(filter): Query<Filter>) -> Response {
    read(desk, move |ledger| Ok(Json(views::accounts(ledger, &filter)?).into_response())).await
}

async fn remove_account(State(desk): State<Desk>, Json(forget): Json<ForgetKeys>) -> Response {
    match desk.inbox.forget_keys(forget).await {
        Ok(forgotten) => Json(forgotten).into_response(),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.diagnostic()),
    }
}

/// Reads the ledger, off the thread that serves.
pub(super) async fn read(
    desk: Desk,
    look: impl FnOnce(&Ledger) -> Result<Response, StoreError> + Send + 'static,
) -> Response {
    let looked = tokio::task::spawn_blocking(move || {
        desk.inbox.flush()?;
        look(&Ledger::open(&desk.data.host_db())?)
    });
    match looked.await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.diagnostic()),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn run(State(desk): State<Desk>, Json(order): Json<RunOrder>) -> Response {
    let run = DirectRun { action: order.action, company: order.company, vo: Arc::new(order.vo) };
    match desk.pipeline.run(&order.app, run).await {
        Ok(report) => Json(report).into_response(),
        Err(error) => {
            let status = match &error {
                NotRun::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                NotRun::UnknownApplication(_) => StatusCode::NOT_FOUND,
                NotRun::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            };
            problem(status, &error.diagnostic())
        }
    }
}

async fn settle(
    State(desk): State<Desk>,
    UrlPath(id): UrlPath<MessageId>,
    Query(sight): Query<Sight>,
    Json(order): Json<SettleOrder>,
) -> Response {
    let settled = match is_being_sent(&desk, id).await {
        Ok(true) => Ok(Settled::NotInDoubt(MessageStatus::Sending)),
        Ok(false) => desk.inbox.settle(Settlement { id, fate: fate(&order), at: desk.clock.now() }).await,
        Err(error) => Err(error),
    };
    match settled.map(|settled| refusal(id, &settled)) {
        Ok(None) => {
            let pipeline = Arc::clone(&desk.pipeline);
            read(desk, move |ledger| {
                let parameters = |app: &AppId| pipeline.parameters(app);
                let shown =
                    views::show(ledger, &parameters, Kind::Messages, &id.to_string(), sight.recipients)?;
                Ok(Json(shown).into_response())
            })
            .await
        }
        Ok(Some(refused)) => problem(StatusCode::CONFLICT, &refused),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.diagnostic()),
    }
}

/// Whether a run is sending the message right now, or is about to find out what became of it.
async fn is_being_sent(desk: &Desk, id: MessageId) -> Result<bool, StoreError> {
    let ledger = desk.data.host_db();
    let row = tokio::task::spawn_blocking(move || Ledger::open(&ledger)?.message(&id.to_string())).await;
    let row = row.map_err(|_| StoreError::Unavailable("the host is stopping".into()))??;
    Ok(row.is_some_and(|row| {
        row.status == "sending" && AppId::parse(&row.app_id).is_ok_and(|app| desk.pipeline.is_open(&app, id))
    }))
}

async fn replay(
    State(desk): State<Desk>,
    Query(sight): Query<Sight>,
    Json(order): Json<ReplayOrder>,
) -> Response {
    let replayed = tokio::task::spawn_blocking(move || {
        let now = desk.clock.now();
        match desk.inbox.replay(order, now)? {
            Ok(ids) => {
                let ledger = Ledger::open(&desk.data.host_db())?;
                Ok(Ok(views::replayed(&ledger, &ids, now, sight.recipients)?))
            }
            Err(refused) => Ok(Err(refused)),
        }
    });
    match replayed.await {
        Ok(Ok(answer)) => Json::<Result<Vec<serde_json::Value>, NotReplayed>>(answer).into_response(),
        Ok(Err(error)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &StoreError::diagnostic(&error)),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn backup(
    State(desk): State<Desk>,
    Json(order): Json<BackupOrder>,
    stopping: Arc<AtomicBool>,
) -> Response {
    let work = tokio::task::spawn_blocking(move || {
        store::backup(&desk.data, &order.file, order.force, desk.clock.now(), &stopping)
    });
    match work.await {
        Ok(Ok(made)) => {
            tracing::info!(file = %made.file.display(), bytes = made.bytes, "a backup was made");
            Json(made).into_response()
        }
        Ok(Err(error)) => {
            let status = match error {
                BackupError::Target { .. } => StatusCode::CONFLICT,
                BackupError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            problem(status, &error.diagnostic())
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(super) fn problem(status: StatusCode, diagnostic: &Diagnostic) -> Response {
    let file = diagnostic.place.as_ref().map(|place| &place.file);
    let Diagnostic { code, message, help, .. } = diagnostic;
    let error = json!({ "code": code, "message": message, "file": file, "help": help });
    (status, Json(json!({ "error": error }))).into_response()
}
