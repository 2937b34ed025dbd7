//! What of an application's changes can be taken over: each part by itself, and then together.

use std::sync::Arc;

use crate::base::{ActionId, Diagnostic, Place, Severity};
use crate::config::{self, Params};
use crate::pipeline::sandbox_limits;
use crate::runtime::named::{actions, unknown_action};
use crate::runtime::reading::Seen;
use crate::runtime::reload::{Inner, blocking};
use crate::runtime::simulated::uses_simulator;
use crate::script::protocol::Bundle;
use crate::script::{catalogue, judge};
use crate::whatsapp::SignedUrls;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub parameters: bool,
    pub scripts: bool,
}

impl Choice {
    pub const NOTHING: Self = Self { parameters: false, scripts: false };

    /// The most of it that fits together, and why that is not all.
    pub fn fitting(self, problems: impl Fn(Self) -> Vec<Diagnostic>) -> (Self, Vec<Diagnostic>) {
        let whole = problems(self);
        if whole.is_empty() {
            return (self, whole);
        }
        let parts = [Self { scripts: false, ..self }, Self { parameters: false, ..self }];
        let part = parts.into_iter().find(|part| *part != self && problems(*part).is_empty());
        (part.unwrap_or(Self::NOTHING), whole)
    }
}

impl Inner {
    /// Whether an application's parameters can come into force while the host runs; what signs its URLs then.
    pub(super) async fn judge_parameters(&self, seen: &Seen) -> Result<Option<Arc<SignedUrls>>, Diagnostic> {
        if uses_simulator(&seen.parameters) && self.simulator.is_none() {
            let message = format!(
                "the application `{}` uses the simulator, and this host was started without one",
                seen.parameters.id
            );
            return Err(Diagnostic::error("NEXT_START", message)
                .at(Place::file(&self.started.file))
                .help("restart the host, and it brings a simulator along"));
        }
        seen.storage().await
    }

    /// What is wrong with scripts that are new.
    pub(super) async fn judge_scripts(&self, seen: &Seen, before: &Seen) -> Vec<Diagnostic> {
        let mut problems: Vec<_> = seen.bundle.as_ref().err().into_iter().cloned().collect();
        problems.extend(seen.migrations.as_ref().err().cloned());
        let (files, worker) = (seen.new_files(before), self.ground.worker.clone());
        let limits = sandbox_limits(&seen.parameters.limits);
        let judged = blocking(move || Ok(judge::problems(&worker, &limits, &files))).await;
        let judged = judged.unwrap_or_else(|problem| vec![problem]);
        problems.extend(judged.into_iter().filter(|problem| problem.severity == Severity::Error));
        problems
    }

    /// The actions that parameters name and scripts do not have, and of which that was not so before.
    pub(super) fn vanished(&self, choice: Choice, seen: &Seen, before: &Seen) -> Vec<Diagnostic> {
        let parameters = if choice.parameters { seen } else { before };
        let scripts = if choice.scripts { seen } else { before };
        let none = Bundle::default();
        let bundle_of =
            |seen: &Seen| seen.bundle.as_ref().map_or_else(|_| none.clone(), |bundle| Bundle::clone(bundle));
        let (now, then) = (bundle_of(scripts), bundle_of(before));
        let is_in = |bundle: &Bundle, action: &ActionId| {
            catalogue::actions(bundle).any(|known| known == action.as_str())
        };
        let before = actions(&before.parameters);
        actions(&parameters.parameters)
            .into_iter()
            .filter(|(_, action)| !is_in(&now, action))
            .filter(|(_, action)| is_in(&then, action) || !before.iter().any(|(_, named)| named == action))
            .map(|(key, action)| {
                let problem = unknown_action(&parameters.parameters, &now, &self.scripts, key, action);
                let path = ["applications", parameters.parameters.id.as_str(), "WHATSAPP", key];
                problem.at(config::place_of(&self.started.file, &path))
            })
            .collect()
    }
}

/// What of the parameters differs and takes effect at the next start only.
pub(super) fn next_start(started: &Params, now: &Params) -> Option<Diagnostic> {
    let (before, after) = (&started.host, &now.host);
    let keys = [
        ("[host] listen", before.listen != after.listen),
        ("[host] public_url", before.public_url != after.public_url),
        ("[host] data_dir", before.data_dir != after.data_dir),
        ("[host] retention_days", before.retention != after.retention),
        ("[host] dead_retention_days", before.dead_retention != after.dead_retention),
        ("[host] dangerous_local_media", before.dangerous_local_media != after.dangerous_local_media),
        ("[admin] listen", started.admin_listen != now.admin_listen),
        ("[simulator] listen", started.simulator.listen != now.simulator.listen),
        ("[simulator] rules", started.simulator.rules != now.simulator.rules),
    ];
    let keys: Vec<_> = keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect();
    let (first, others) = keys.split_first()?;
    let mut list = (*first).to_owned();
    for key in others {
        list.push_str(", ");
        list.push_str(key);
    }
    let warning =
        Diagnostic::warning("NEXT_START", format!("what has changed takes effect at the next start: {list}"));
    Some(warning.at(Place::file(&now.file)).help("restart the host when it suits"))
}
