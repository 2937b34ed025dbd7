//! The commands' side of the control socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::{MessageId, PhoneNumber};
use crate::control::forget::{ForgetOrder, Forgotten};
use crate::control::mask::Recipients;
use crate::control::views::Kind;
use crate::control::{BackupOrder, RunOrder, SettleOrder};
use crate::pipeline::RunReport;
use crate::store::{Backup, By, Fence, Filter, ForgetKeys, NotReplayed, ReplayOrder};

/// A host that is up.
#[derive(Debug)]
pub struct ControlClient {
    http: reqwest::Client,
}

/// Why the host did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ControlError {
    /// The connection broke: the host has stopped or died meanwhile.
    #[error("the host does not answer: {0}")]
    Gone(String),
    /// The host said no.
    #[error("{message}")]
    Refused {
        /// Its code.
        code: String,
        /// Its sentence.
        message: String,
        /// The file it speaks of, if there is one.
        file: Option<PathBuf>,
        /// What to do.
        help: Option<String>,
    },
}

#[derive(Deserialize)]
struct Problem {
    error: ProblemBody,
}

#[derive(Deserialize)]
struct ProblemBody {
    code: String,
    message: String,
    file: Option<PathBuf>,
    help: Option<String>,
}

impl ControlClient {
    /// Finds the host of a data folder, if one is up.
    pub async fn find(socket: &Path) -> Option<Self> {
        tokio::net::UnixStream::connect(socket).await.ok()?;
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .timeout(Duration::from_mins(15)) // a run may take as long as its limits say
            .build()
            .ok()?;
        Some(Self { http })
    }

    /// A list.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn list(
        &self,
        kind: Kind,
        filter: &Filter,
        recipients: Recipients,
    ) -> Result<Vec<Value>, ControlError> {
        let request = self.http.get(format!("http://host/{}", word(kind))).query(filter);
        self.ask(request.query(&sight(recipients))).await
    }

    /// One row with what belongs to it.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn show(
        &self,
        kind: Kind,
        id: &str,
        recipients: Recipients,
    ) -> Result<Option<Value>, ControlError> {
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let request = self.http.get(format!("http://host/{}/{id}", word(kind)));
        self.ask(request.query(&sight(recipients))).await
    }

    /// Groups of messages, as [`crate::control::views::report`] shows them.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn report(&self, by: &By, filter: &Filter) -> Result<Vec<Value>, ControlError> {
        let request = self.http.get("http://host/messages/report").query(filter);
        self.ask(request.query(&[("by", by.to_string())])).await
    }

    /// Everything about a number, as [`crate::control::views::export`] shows it.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn export(&self, number: &PhoneNumber) -> Result<Value, ControlError> {
        self.ask(self.http.get(format!("http://host/people/{number}"))).await
    }

    /// Forgets a number.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn forget(&self, order: &ForgetOrder) -> Result<Forgotten, ControlError> {
        self.ask(self.http.post("http://host/people/forget").json(order)).await
    }

    /// Runs an action.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn run(&self, order: &RunOrder) -> Result<RunReport, ControlError> {
        self.ask(self.http.post("http://host/run").json(order)).await
    }

    /// Settles a message in doubt; gives the message as `show` does.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn settle(
        &self,
        id: MessageId,
        order: &SettleOrder,
        recipients: Recipients,
    ) -> Result<Value, ControlError> {
        let request = self.http.post(format!("http://host/messages/{id}/settle")).json(order);
        self.ask(request.query(&sight(recipients))).await
    }

    /// Has dead notifications run again; each as [`crate::control::views::replayed`] shows it.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn replay(
        &self,
        order: &ReplayOrder,
        recipients: Recipients,
    ) -> Result<Result<Vec<Value>, NotReplayed>, ControlError> {
        self.ask(self.http.post("http://host/replay").json(order).query(&sight(recipients))).await
    }

    /// Changes who is written to; `false`: it was so already.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn fence(&self, fence: &Fence) -> Result<bool, ControlError> {
        self.ask(self.http.post("http://host/fences").json(fence)).await
    }

    /// `pauses` or `opt-outs`.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn fences(&self, what: &str, filter: &Filter) -> Result<Vec<Value>, ControlError> {
        self.ask(self.http.get(format!("http://host/{what}")).query(filter)).await
    }

    /// The accounts of which keys are remembered.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn accounts(&self, filter: &Filter) -> Result<Vec<Value>, ControlError> {
        self.ask(self.http.get("http://host/accounts").query(filter)).await
    }

    /// Forgets keys; gives how many there were.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn forget_keys(&self, forget: &ForgetKeys) -> Result<usize, ControlError> {
        self.ask(self.http.post("http://host/accounts/remove").json(forget)).await
    }

    /// Makes a backup; takes as long as it takes.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn backup(&self, order: &BackupOrder) -> Result<Backup, ControlError> {
        self.ask(self.http.post("http://host/backup").json(order).timeout(Duration::from_hours(24 * 365)))
            .await
    }

    async fn ask<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, ControlError> {
        let gone = |error: reqwest::Error| ControlError::Gone(error.without_url().to_string());
        let response = request.send().await.map_err(gone)?;
        if response.status().is_success() {
            return response.json().await.map_err(gone);
        }
        let status = response.status();
        match response.json::<Problem>().await {
            Ok(Problem { error: ProblemBody { code, message, file, help } }) => {
                Err(ControlError::Refused { code, message, file, help })
            }
            Err(_) => Err(ControlError::Gone(format!("it answered {status}"))),
        }
    }
}

fn sight(recipients: Recipients) -> [(&'static str, Recipients); 1] {
    [("recipients", recipients)]
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Messages => "messages",
        Kind::Notifications => "notifications",
        Kind::Runs => "runs",
        Kind::Traces => "traces",
    }
}
