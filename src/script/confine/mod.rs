//! What confines a worker, in layers. Each forbids by itself most of what a flaw in the engine could be used for, so that
//! one that fails, or that a kernel does not have, leaves the others standing.
//!
//! | layer | what it takes away |
//! | --- | --- |
//! | [`Layer::NoNewPrivileges`] | rights through other programs (set-user-id) |
//! | [`Layer::Network`] | the network: a namespace of its own with nothing in it |
//! | [`Layer::Landlock`] | files, TCP ports, signals to other processes |
//! | [`Layer::User`] | the rights of root, where the host has them |
//! | [`Layer::ResourceLimits`] | memory, files, processes, core dumps |
//! | [`Layer::Seccomp`] | every system call but two dozen |
//!
//! The first four bind the thread that asks for them and those that it starts, so they come first, while there is one
//! thread; the limits depend on the application; the filter comes last, for nothing else can be set up behind it.

mod calls;
mod identity;
mod landlock;
mod network;
mod seccomp;

use std::io;

use serde::{Deserialize, Serialize};

use super::protocol::at_most;
use crate::base::Diagnostic;

/// More layers than there are.
const MOST_LAYERS: usize = 16;

/// Ends this worker when its host ends. Must come after [`EARLY`].
///
/// # Errors
/// What the system says.
pub fn die_with_host() -> io::Result<()> {
    calls::die_with_parent()
}

/// Makes sure that this process leaves no dump of its memory when it dies: a host's holds secrets.
///
/// # Errors
/// What the system says.
pub fn no_core_dumps() -> io::Result<()> {
    calls::set_limit(libc::RLIMIT_CORE, 0)
}

/// One of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivileges,
    /// An empty network namespace.
    Network,
    /// Landlock, with no rule that allows anything.
    Landlock,
    /// The user `nobody`, where the host runs as root.
    User,
    /// `setrlimit`.
    ResourceLimits,
    /// A filter of system calls that lets an allow-list pass and kills at any other.
    Seccomp,
}

/// The layers that are put in force before there is a second thread, in this order.
pub const EARLY: [Layer; 4] = [Layer::NoNewPrivileges, Layer::Network, Layer::Landlock, Layer::User];

impl Layer {
    /// Its name for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoNewPrivileges => "no_new_privs",
            Self::Network => "network namespace",
            Self::Landlock => "landlock",
            Self::User => "user nobody",
            Self::ResourceLimits => "rlimits",
            Self::Seccomp => "seccomp",
        }
    }

    /// Puts it in force for a worker that may hold `memory_mb` MiB of JavaScript.
    ///
    /// # Errors
    /// Why it cannot be: a kernel that does not have it or does not grant it.
    pub fn apply(self, memory_mb: u32) -> Result<(), Refusal> {
        match self {
            Self::NoNewPrivileges => calls::no_new_privileges().map_err(Refusal::from),
            Self::Network => network::leave(),
            Self::Landlock => landlock::restrict(),
            Self::User => identity::become_nobody(),
            Self::ResourceLimits => limit(memory_mb).map_err(Refusal::from),
            Self::Seccomp => seccomp::filter(),
        }
    }
}

/// Why a layer is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is nothing to take away.
    NotNeeded,
    /// The system does not grant it: what it says.
    Missing(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Missing(error.to_string())
    }
}

/// What confines a worker, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The layers that are in force.
    #[serde(deserialize_with = "at_most::<MOST_LAYERS, _, _>")]
    pub in_force: Vec<Layer>,
    /// Those that the system did not grant, and what it said.
    #[serde(deserialize_with = "at_most::<MOST_LAYERS, _, _>")]
    pub missing: Vec<(Layer, String)>,
}

impl Confinement {
    /// Puts layers in force, as far as the system grants them.
    pub fn add(&mut self, layers: &[Layer], memory_mb: u32) {
        for layer in layers {
            match layer.apply(memory_mb) {
                Ok(()) => self.in_force.push(*layer),
                Err(Refusal::NotNeeded) => {}
                Err(Refusal::Missing(reason)) => self.missing.push((*layer, reason)),
            }
        }
    }

    /// For each layer that is missing, what that means for an administrator.
    #[must_use]
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let warn = |(layer, reason): &(Layer, String)| {
            let message = format!("actions run without {}: {reason}", layer.as_str());
            Diagnostic::warning("CONFINEMENT_MISSING", message)
                .help("the other layers hold; docs/security.md says what this one adds and what it needs")
        };
        self.missing.iter().map(warn).collect()
    }

    /// Whether a layer is in force.
    #[must_use]
    pub fn has(&self, layer: Layer) -> bool {
        self.in_force.contains(&layer)
    }

    /// The layers in force, as a list for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let names: Vec<_> = self.in_force.iter().map(|layer| layer.as_str()).collect();
        names.join(", ")
    }
}

/// Address space beside three times `memory_mb`: the stack, the program, the allocator's reserves.
const ADDRESS_SPACE: u64 = 512 << 20;

/// Bounds what the process may use; that is the same for all its threads.
fn limit(memory_mb: u32) -> io::Result<()> {
    let memory = u64::from(memory_mb) << 20;
    calls::set_limit(libc::RLIMIT_AS, ADDRESS_SPACE + 3 * memory)?;
    for resource in [libc::RLIMIT_CORE, libc::RLIMIT_NPROC, libc::RLIMIT_FSIZE, libc::RLIMIT_MEMLOCK] {
        calls::set_limit(resource, 0)?;
    }
    calls::set_limit(libc::RLIMIT_NOFILE, 8)
}
