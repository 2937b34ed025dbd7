//! How a run ended, for the record and for whoever asked for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{ActionId, CompanyId, UnixMillis, cut};
use crate::config;
use crate::pipeline::evidence::Evidence;
use crate::script::protocol::{Failure, LogLevel, Returned};
use crate::store::RunRecord;

/// How much of a run's log is kept, in bytes.
const MAX_LOG: usize = 64 << 10;
/// How much of a result is kept in the record, in bytes.
const MAX_KEPT_RESULT: usize = 4 << 10;

/// The end of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunReport {
    /// What the action returned, or why it failed.
    pub result: Result<Returned, Failure>,
    /// What it logged, in order.
    pub log: Vec<LogLine>,
    /// What it used.
    pub used: Used,
    /// When it began.
    pub started_at: UnixMillis,
    /// What there is to see of a failure.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// The version of the application's scripts that ran.
    #[serde(default)]
    pub script_version: String,
    /// The host functions that a run by hand has called, in order, the first thousand of them.
    #[serde(default)]
    pub calls: Vec<CallMade>,
}

/// A call of a host function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallMade {
    /// Its name, as in `utils`.
    pub function: String,
    /// When it was called, in milliseconds since the run began.
    pub at_ms: f64,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// What it threw: the code, or the message where there is none.
    pub threw: Option<String>,
}

/// A failure with what there is to see of it, as it is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedFailure {
    /// What the action did.
    #[serde(flatten)]
    pub failure: Failure,
    /// What there is to see of it.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How grave it is.
    pub level: LogLevel,
    /// The text.
    pub text: String,
}

/// What a run used.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Used {
    /// Processor time of the worker.
    pub cpu: Duration,
    /// Time on the wall.
    pub wall: Duration,
    /// The most JavaScript memory, in bytes; 0 where it is not known.
    pub peak_memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u32,
}

impl RunReport {
    /// The typed reason, `completed` included.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match &self.result {
            Ok(_) => "completed",
            Err(failure) => failure.reason.as_str(),
        }
    }

    /// How it failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<RecordedFailure> {
        let failure = self.result.as_ref().err()?.clone();
        Some(RecordedFailure { failure, evidence: self.evidence.clone().unwrap_or_default() })
    }

    /// What the ledger keeps of it.
    pub(super) fn record(
        &self,
        application: &config::Application,
        company: &CompanyId,
        action: &ActionId,
        script_version: &str,
        attempts: u32,
    ) -> RunRecord {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        RunRecord {
            app: application.id.clone(),
            company: company.clone(),
            action: action.to_string(),
            script_version: script_version.to_owned(),
            attempts,
            reason: self.reason(),
            cpu_us: micros(self.used.cpu),
            wall_us: micros(self.used.wall),
            peak_memory_bytes: self.used.peak_memory_bytes,
            host_calls: self.used.host_calls,
            // Strings and numbers: a failure always serializes.
            error: self.failure().and_then(|recorded| serde_json::to_string(&recorded).ok()),
            result: match &self.result {
                Ok(Returned::String(text) | Returned::Json(text)) => Some(cut(text, MAX_KEPT_RESULT)),
                Ok(Returned::Undefined) | Err(_) => None,
            },
            log: self.kept_log(),
            started_at: self.started_at,
        }
    }

    /// One line of text a log line, `level<TAB>text`, line breaks escaped.
    fn kept_log(&self) -> Option<String> {
        let mut kept = String::new();
        for line in &self.log {
            if kept.len() > MAX_LOG {
                kept.push_str("warn\t… the rest was not kept\n");
                break;
            }
            kept.push_str(line.level.as_str());
            kept.push('\t');
            kept.push_str(&cut(&line.text, MAX_LOG).replace('\n', "\\n"));
            kept.push('\n');
        }
        Some(kept).filter(|kept| !kept.is_empty())
    }
}
