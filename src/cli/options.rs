//! What can be said on the command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::base::{NotificationId, PhoneNumber, UnixMillis};
use crate::cli::report::ReportOptions;
use crate::cli::send::SendOptions;
use crate::cli::typed::{address, moment, number};
use crate::config::Address;

/// An embedded JavaScript scripting host for WhatsApp applications.
#[derive(Debug, Parser)]
#[command(name = "boatswain", version, propagate_version = true)]
pub(super) struct Options {
    /// Application parameters [default: app-params.toml].
    #[arg(long, global = true, env = "BOATSWAIN_PARAMS", value_name = "FILE")]
    pub(super) params: Option<PathBuf>,
    /// Folder of the actions [default: `scripts` beside the parameters].
    #[arg(long, global = true, env = "BOATSWAIN_SCRIPTS", value_name = "DIR")]
    pub(super) scripts: Option<PathBuf>,
    /// Folder of the public files [default: `public` beside the parameters].
    #[arg(long, global = true, env = "BOATSWAIN_PUBLIC", value_name = "DIR")]
    pub(super) public: Option<PathBuf>,
    /// Folder of the databases [default: as the parameters say].
    #[arg(long, global = true, env = "BOATSWAIN_DATA", value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// How the log is written to stderr.
    #[arg(long, global = true, env = "BOATSWAIN_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Options {
    /// The parameter file: the one that was named, or the usual one.
    pub(super) fn params(&self) -> &Path {
        self.params.as_deref().unwrap_or(Path::new("app-params.toml"))
    }

    /// The folder of the actions: the one that was named, or the usual one beside the parameters.
    pub(super) fn scripts(&self) -> PathBuf {
        self.scripts.clone().unwrap_or_else(|| self.params().with_file_name("scripts"))
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The whole tour in a temporary folder: no network, no account.
    Demo {
        /// Goes on serving after the tour, until Ctrl-C: the phones are in a browser.
        #[arg(long)]
        stay: bool,
    },
    /// The host; also the simulator where an application uses it.
    Serve {
        /// Where to listen, instead of `[host] listen`.
        #[arg(long, value_name = "ADDR", value_parser = address)]
        listen: Option<Address>,
    },
    /// Runs one action: its return value on stdout, log and errors on stderr.
    Run(RunOptions),
    /// Checks parameters, scripts, migrations and tests: every problem at once.
    Check {
        /// One object a line.
        #[arg(long)]
        json: bool,
        /// Also asks Twilio about credentials and senders, and the public URL for an answer.
        #[arg(long)]
        online: bool,
    },
    /// Runs the tests of actions, `scripts/<appId>/**.test.js`.
    Test {
        /// Only those with this in their file or name.
        filter: Option<String>,
        /// One object a line.
        #[arg(long)]
        json: bool,
    },
    /// The simulator alone.
    Simulator {
        /// Where to listen, instead of `[simulator] listen`.
        #[arg(long, value_name = "ADDR", value_parser = address)]
        listen: Option<Address>,
    },
    /// Makes a new application, with a test and a section in the parameters.
    New {
        /// Its name.
        #[arg(value_name = "APP")]
        app: String,
    },
    /// Sends one message, to see that everything is set up.
    Send(SendOptions),
    /// What became of a message: its notifications, the runs and their logs, as one story.
    Trace {
        #[command(flatten)]
        show: ShowOptions,
        #[command(flatten)]
        sight: Sight,
    },
    /// Messages that were sent.
    Messages {
        #[command(subcommand)]
        command: MessagesCommand,
    },
    /// Notifications that came, and what became of them.
    Notifications {
        #[command(subcommand)]
        command: NotificationCommand,
    },
    /// Runs of actions.
    Runs {
        #[command(subcommand)]
        command: RunsCommand,
    },
    /// Everything that the host keeps about a phone number, as one JSON document.
    Export {
        /// The number, in its international form.
        #[arg(value_parser = number)]
        number: PhoneNumber,
        /// On one line.
        #[arg(long)]
        json: bool,
    },
    /// Erases a phone number from what the host keeps.
    Forget {
        /// The number, in its international form.
        #[arg(value_parser = number)]
        number: PhoneNumber,
        /// Only says what would go.
        #[arg(long)]
        dry_run: bool,
        /// One object on one line.
        #[arg(long)]
        json: bool,
    },
    /// Stops an application or a company from sending; without one, lists what is paused.
    Pause {
        /// The application.
        #[arg(value_name = "APP")]
        app: Option<String>,
        /// Only this company of it.
        #[arg(long, value_name = "ID", requires = "app")]
        company: Option<String>,
        /// Why: actions and people are told.
        #[arg(long, value_name = "TEXT", requires = "app")]
        reason: Option<String>,
    },
    /// Lets an application or a company send again.
    Resume {
        /// The application.
        #[arg(value_name = "APP")]
        app: String,
        /// Only this company of it.
        #[arg(long, value_name = "ID")]
        company: Option<String>,
    },
    /// Recipients who do not want to be written to.
    OptOuts {
        #[command(subcommand)]
        command: OptOutsCommand,
    },
    /// Keys that actions have sent with (`...WithSettings`): which accounts, never the keys.
    Accounts {
        #[command(subcommand)]
        command: AccountsCommand,
    },
    /// A consistent copy of all databases as a tar archive, also while the host is up.
    Backup {
        /// The archive to write.
        file: PathBuf,
        /// Replaces an archive that is there.
        #[arg(long)]
        force: bool,
    },
    /// Writes `boatswain.d.ts` into the folder of the actions: editors complete and check actions by it.
    Types {
        /// Writes nothing, and fails if the file is not as it would be written.
        #[arg(long)]
        check: bool,
    },
    /// What an error code means and what to do, ours and Twilio's.
    Explain {
        /// `63016`, `UNKNOWN_KEY`, …
        code: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    /// `<appId>/<actionId>`.
    #[arg(value_name = "APP/ACTION")]
    pub(super) action: String,
    /// The action's `vo`: JSON, `@FILE`, or `-` for stdin.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(super) vo: String,
    /// The company in whose name it runs.
    #[arg(long, value_name = "ID")]
    pub(super) company: Option<String>,
    /// Shows on stderr which host functions were called, when, and how long each took.
    #[arg(long)]
    pub(super) calls: bool,
    /// Shows functions of the engine and the host in the stack of a failure too.
    #[arg(long)]
    pub(super) full_stack: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum OptOutsCommand {
    /// Who has opted out, of whom and how that became known.
    List {
        /// Of one application.
        #[arg(long, value_name = "ID")]
        app: Option<String>,
        /// Of one company.
        #[arg(long, value_name = "ID")]
        company: Option<String>,
        /// Shows the whole numbers.
        #[arg(long)]
        unmask: bool,
        /// One object a line.
        #[arg(long)]
        json: bool,
    },
    /// A recipient has said that he does not want to be written to.
    Add(Whom),
    /// A recipient has said that he wants to be written to again.
    Remove(Whom),
}

/// A recipient and who may not write to him.
#[derive(Debug, Args)]
pub(super) struct Whom {
    /// The number, in international form.
    pub(super) number: String,
    /// The application.
    #[arg(long, value_name = "ID")]
    pub(super) app: String,
    /// The company.
    #[arg(long, value_name = "ID", default_value = "NODEFINED")]
    pub(super) company: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum MessagesCommand {
    /// The newest first.
    List {
        #[command(flatten)]
        list: ListOptions,
        /// To this number, in its international form.
        #[arg(long, visible_alias = "recipient", value_name = "NUMBER", value_parser = number)]
        to: Option<PhoneNumber>,
        #[command(flatten)]
        sight: Sight,
    },
    /// One, with its history, its notifications and where Twilio shows it.
    Show {
        #[command(flatten)]
        show: ShowOptions,
        #[command(flatten)]
        sight: Sight,
    },
    /// How many there were, what became of them and what they cost.
    Report(ReportOptions),
    /// Says what became of a message in doubt, when you have found it out.
    Settle(SettleOptions),
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("fate").required(true).args(["sent", "not_sent"])))]
pub(super) struct SettleOptions {
    /// The host's id of the message.
    pub(super) id: String,
    /// Twilio has it, under this SID: its status is asked for.
    #[arg(long, value_name = "SID")]
    pub(super) sent: Option<String>,
    /// Twilio does not have it: it failed.
    #[arg(long)]
    pub(super) not_sent: bool,
    #[command(flatten)]
    pub(super) sight: Sight,
    /// One object on one line.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountsCommand {
    /// The accounts whose keys are remembered.
    List(AccountsOptions),
    /// Forgets an account's keys: its callbacks are refused until an action sends with it again.
    Remove(RemoveOptions),
}

#[derive(Debug, Args)]
pub(super) struct AccountsOptions {
    /// Of one application.
    #[arg(long, value_name = "ID")]
    pub(super) app: Option<String>,
    /// Of one company.
    #[arg(long, value_name = "ID")]
    pub(super) company: Option<String>,
    /// One object a line.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveOptions {
    /// The account's SID.
    #[arg(value_name = "ACCOUNT")]
    pub(super) account: String,
    /// Of one application only.
    #[arg(long, value_name = "ID")]
    pub(super) app: Option<String>,
    /// Of one company only.
    #[arg(long, value_name = "ID")]
    pub(super) company: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum NotificationCommand {
    /// The newest first.
    List {
        #[command(flatten)]
        list: ListOptions,
        #[command(flatten)]
        sight: Sight,
    },
    /// One, with its form, its run and what that has sent.
    Show {
        #[command(flatten)]
        show: ShowOptions,
        #[command(flatten)]
        sight: Sight,
    },
    /// Runs dead notifications again: the same runs, which go on where they stopped and send nothing twice.
    Replay(ReplayOptions),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(super) struct ReplayOptions {
    /// The ids of dead notifications.
    #[arg(value_name = "ID", group = "which", conflicts_with_all = ["all", "app", "company"])]
    pub(super) ids: Vec<NotificationId>,
    /// All that are dead.
    #[arg(long, group = "which")]
    pub(super) all: bool,
    /// The dead of one application.
    #[arg(long, value_name = "ID", group = "which")]
    pub(super) app: Option<String>,
    /// The dead of one company.
    #[arg(long, value_name = "ID", group = "which")]
    pub(super) company: Option<String>,
    /// Starts the runs anew, after a script was mended: what they sent before they may SEND AGAIN.
    #[arg(long)]
    pub(super) resend: bool,
    #[command(flatten)]
    pub(super) sight: Sight,
    /// One object a line.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// The newest first.
    List(ListOptions),
    /// One, with its log; of one that failed the code, the stack, its `vo` and how to run it again.
    Show {
        #[command(flatten)]
        show: ShowOptions,
        /// Shows functions of the engine and the host in the stack of a failure too.
        #[arg(long)]
        full_stack: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct ShowOptions {
    /// Its id; for a message also Twilio's sid.
    pub(super) id: String,
    /// One object on one line.
    #[arg(long)]
    pub(super) json: bool,
}

/// Whether recipients are shown.
#[derive(Debug, Args)]
pub(super) struct Sight {
    /// Shows recipients' numbers whole, not as `+39…67`.
    #[arg(long, visible_aliases = ["unmasked", "recipients"])]
    pub(super) unmask: bool,
}

/// Which rows.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Of one application.
    #[arg(long, value_name = "ID")]
    pub(super) app: Option<String>,
    /// Of one company.
    #[arg(long, value_name = "ID")]
    pub(super) company: Option<String>,
    /// From then on: a date, a moment (`2026-11-22T18:30:00Z`) or an age (`2h`, `7d`).
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(super) since: Option<UnixMillis>,
    /// Before then.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(super) until: Option<UnixMillis>,
}

#[derive(Debug, Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    pub(super) which: Which,
    /// A message's status, a notification's state, a run's reason.
    #[arg(long, value_name = "WORD")]
    pub(super) status: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) limit: u32,
    /// One object a line.
    #[arg(long)]
    pub(super) json: bool,
}
