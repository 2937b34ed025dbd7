//! Changing the accounts of a simulator that is up, as the parameters change that they came from.

use std::sync::Arc;

use url::Url;

use super::{Shared, SimulatedAccount};

/// See the module. Once the simulator is down, nothing comes of it.
#[derive(Clone)]
pub struct Registrar(pub(super) Arc<Shared>);

impl Registrar {
    /// What one description of accounts said is taken away, and what another says is registered. What was registered
    /// besides stays; an account without a token left is none.
    pub fn replace(&self, before: &[SimulatedAccount], after: Vec<SimulatedAccount>) {
        let mut state = self.0.state();
        for account in before {
            if let Some(known) = state.accounts.get_mut(&account.sid) {
                known.withdraw(account);
            }
        }
        for account in after {
            state.register(account);
        }
        state.accounts.retain(|_, account| !account.auth_tokens.is_empty());
    }

    /// As [`Simulator::allow_media_from`](super::Simulator::allow_media_from).
    pub fn allow_media_from(&self, url: &Url) {
        self.0.state().media_origins.push(url.origin());
    }
}
