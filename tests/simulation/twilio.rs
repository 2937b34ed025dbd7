//! Twilio: accepts messages or not, answers or not, and calls back about what it has accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use boatswain::base::{MessageId, MessageSid, MessageStatus, stage};
use boatswain::pipeline::Network;
use boatswain::whatsapp::twilio::Hidden;
use boatswain::whatsapp::{
    Account, MessageFilter, MessageResource, NotSent, OutgoingMessage, ReadError, Refusal, SendOutcome, Sent,
};

use crate::oracle::Accepted;
use crate::plan::Plan;
use crate::world::{Callback, World};

/// More messages than that are refused: callbacks that send must come to an end.
const MOST: u32 = 30;

pub struct SimulatedTwilio {
    pub world: Arc<World>,
    pub accepted: AtomicU32,
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
    fn create_message(&self, _account: &Account, message: &OutgoingMessage) -> SendOutcome {
        let director = &self.world.director;
        stage::reach("twilio-asked");
        let fate = if self.accepted.load(Ordering::Relaxed) >= MOST {
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
                SendOutcome::Sent(Sent { sid, status, from, error_code: None, error_message: None })
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

    fn fetch_message(&self, _account: &Account, _sid: &MessageSid) -> Result<MessageResource, ReadError> {
        Err(ReadError::NotFound)
    }

    fn list_messages(
        &self,
        _account: &Account,
        _filter: &MessageFilter,
    ) -> Result<Vec<MessageResource>, ReadError> {
        Ok(Vec::new())
    }
}

impl SimulatedTwilio {
    /// Accepts a message, and will call back.
    fn accept(&self, message: &OutgoingMessage) -> MessageSid {
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let sid = MessageSid::parse(&format!("SM{number:032}")).unwrap();
        let mut parts = message.body.as_deref().unwrap().split('|');
        let (name, step) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
        let url = message.status_callback.as_deref().unwrap();
        let url = url.split('#').next().unwrap();
        let (path, id) = url.split_once("?message=").unwrap();
        assert!(path.ends_with("/whatsapp/callback/app/NODEFINED"), "the callback URL: {url}");
        let id = MessageId::parse(id).unwrap();
        let accepted = Accepted { sid: sid.to_string(), message: id, released: false };
        self.world.oracle().accepted(name, step, accepted);

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
            let callback = Callback::new(sid.as_str(), status, plan, Some(id));
            self.world.oracle().expect(&callback.name(), callback.plan.clone(), Some(name.to_owned()));
            self.world.will_call(callback);
        }
        stage::reach("twilio-accepted");
        sid
    }
}
