//! Asking Twilio while keys rotate: what it refuses for its key is asked with the account's next one.
//!
//! Twilio's console makes the secondary token the primary one at a moment of its own. The parameters list both
//! (`auth_key = [current, next]`), and whichever counts is found out by asking: a request whose key is refused has
//! certainly not been looked at.

use crate::store::KeyVerdict;
use crate::whatsapp::{Account, ReadError, SendOutcome};

/// Asks with one key after another, until one is not refused or there is none left; gives also who was signed in last.
pub(super) fn read_as<T>(
    account: &Account,
    ask: impl Fn(&Account) -> Result<T, ReadError>,
) -> (Account, Result<T, ReadError>) {
    let mut account = account.clone();
    loop {
        match ask(&account) {
            Err(ReadError::Refused(refusal)) if refusal.is_of_the_key() && next_key(&mut account) => {}
            answer => return (account, answer),
        }
    }
}

/// Puts the account's next key in the place of its first; `false`: there is none.
pub(super) fn next_key(account: &mut Account) -> bool {
    if account.spares.is_empty() {
        return false;
    }
    account.password = account.spares.remove(0);
    true
}

/// What the outcome of a send says of the key that it was made with.
pub(super) fn verdict(outcome: &SendOutcome) -> Option<KeyVerdict> {
    match outcome {
        SendOutcome::Sent(_) => Some(KeyVerdict::Taken),
        SendOutcome::Refused(refusal) if refusal.is_of_the_key() => Some(KeyVerdict::Refused),
        _ => None,
    }
}
