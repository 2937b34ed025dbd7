//! What a command works with: the host that is up, or else the data folder itself. The parameter file says where that is.
//!
//! A host goes on with the parameters in force when the file is wrong at the moment, and so do the commands that work through
//! it: all that they need of the file is where the data folder is, and a host answers there or it does not. Without a host
//! they are that host, and a file that is wrong is refused. So is one in which nothing stands: it named a data folder before it
//! was emptied, and what it names now, the usual one, is another.

use std::path::{Path, PathBuf};

use crate::base::Diagnostic;
use crate::cli::options::Options;
use crate::cli::{Failure, output};
use crate::config::{self, Params, Reading};
use crate::control::ControlClient;
use crate::store::DataDir;

/// The data folder that the options mean.
pub(super) struct Reached {
    pub(super) data: PathBuf,
    /// The host that works with it, if one is up.
    pub(super) host: Option<ControlClient>,
}

/// Who does a command's work.
pub(super) enum Worksite {
    /// The host that is up.
    Host {
        host: ControlClient,
        /// What the file says; `None`: it is wrong, and the host has other parameters in force.
        params: Option<Params>,
    },
    /// This process, with these parameters.
    Here(Params),
}

impl Worksite {
    /// The parameters of the file, as far as they are known.
    pub(super) fn params(&self) -> Option<&Params> {
        match self {
            Self::Host { params, .. } => params.as_ref(),
            Self::Here(params) => Some(params),
        }
    }
}

/// Finds the data folder and its host; the parameters are read only where they have to tell it.
///
/// # Errors
/// The problems of the parameters, where no host is up.
pub(super) async fn reach(options: &Options) -> Result<Reached, Failure> {
    if let Some(data) = &options.data {
        return Ok(Reached { host: host_of(data).await, data: data.clone() });
    }
    let (worksite, data) = find(options).await?;
    let host = match worksite {
        Worksite::Host { host, .. } => Some(host),
        Worksite::Here(_) => None,
    };
    Ok(Reached { data, host })
}

/// Finds who does what takes parameters, too.
///
/// # Errors
/// As [`reach`].
pub(super) async fn worksite(options: &Options) -> Result<Worksite, Failure> {
    find(options).await.map(|(worksite, _)| worksite)
}

async fn find(options: &Options) -> Result<(Worksite, PathBuf), Failure> {
    let Reading { outcome, data_dir, blank, .. } = config::read(options.params());
    let outcome = match (blank, &options.data) {
        (None, _) => outcome,
        (Some(blank), Some(_)) => Err(vec![blank]),
        (Some(blank), None) => {
            Err(vec![blank.help("restore it, or say with `--data DIR` where the data folder is")])
        }
    };
    let data = options.data.clone().unwrap_or(data_dir);
    let worksite = match (host_of(&data).await, outcome) {
        (Some(host), Ok(loaded)) => Worksite::Host { host, params: Some(loaded.params) },
        (Some(host), Err(problems)) => {
            if let Some(warning) = not_in_force(&problems, &data) {
                output::problem(&warning);
            }
            Worksite::Host { host, params: None }
        }
        (None, outcome) => Worksite::Here(outcome?.params),
    };
    Ok((worksite, data))
}

async fn host_of(data: &Path) -> Option<ControlClient> {
    ControlClient::find(&DataDir::socket_in(data)).await
}

/// That the file is wrong, by its first problem, and what the host does about it.
fn not_in_force(problems: &[Diagnostic], data: &Path) -> Option<Diagnostic> {
    let (first, others) = problems.split_first()?;
    let more = if others.is_empty() { String::new() } else { format!(" (and {} more)", others.len()) };
    let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
    let message = format!(
        "the parameter file is wrong, and the host that works in {} goes on with the parameters in force: {}{more}",
        data.display(),
        first.message
    );
    let mut warning = Diagnostic::warning(first.code, message)
        .help("mend the file, and the host takes it over; `boatswain check` shows all that is wrong with it");
    warning.place.clone_from(&first.place);
    Some(warning)
}
