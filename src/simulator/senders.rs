//! Which sender a messaging service chooses.
//!
//! One that has written to a recipient stays with that recipient (the sticky sender); recipients are spread over the
//! senders. Source: <https://www.twilio.com/docs/messaging/services#sticky-sender>.

use std::collections::HashMap;

use super::accounts::{MessagingService, SimulatedAccount};
use super::address::Address;
use super::error::ApiError;
use super::rules::Rules;

/// The senders that services have chosen so far, by service and recipient.
#[derive(Debug, Default)]
pub(super) struct StickySenders(HashMap<String, HashMap<Address, Address>>);

impl StickySenders {
    /// The sender of a service for a recipient; `asked` is the one that the request named itself.
    pub(super) fn choose(
        &mut self,
        (account, rules): (&SimulatedAccount, Rules),
        service: &str,
        to: &Address,
        asked: Option<Address>,
    ) -> Result<Address, ApiError> {
        let pool = pool(account, rules, service)?;
        if let Some(asked) = asked {
            return if pool.contains(&&asked) {
                Ok(asked)
            } else {
                let message =
                    format!("The 'From' number {asked} is not a sender of the Messaging Service {service}.");
                Err(ApiError::new(21712, message))
            };
        }
        let chosen = self.0.entry(service.to_owned()).or_default();
        if let Some(known) = chosen.get(to).filter(|known| pool.contains(known)) {
            return Ok(known.clone());
        }
        let index = chosen.len() % pool.len().max(1);
        let sender = pool.get(index).copied().cloned().ok_or_else(|| {
            ApiError::new(21703, "The Messaging Service contains no phone numbers or senders to send with.")
        })?;
        chosen.insert(to.clone(), sender.clone());
        Ok(sender)
    }
}

/// The senders of a service.
///
/// # Errors
/// 21701: the account has no such service.
pub(super) fn pool<'a>(
    account: &'a SimulatedAccount,
    rules: Rules,
    service: &str,
) -> Result<Vec<&'a Address>, ApiError> {
    let services = &account.messaging_services;
    let own = match services.iter().find(|known| known.sid == service) {
        Some(MessagingService { senders, .. }) => senders.iter().collect(),
        None if services.is_empty() && rules == Rules::Open => Vec::new(),
        None => return Err(ApiError::new(21701, format!("The Messaging Service {service} does not exist."))),
    };
    Ok(if own.is_empty() { account.senders.iter().map(|sender| &sender.number).collect() } else { own })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountSid, Secret};

    const SERVICE: &str = "MG00000000000000000000000000000001";

    fn address(last: u32) -> Address {
        format!("+1415523{last:04}").parse().unwrap()
    }

    fn account(services: Vec<MessagingService>) -> SimulatedAccount {
        let sid = AccountSid::parse("AC00000000000000000000000000000001").unwrap();
        let account = SimulatedAccount::new(sid, Secret::new("t"), [address(1), address(2), address(3)]);
        SimulatedAccount { messaging_services: services, ..account }
    }

    fn service(sid: &str, senders: &[u32]) -> MessagingService {
        MessagingService { sid: sid.to_owned(), senders: senders.iter().copied().map(address).collect() }
    }

    #[test]
    fn a_recipient_keeps_its_sender_and_recipients_are_spread() {
        let account = account(vec![service(SERVICE, &[2, 3])]);
        let mut senders = StickySenders::default();
        let mut choose =
            |to| senders.choose((&account, Rules::Production), SERVICE, &address(to), None).unwrap();
        assert_eq!([choose(10), choose(11), choose(12)], [address(2), address(3), address(2)]);
        assert_eq!([choose(11), choose(10)], [address(3), address(2)]);
    }

    #[test]
    fn a_sender_that_left_the_service_is_replaced() {
        let mut senders = StickySenders::default();
        let before = account(vec![service(SERVICE, &[1])]);
        let after = account(vec![service(SERVICE, &[2])]);
        let mut choose =
            |account| senders.choose((account, Rules::Open), SERVICE, &address(10), None).unwrap();
        assert_eq!([choose(&before), choose(&after), choose(&after)], [address(1), address(2), address(2)]);
    }

    #[test]
    fn only_the_accounts_own_services_send() {
        let code = |services, rules, asked: Option<u32>| {
            let mut senders = StickySenders::default();
            let account = account(services);
            let chosen = senders.choose((&account, rules), SERVICE, &address(10), asked.map(address));
            chosen.map_err(|error| error.code)
        };
        assert_eq!(code(vec![], Rules::Open, None), Ok(address(1)), "nothing is known: anything goes");
        assert_eq!(code(vec![], Rules::Production, None), Err(21701));
        assert_eq!(code(vec![service("MG2", &[1])], Rules::Open, None), Err(21701));
        assert_eq!(code(vec![service(SERVICE, &[])], Rules::Production, None), Ok(address(1)));
        assert_eq!(code(vec![service(SERVICE, &[2])], Rules::Open, Some(2)), Ok(address(2)));
        assert_eq!(code(vec![service(SERVICE, &[2])], Rules::Open, Some(1)), Err(21712));
    }
}
