//! The thread that starts all workers of this process.
//!
//! A worker asks the system to be killed when its parent ends, and for that the parent is the *thread* that started it.
//! Threads that run actions come and go, and hand workers on to each other; this one stays for as long as the process.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{SendError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};

type Order = (Command, SyncSender<io::Result<Child>>);

/// Starts a process that dies with this one, if it asks for that.
///
/// # Errors
/// What the system says.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, taken) = channel::<Order>();
        let started = std::thread::Builder::new().name("workers".to_owned()).spawn(move || {
            for (mut command, reply) in taken {
                let _ = reply.send(command.spawn()); // who asked may be gone: then the child's pipes close
            }
        });
        if let Err(error) = started {
            tracing::error!(%error, "no thread to start workers");
        }
        Mutex::new(orders)
    });
    let (reply, answer) = sync_channel(1);
    let sent = orders.lock().unwrap_or_else(PoisonError::into_inner).send((command, reply));
    match sent {
        Ok(()) => answer.recv().map_err(io::Error::other)?,
        Err(SendError((mut command, _))) => command.spawn(), // without the thread, a worker dies with this one
    }
}
