//! The keys that actions have brought along, in memory: what callbacks are verified with and Twilio is asked with.
//!
//! It holds what `host.db` has, read when the host starts and put here by the inbox's writer after each COMMIT that
//! changed something, before anybody hears of that COMMIT. Nobody can list it or take anything out but by its place.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::base::{Secret, UnixMillis};
use crate::store::accounts::{KEPT, SealedKey, UNCONFIRMED_FOR, sealed_keys};
use crate::store::{BroughtKey, HostDb, HostKey, KeyPlace, StoreError};

/// Remembered keys. Cheap to clone; all clones are one. The default one has no key of the host's and remembers nothing.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    host: Option<HostKey>,
    places: Arc<RwLock<BTreeMap<KeyPlace, Vec<Remembered>>>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    secret: Secret,
    confirmed: bool,
    used_at: UnixMillis,
}

impl KeyRing {
    /// Reads what `host.db` remembers. What another `host.key` has sealed is left out, with a warning.
    ///
    /// # Errors
    /// When the database fails.
    pub fn open(db: &HostDb, host: HostKey) -> Result<Self, StoreError> {
        let ring = Self { host: Some(host), places: Arc::default() };
        let rows = sealed_keys(&db.connection)?;
        let there = rows.len();
        let unreadable = there - ring.put_all(rows);
        if unreadable > 0 {
            tracing::warn!(
                unreadable,
                of = there,
                "keys of `...WithSettings` in host.db were sealed with another host.key and cannot be used: callbacks \
                 about messages sent with them are refused until each has sent again (docs/operations.md)"
            );
        }
        Ok(ring)
    }

    /// The keys that count at a place: those that Twilio has taken a message with first, the last used before the others.
    #[must_use]
    pub fn keys(&self, place: &KeyPlace, now: UnixMillis) -> Vec<Secret> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let keys = places.get(place).map(Vec::as_slice).unwrap_or_default();
        let counts = |key: &&Remembered| key.confirmed || key.used_at.plus(UNCONFIRMED_FOR) >= now;
        keys.iter().filter(counts).map(|key| key.secret.clone()).collect()
    }

    /// How many keys one place has at most: none as long as none is remembered anywhere.
    #[must_use]
    pub fn most(&self) -> usize {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        if places.is_empty() { 0 } else { 2 * KEPT as usize } // confirmed ones, and others
    }

    /// A key of this place that Twilio has not said anything of yet, ready to be judged.
    #[must_use]
    pub fn unconfirmed(&self, place: &KeyPlace, secret: &Secret) -> Option<Arc<BroughtKey>> {
        let host = self.host.as_ref()?;
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |key: &Remembered| !key.confirmed && key.secret == *secret;
        let found = places.get(place).is_some_and(|keys| keys.iter().any(is_it));
        drop(places);
        found.then(|| BroughtKey::new(host, place.clone(), secret).ok().map(Arc::new)).flatten()
    }

    /// Takes over all that is kept; gives how many keys could be read.
    pub(super) fn put_all(&self, rows: Vec<(KeyPlace, SealedKey)>) -> usize {
        let mut all: BTreeMap<KeyPlace, Vec<SealedKey>> = BTreeMap::new();
        for (place, key) in rows {
            all.entry(place).or_default().push(key);
        }
        let all: BTreeMap<_, _> =
            all.into_iter().map(|(place, keys)| (place.clone(), self.opened(&place, &keys))).collect();
        let readable = all.values().map(Vec::len).sum();
        *self.places.write().unwrap_or_else(PoisonError::into_inner) = all;
        readable
    }

    /// Takes over what is kept at a place.
    pub(super) fn put(&self, place: KeyPlace, keys: &[SealedKey]) {
        let keys = self.opened(&place, keys);
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        if keys.is_empty() {
            places.remove(&place);
        } else {
            places.insert(place, keys);
        }
    }

    fn opened(&self, place: &KeyPlace, keys: &[SealedKey]) -> Vec<Remembered> {
        let Some(host) = &self.host else { return Vec::new() };
        let opened = keys.iter().filter_map(|key| {
            let secret = key.open(host, place)?;
            Some(Remembered { secret, confirmed: key.confirmed, used_at: key.used_at })
        });
        let mut opened: Vec<_> = opened.collect();
        opened.sort_by_key(|key| std::cmp::Reverse((key.confirmed, key.used_at)));
        opened
    }
}
