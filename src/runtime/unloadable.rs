//! Which scripts of an application that comes into force cannot be loaded. They keep nothing out and fail their own runs, so
//! they would come to light with the first of these, which may be weeks later. They are judged beside the host that is at
//! work already, as changes are, and told in the same words.

use std::sync::Arc;

use crate::config::Application;
use crate::pipeline::sandbox_limits;
use crate::runtime::tell;
use crate::script::protocol::Bundle;
use crate::script::{WorkerCommand, judge};

/// Has them told soon; nobody waits for it.
pub(super) fn look_for(worker: &WorkerCommand, applications: Vec<(Arc<Application>, Arc<Bundle>)>) {
    let worker = worker.clone();
    tokio::task::spawn_blocking(move || {
        for (parameters, bundle) in applications {
            let limits = sandbox_limits(&parameters.limits);
            let found = judge::problems(&worker, &limits, &bundle);
            // Where there is no judge, nothing is known of the scripts.
            let (unknown, found): (Vec<_>, _) =
                found.into_iter().partition(|one| one.code == judge::NO_JUDGE);
            for problem in &unknown {
                tell::warning(Some(&parameters.id), problem);
            }
            tell::unloadable(&parameters.id, &found);
        }
    });
}
