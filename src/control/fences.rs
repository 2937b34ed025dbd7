//! Pauses and opt-outs through the control socket.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::base::{AppId, CompanyId, Diagnostic};
use crate::control::server::{Desk, problem, read};
use crate::store::{Fence, Filter};

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/fences", post(change))
        .route("/pauses", get(pauses))
        .route("/opt-outs", get(opt_outs))
}

/// The application that a change is about.
#[must_use]
pub fn application(fence: &Fence) -> &AppId {
    match fence {
        Fence::Pause { app, .. }
        | Fence::Resume { app, .. }
        | Fence::OptOut { app, .. }
        | Fence::OptIn { app, .. } => app,
    }
}

/// Nobody is helped by a pause of an application that does not exist.
#[must_use]
pub fn unknown_application(app: &AppId) -> Diagnostic {
    Diagnostic::error("UNKNOWN_APPLICATION", format!("there is no application `{app}`"))
        .help("name one of the parameters' [applications.…]; of a running host, one that is in force")
}

/// A company in the log; without one it is the whole application.
fn named(company: Option<&CompanyId>) -> &str {
    company.map_or("all", CompanyId::as_str)
}

async fn change(State(desk): State<Desk>, Json(fence): Json<Fence>) -> Response {
    let app = application(&fence);
    if !desk.pipeline.knows(app) {
        return problem(StatusCode::NOT_FOUND, &unknown_application(app));
    }
    match desk.inbox.fence(fence.clone(), desk.clock.now()).await {
        Ok(changed) => {
            // Without the recipient: a log is no place for phone numbers.
            match &fence {
                Fence::Pause { app, company, .. } => {
                    tracing::warn!(%app, company = named(company.as_ref()), "sending is paused");
                }
                Fence::Resume { app, company } => {
                    tracing::info!(%app, company = named(company.as_ref()), "sending goes on");
                }
                Fence::OptOut { app, company, .. } => tracing::info!(%app, %company, "a recipient opted out"),
                Fence::OptIn { app, company, .. } => tracing::info!(%app, %company, "a recipient opted in"),
            }
            Json(changed).into_response()
        }
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.diagnostic()),
    }
}

async fn pauses(State(desk): State<Desk>) -> Response {
    read(desk, |ledger| Ok(Json(ledger.pauses()?).into_response())).await
}

async fn opt_outs(State(desk): State<Desk>, Query(filter): Query<Filter>) -> Response {
    read(desk, move |ledger| {
        Ok(Json(ledger.opt_outs(filter.app.as_deref(), filter.company.as_deref())?).into_response())
    })
    .await
}
