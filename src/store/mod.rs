//! Everything that is kept: two kinds of SQLite database in the data folder.
//!
//! * `host.db` ([`HostDb`]): the inbox of notifications, the ledger of messages, the record of runs, and sealed the keys
//!   that actions bring along ([`KeyRing`] has them open). One writer
//!   thread ([`Inbox`]) commits whatever waits as one batch; readers stand beside it.
//! * `apps/<appId>.db` ([`AppDb`]): an author's own tables, and beside them, shielded by an authorizer, what makes
//!   a run happen once: `_host_done` and `_host_journal`.
//!
//! Two files, because acknowledging must never wait for an action, and because a transaction over two attached
//! databases in WAL mode is not atomic. Both are `synchronous=FULL`: what a COMMIT confirmed survives a power cut.
//!
//! What is past its time leaves both kinds ([`Inbox::sweep`], [`Pruner`]); [`backup()`] copies both.
//!
//! SQL stands in this folder and nowhere else. Knows [`crate::base`] and [`crate::config`] only.

mod accounts;
mod app_db;
mod authorizer;
mod backup;
mod bell;
mod data_dir;
mod digits;
mod error;
mod exposed;
mod fenced;
mod fences;
mod filter;
mod forget;
mod guarded;
mod heap;
mod history;
mod host_db;
mod host_key;
mod inbox;
mod journal;
mod key_ring;
mod ledger;
mod line;
mod migrations;
mod person;
mod polls;
mod prune;
mod records;
mod replay;
mod report;
mod retention;
mod room;
mod rows;
mod settlement;
mod spent;
mod statement;
mod sweep;
mod traces;
mod waiting;
mod windows;
mod writes;

pub use accounts::{AccountRow, BroughtKey, ForgetKeys, KeyPlace, KeyVerdict};
pub use app_db::{AppDb, SqlLimits};
pub use backup::{Backup, BackupError, Copied, backup};
pub use bell::PollBell;
pub use data_dir::{DataDir, DataLock};
pub use error::{StoreError, begin_anew};
pub use exposed::{exposed_folder, exposed_key};
pub use fences::{Closed, Fence, OPT_OUT_CODES, OptOutRow, PauseRow, Writer};
pub use filter::Filter;
pub use forget::{AT_ONCE, Erase, Erasure, FORGOTTEN};
pub use history::HistoryEntry;
pub use host_db::{HostDb, HostId};
pub use host_key::HostKey;
pub use inbox::{Inbox, InboxClosed, News};
pub use journal::{Journal, JournalCall, JournalOrigin};
pub use key_ring::KeyRing;
pub use ledger::{Ledger, peek};
pub use line::{Conversation, Line};
pub use migrations::{Migration, gone_migrations, read_migrations, refused_migrations};
pub use person::{Concerned, Mention, Person};
pub use polls::{Learnt, Polled, PolledMessage, SEND_NOT_FOUND};
pub use prune::{PruneWalk, Pruner};
pub use records::{
    Accepted, Finished, Mark, NewMessage, NewNotification, Receipt, RunRecord, SendRecord, Source,
};
pub use replay::{NotReplayed, ReplayOrder, Replayed, Which};
pub use report::{By, Dimension, ReportRow};
pub use retention::{CutOffs, Swept};
pub use rows::{MessageRow, NotificationRow, NotificationState, ReplayRow, RunRow};
pub use settlement::{Fate, SETTLED_NOT_SENT, Settled, Settlement};
pub use spent::{SentBefore, SentLately};
pub use statement::{Parameters, ScriptSqlError, SqlValue};
pub use traces::traces;
pub use waiting::{Piece, Scheduled, Waiting, weight};
pub use windows::{Correspondent, Opening, WindowRow};
