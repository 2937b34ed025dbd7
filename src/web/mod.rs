//! The public listener: what Twilio and WhatsApp reach.
//!
//! ```text
//! POST /whatsapp/callback/{appId}/{companyId}   callback      verify → inbox → 204
//! POST /whatsapp/message/{appId}/{companyId}    message       verify → inbox → an empty <Response/>
//! GET  /public/{appId}/{path}                   public_files  what WhatsApp fetches
//! GET  /healthz, /readyz                        health
//! ```
//!
//! [`listener`] accepts connections within limits of its own, because a slow client must not hold a socket for ever, and
//! [`places`] says which of them gives way when there are too many.
//! Knows the inbox, not the pipeline, and never [`crate::script`]: acknowledging cannot run JavaScript.

mod answer;
mod callback;
mod health;
mod keys;
pub mod listener;
mod message;
mod places;
mod public_files;
mod verified;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::base::Clock;
use crate::store::{Inbox, NewNotification};
use crate::web::answer::Refusal;

pub use health::{ALIVE, Readiness};
pub use keys::Applications;
pub use listener::{Listener, ListenerLimits};

/// What the public listener serves.
#[derive(Clone)]
pub struct Site {
    /// The applications and their keys.
    pub applications: Applications,
    /// Where notifications go.
    pub inbox: Inbox,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This host as Twilio sees it, without a trailing slash: signatures cover it.
    pub public_url: Arc<str>,
    /// The folder with a folder of public files for each application.
    pub public_dir: PathBuf,
    /// Whether the host takes work.
    pub readiness: Readiness,
}

impl Site {
    /// The routes, at the top and below the path of the public URL (a proxy may strip it or not).
    pub fn router(self) -> Router {
        let prefix = self.prefix().to_owned();
        let routes = Router::new()
            .route("/whatsapp/callback/{app}/{company}", post(callback::receive))
            .route("/whatsapp/message/{app}/{company}", post(message::receive))
            .route("/healthz", get(health::alive))
            .route("/readyz", get(health::ready))
            .nest("/public/{app}", public_files::router())
            .fallback(answer::not_found)
            .method_not_allowed_fallback(answer::method_not_allowed)
            .with_state(self);
        if prefix.is_empty() { routes } else { Router::new().nest(&prefix, routes.clone()).merge(routes) }
    }

    /// Keeps what Twilio has said, unless it was refused; returns once it is durable.
    async fn keep(&self, said: Result<NewNotification, Refusal>) -> Result<(), Refusal> {
        let said = said.inspect_err(|refusal| tracing::debug!(?refusal, "a request was refused"))?;
        self.inbox.receive(said).await.map(drop).map_err(|error| {
            tracing::error!(%error, "what Twilio has said could not be stored");
            Refusal::Unavailable
        })
    }

    /// The path of the public URL, empty or with a leading slash.
    fn prefix(&self) -> &str {
        let after_scheme = self.public_url.find("://").map_or(0, |at| at + 3);
        let rest = &self.public_url[after_scheme..];
        rest.find('/').map_or("", |at| &rest[at..])
    }
}
