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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::base::{AccountSid, Secret};
    use crate::whatsapp::Refusal;
    use crate::whatsapp::twilio::Hidden;

    fn account(keys: &[&str]) -> Account {
        let sid = AccountSid::parse(&format!("AC{:032x}", 1)).unwrap();
        let mut keys = keys.iter().copied().map(Secret::new);
        Account {
            username: sid.to_string(),
            sid,
            password: keys.next().unwrap(),
            spares: keys.collect(),
            api_base_url: "http://127.0.0.1:9".parse().unwrap(),
        }
    }

    fn refusal(http_status: u16, code: Option<i64>) -> Refusal {
        Refusal { http_status, code, message: Hidden::default(), more_info: None }
    }

    #[test]
    fn what_is_refused_for_its_key_is_asked_with_the_next_one_and_nothing_else_is() {
        let asked = RefCell::new(Vec::new());
        let ask = |keys: &[&str], answers: &[Result<(), ReadError>]| {
            let (signed_in, answer) = read_as(&account(keys), |account| {
                asked.borrow_mut().push(account.password.expose().to_owned());
                answers[asked.borrow().len() - 1].clone()
            });
            (asked.take().concat(), signed_in.password.expose().to_owned(), answer)
        };
        let no = || Err(ReadError::Refused(refusal(401, None)));
        assert_eq!(ask(&["a", "b"], &[Ok(())]), ("a".into(), "a".into(), Ok(())));
        assert_eq!(ask(&["a", "b", "c"], &[no(), no(), Ok(())]), ("abc".into(), "c".into(), Ok(())));
        assert_eq!(ask(&["a", "b"], &[no(), no()]), ("ab".into(), "b".into(), no()));
        for error in [
            ReadError::NotFound,
            ReadError::Refused(refusal(403, Some(20404))),
            ReadError::TooManyRequests { retry_after: None },
            ReadError::Unclear("?".into()),
        ] {
            assert_eq!(ask(&["a", "b"], &[Err(error.clone())]), ("a".into(), "a".into(), Err(error)));
        }
    }

    #[test]
    fn only_a_refusal_of_the_key_says_that_it_is_wrong() {
        let refused = |status, code| verdict(&SendOutcome::Refused(refusal(status, code)));
        assert_eq!(refused(401, None), Some(KeyVerdict::Refused));
        assert_eq!(refused(403, Some(20003)), Some(KeyVerdict::Refused));
        assert_eq!(refused(400, Some(21211)), None);
        assert_eq!(verdict(&SendOutcome::InDoubt { message: Hidden::default() }), None);
    }
}
