//! The keys that what Twilio posts may be signed with.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::base::{AccountSid, AppId, CompanyId, Secret, UnixMillis};
use crate::config::{Application, Whatsapp};
use crate::store::{KeyPlace, KeyRing};

/// The applications with their keys, as they are at the moment.
#[derive(Clone)]
pub struct Applications(Arc<RwLock<Arc<Known>>>);

/// The applications at one moment.
pub(super) struct Known {
    all: BTreeMap<AppId, Arc<Application>>,
    most_named: usize,
}

impl Applications {
    /// The applications of the parameters.
    #[must_use]
    pub fn new(all: BTreeMap<AppId, Arc<Application>>) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Known::new(all)))))
    }

    /// From now on, for requests that come, these.
    pub fn replace(&self, all: BTreeMap<AppId, Arc<Application>>) {
        let known = Arc::new(Known::new(all));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// As they are now: what one request goes by.
    pub(super) fn now(&self) -> Arc<Known> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn new(all: BTreeMap<AppId, Arc<Application>>) -> Self {
        let most_named = all.values().map(|application| most_named(application)).max().unwrap_or(0);
        Self { all, most_named }
    }

    /// One of them.
    pub(super) fn get(&self, id: &AppId) -> Option<&Arc<Application>> {
        self.all.get(id)
    }

    /// As many keys as any account of any application may have, one at least. A refusal costs as many, so that its
    /// time tells nothing about the application that it was asked for.
    pub(super) fn most_keys(&self, ring: &KeyRing) -> usize {
        (self.most_named + ring.most()).max(1)
    }
}

/// The keys that an account's requests to this application and company may be signed with: those that the parameters
/// name, and those that the company's actions brought along.
pub(super) fn keys(
    application: &Application,
    company: &CompanyId,
    account: &AccountSid,
    ring: &KeyRing,
    now: UnixMillis,
) -> Vec<Secret> {
    let sections = [application.whatsapp_of(company), &application.whatsapp];
    let place = KeyPlace { app: application.id.clone(), company: company.clone(), account: account.clone() };
    let mut keys = named(sections, account);
    for key in ring.keys(&place, now) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The keys of the sections that name the account, each once.
fn named(sections: [&Whatsapp; 2], account: &AccountSid) -> Vec<Secret> {
    let mut keys: Vec<Secret> = Vec::new();
    let naming = sections.into_iter().filter(|whatsapp| whatsapp.account_id.as_ref() == Some(account));
    for key in naming.flat_map(|whatsapp| &whatsapp.auth_keys) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

/// The most keys that the parameters name for one company and account of an application.
fn most_named(application: &Application) -> usize {
    let own = &application.whatsapp;
    let companies = application.companies.values().map(|company| &company.whatsapp);
    let counts = companies.chain([own]).flat_map(|section| {
        let accounts = section.account_id.iter().chain(&own.account_id);
        accounts.map(move |account| named([section, own], account).len())
    });
    counts.max().unwrap_or(0)
}
