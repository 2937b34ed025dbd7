//! `data/host.sock`: how the other commands work through a host that is up.
//!
//! HTTP with JSON over a Unix socket that only the host's own user may open (mode 0600). The server answers from the
//! ledger and the pipeline; the client is what the commands use. [`views`] is what both sides show, also where no
//! host is up and a command reads the ledger itself.

mod client;
pub mod fences;
pub mod forget;
pub mod mask;
mod server;
pub mod settle;
pub mod views;

use serde::{Deserialize, Serialize};

use crate::base::{ActionId, AppId, CompanyId, MessageSid};

pub use client::{ControlClient, ControlError};
pub use server::{ControlServer, Desk};

/// Asks for a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupOrder {
    /// The archive: an absolute path, for the host stands elsewhere than the command.
    pub file: std::path::PathBuf,
    /// Whether an archive that is there is replaced.
    pub force: bool,
}

/// Asks for a run by hand.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunOrder {
    /// The application.
    pub app: AppId,
    /// The action.
    pub action: ActionId,
    /// The company.
    pub company: CompanyId,
    /// `vo`.
    pub vo: serde_json::Value,
}

/// A person's word on a message in doubt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SettleOrder {
    /// Twilio's id of it; `None`: it was not sent.
    pub sent: Option<MessageSid>,
}
