//! Twilio: accepts messages or not, answers or not, calls back about what it has accepted, and tells of it when asked.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use boatswain::base::{MessageId, MessageSid, MessageStatus, PhoneNumber, UnixMillis, stage};
use boatswain::pipeline::Network;
use boatswain::whatsapp::twilio::Hidden;
use boatswain::whatsapp::{
    Account, IncomingMedium, MediaAddress, Medium, MessageFilter, MessageResource, NotSent, ObjectName,
    OutgoingMessage, ReadError, Refusal, Seen, SendOutcome, Sent, SignedUrls, TransferError, Unprobed,
};

use crate::oracle::Accepted;
use crate::plan::Plan;
use crate::world::{Callback, World};

/// More messages than that are refused: callbacks that send must come to an end.
const MOST: usize = 30;

pub struct SimulatedTwilio {
    pub world: Arc<World>,
    /// What it has accepted, the oldest first.
    messages: Mutex<Vec<Record>>,
}

/// A message as Twilio has it.
#[derive(Debug, Clone)]
pub struct Record {
    pub sid: MessageSid,
    /// The host's id.
    pub message: MessageId,
    pub to: PhoneNumber,
    pub created: UnixMillis,
    /// As far as a callback has told it, or tried to.
    pub status: MessageStatus,
}

impl Record {
    fn resource(&self) -> MessageResource {
        let fails = self.status.is_failure();
        MessageResource {
            sid: self.sid.clone(),
            status: self.status.clone(),
            to: Some(self.to.whatsapp()),
            from: Some("whatsapp:+14155238886".to_owned()),
            messaging_service_sid: None,
            body: None,
            error_code: fails.then_some(63016),
            error_message: None,
            date_created: Some(self.created),
            date_sent: None,
            date_updated: None,
            price: None,
            price_unit: None,
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Accepted,
    AcceptedAndAnswerLost,
    Lost,
    TooMany,
    Unconnected,
    Refused,
}

impl Network for SimulatedTwilio {
    fn is_at_home(&self, _: &MediaAddress) -> bool {
        true
    }

    fn look_at(&self, _: &MediaAddress) -> Result<Seen, Unprobed> {
        stage::reach("medium-looked-at");
        Ok(Seen { content_type: Some("image/png".to_owned()), size: Some(1) })
    }

    fn create_message(&self, _account: &Account, message: &OutgoingMessage) -> SendOutcome {
        let director = &self.world.director;
        stage::reach("twilio-asked");
        let fate = if self.messages().len() >= MOST {
            Fate::Refused
        } else if director.is_storm() {
            director.ask(|rng| {
                rng.weighted(&[
                    (60, Fate::Accepted),
                    (12, Fate::AcceptedAndAnswerLost),
                    (8, Fate::Lost),
                    (6, Fate::TooMany),
                    (6, Fate::Unconnected),
                    (8, Fate::Refused),
                ])
            })
        } else {
            director.ask(|rng| rng.weighted(&[(9, Fate::Accepted), (1, Fate::Refused)]))
        };
        let outcome = match fate {
            Fate::Accepted => {
                let sid = self.accept(message);
                let (status, from) = (MessageStatus::Queued, None);
                SendOutcome::Sent(Sent {
                    sid,
                    status,
                    from,
                    error_code: None,
                    error_message: None,
                    price: None,
                })
            }
            Fate::AcceptedAndAnswerLost => {
                self.accept(message);
                SendOutcome::InDoubt { message: Hidden("the answer was lost".to_owned()) }
            }
            Fate::Lost => SendOutcome::InDoubt { message: Hidden("the request was lost".to_owned()) },
            Fate::TooMany => SendOutcome::NotSent {
                why: NotSent::TooManyRequests { retry_after: None },
                code: Some(20429),
                message: Hidden("too many requests".to_owned()),
            },
            Fate::Unconnected => SendOutcome::NotSent {
                why: NotSent::ConnectionFailed,
                code: None,
                message: Hidden("nobody listens".to_owned()),
            },
            Fate::Refused => SendOutcome::Refused(Refusal {
                http_status: 400,
                code: Some(63007),
                message: Hidden("no".to_owned()),
                more_info: None,
            }),
        };
        if !matches!(fate, Fate::Accepted | Fate::AcceptedAndAnswerLost) {
            director.note(&format!("Twilio has not accepted a message: {fate:?}"));
        }
        stage::reach("twilio-answers");
        outcome
    }

    fn fetch_message(&self, _account: &Account, sid: &MessageSid) -> Result<MessageResource, ReadError> {
        self.asked(|messages| {
            let found = messages.iter().find(|one| one.sid == *sid);
            found.map(Record::resource).ok_or(ReadError::NotFound)
        })
    }

    fn list_messages(
        &self,
        _account: &Account,
        filter: &MessageFilter,
    ) -> Result<Vec<MessageResource>, ReadError> {
        self.asked(|messages| {
            let matches = |one: &&Record| {
                filter.to.as_ref().is_none_or(|to| *to == one.to)
                    && filter.created_since.is_none_or(|since| one.created >= since)
            };
            Ok(messages.iter().rev().filter(matches).take(filter.limit).map(Record::resource).collect())
        })
    }

    fn fetch_medium(
        &self,
        _account: &Account,
        _medium: &IncomingMedium,
        _within: Duration,
    ) -> Result<Medium, TransferError> {
        Err(TransferError::Gone(404))
    }

    fn store_medium(
        &self,
        _storage: &SignedUrls,
        _object: &ObjectName,
        _medium: &Medium,
        _within: Duration,
    ) -> Result<(), TransferError> {
        Err(TransferError::StorageRefused { status: 404, word: None })
    }
}

impl SimulatedTwilio {
    pub fn new(world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), messages: Mutex::new(Vec::new()) })
    }

    /// What it has accepted.
    pub fn messages(&self) -> MutexGuard<'_, Vec<Record>> {
        self.messages.lock().unwrap()
    }

    /// The status of a message is so far as a callback says that is about to be made.
    pub fn comes_to(&self, callback: &Callback) {
        let mut messages = self.messages();
        let found = messages.iter_mut().find(|one| one.sid.as_str() == callback.sid);
        let status = MessageStatus::parse(callback.status);
        if let Some(one) = found.filter(|one| one.status.may_become(&status)) {
            one.status = status;
        }
    }

    /// A question, which in the storm is not always answered.
    fn asked<T>(&self, answer: impl FnOnce(&[Record]) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let director = &self.world.director;
        stage::reach("twilio-asked");
        let trouble = if director.unlucky(self.world.settings.mute) {
            let refusal =
                Refusal { http_status: 401, code: None, message: Hidden(String::new()), more_info: None };
            let retry_after = Some(Duration::from_secs(3));
            Some(director.ask(|rng| match rng.below(4) {
                0 => ReadError::TooManyRequests { retry_after: None },
                1 => ReadError::TooManyRequests { retry_after },
                2 => ReadError::Refused(refusal),
                _ => ReadError::Unclear("nobody answers".to_owned()),
            }))
        } else {
            None
        };
        let answer = match trouble {
            Some(trouble) => {
                director.note(&format!("Twilio does not answer a question: {trouble}"));
                Err(trouble)
            }
            None => answer(&self.messages()),
        };
        stage::reach("twilio-answers");
        answer
    }

    /// Accepts a message, and will call back.
    fn accept(&self, message: &OutgoingMessage) -> MessageSid {
        let number = self.messages().len();
        let sid = MessageSid::parse(&format!("SM{number:032}")).unwrap();
        let mut parts = message.body.as_deref().unwrap().split('|');
        let (name, step) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
        let generation = parts.next().unwrap().parse().unwrap();
        let url = message.status_callback.as_deref().unwrap();
        let url = url.split('#').next().unwrap();
        let (path, id) = url.split_once("?message=").unwrap();
        assert!(path.ends_with("/whatsapp/callback/app/NODEFINED"), "the callback URL: {url}");
        let id = MessageId::parse(id).unwrap();
        let accepted = Accepted { sid: sid.to_string(), message: id, released: false };
        let left = self.world.oracle().accepted(name, (generation, step), accepted);
        // The world's time passes in leaps, a request takes seconds. Twilio's clock differs by some from the host's.
        let late = self.world.director.ask(|rng| rng.below(40));
        let record = Record {
            sid: sid.clone(),
            message: id,
            to: message.to.clone(),
            created: UnixMillis((left.0 / 1000 + i64::try_from(late).unwrap() - 20) * 1000),
            status: MessageStatus::Queued,
        };
        self.messages().push(record);

        let statuses = self.world.director.ask(|rng| {
            rng.one_of(&[
                &["sent", "delivered", "read"][..],
                &["sent", "delivered"],
                &["sent", "undelivered"],
                &["failed"],
            ])
        });
        for status in statuses {
            let plan = self.world.director.ask(|rng| {
                let may_send = rng.chance(100);
                Plan::choose(rng, may_send)
            });
            let callback = Callback::new(sid.as_str(), status, Some(id));
            self.world.oracle().expect(&callback, plan, Some(name.to_owned()));
            self.world.will_call(callback);
        }
        stage::reach("twilio-accepted");
        sid
    }
}
