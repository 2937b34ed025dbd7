//! A slot: a thread that claims a batch, runs it in a worker, and claims again.

use std::sync::Arc;

use crate::base::stage;
use crate::pipeline::application::{Application, Claimed};
use crate::pipeline::batch::Batch;
use crate::script::give_way;

/// By how much a slot is nicer than the threads that take in what Twilio says.
const GIVES_WAY: i32 = 2;

/// The thread's life: as long as there is something to do, and [`IDLE`](super::application::IDLE) more.
///
/// A fault of the host's own (a panic) while it converses with a worker is a run's failure and ends here nowhere: see
/// [`Batch`]. One in what remains, the bookkeeping of claims and commits, leaves state behind that nobody vouches for. The
/// application then stands still, and the others go on: to end the process would take them along, again at each start if
/// it is the same notification that brings it about.
pub(super) fn work(application: &Arc<Application>) {
    // The host acknowledges first.
    let _ = give_way(GIVES_WAY);
    let life = stage::catch(|| {
        while let Some(Claimed { edition, baton, work }) = application.claim() {
            let baton = Batch::new(application, edition, baton).run(work);
            application.end_batch(baton);
        }
    });
    if life.is_err() {
        tracing::error!(
            app = %application.id,
            "nothing of this application may run any more until the host is restarted: nothing is lost"
        );
    }
}
