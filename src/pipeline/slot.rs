//! A slot: a thread that claims a batch, runs it in a worker, and claims again.

use std::sync::Arc;

use crate::pipeline::application::Application;
use crate::pipeline::batch::Batch;
use crate::script::give_way;

/// By how much a slot is nicer than the threads that take in what Twilio says.
const GIVES_WAY: i32 = 2;

/// The thread's life: as long as there is something to do, and [`IDLE`](super::application::IDLE) more.
pub(super) fn work(application: &Arc<Application>) {
    // The host acknowledges first.
    let _ = give_way(GIVES_WAY);
    while let Some((baton, work)) = application.claim() {
        let baton = Batch::new(application, baton).run(work);
        application.end_batch(baton);
    }
}
