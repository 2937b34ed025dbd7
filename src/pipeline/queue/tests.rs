use super::*;
use crate::base::MessageSid;
use crate::store::Conversation;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn arrival(id: i64, message: u32, company: &str) -> Arrival {
    Arrival {
        id: NotificationId(id),
        company: CompanyId::parse(company).unwrap(),
        line: Line::Message(MessageSid::parse(&format!("SM{message:032x}")).unwrap()),
        message: None,
        form: Bytes::new(),
        source: Source::Callback,
        attempts: 0,
        kills: 0,
        not_before: None,
        recovered: false,
        scheduled: false,
        generation: 0,
    }
}

fn claimed(queue: &mut Queue, now: UnixMillis, most: usize) -> Vec<i64> {
    queue.claim(now, most).into_iter().map(|claim| claim.id.0).collect()
}

#[test]
fn runs_of_one_message_follow_one_another_in_the_order_of_arrival() {
    let mut queue = Queue::default();
    for id in [2, 1, 3] {
        queue.arrive(arrival(id, 7, "A")); // told out of order
    }
    assert_eq!(claimed(&mut queue, NOW, 9), [1]);
    assert_eq!(claimed(&mut queue, NOW, 9), [0_i64; 0]);
    assert_eq!(queue.finish(NotificationId(1), Verdict::Done, NOW), Decision::Done);
    assert_eq!(claimed(&mut queue, NOW, 9), [2]);
    queue.finish(NotificationId(2), Verdict::Done, NOW);
    assert_eq!(claimed(&mut queue, NOW, 9), [3]);
    queue.finish(NotificationId(3), Verdict::Done, NOW);
    assert!(queue.is_empty());
}

#[test]
fn a_failing_notification_holds_the_later_ones_back_until_it_is_dead() {
    let mut queue = Queue::default();
    queue.arrive(arrival(1, 7, "A"));
    queue.arrive(arrival(2, 7, "A"));
    let mut now = NOW;
    for attempt in 1..=MAX_ATTEMPTS {
        let claims = queue.claim(now, 9);
        assert_eq!((claims.len(), claims[0].id.0, claims[0].attempt), (1, 1, attempt));
        match queue.finish(NotificationId(1), Verdict::Failed, now) {
            Decision::Retry { at } => {
                assert!(at > now && attempt < MAX_ATTEMPTS);
                assert!(!queue.has_ready(now) && queue.has_ready(at));
                assert_eq!(queue.next_due(), Some(at));
                now = at;
            }
            Decision::Dead => assert_eq!(attempt, MAX_ATTEMPTS),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(claimed(&mut queue, now, 9), [2]);
}

#[test]
fn retries_wait_one_second_doubling_to_ten_minutes_with_jitter() {
    for id in 0..50 {
        let id = NotificationId(id);
        for attempts in 1..12 {
            let base = (1_u64 << (attempts - 1)).min(600) * 1000;
            let delay = u64::try_from(retry_delay(id, attempts).as_millis()).unwrap();
            assert!((base..=base + base / 5).contains(&delay), "{attempts}: {delay}");
        }
    }
    assert_ne!(retry_delay(NotificationId(1), 5), retry_delay(NotificationId(2), 5));
}

#[test]
fn a_run_that_kills_its_worker_three_times_is_dead() {
    let mut queue = Queue::default();
    queue.arrive(arrival(1, 7, "A"));
    queue.arrive(arrival(2, 8, "A"));
    let mut now = NOW;
    assert_eq!(claimed(&mut queue, now, 9), [1, 2]);
    queue.finish(NotificationId(2), Verdict::Done, now);
    for kill in 1..=MAX_KILLS {
        match queue.finish(NotificationId(1), Verdict::KilledWorker, now) {
            Decision::Retry { at } => now = at,
            Decision::Dead => assert_eq!(kill, MAX_KILLS),
            other => panic!("{other:?}"),
        }
        queue.arrive(arrival(10 + i64::from(kill), 10 + kill, "A"));
        let next = claimed(&mut queue, now, 9);
        if kill < MAX_KILLS {
            // The poison run is claimed by itself, whatever else waits.
            assert!(next == [1] || !next.contains(&1), "{next:?}");
            if next != [1] {
                assert_eq!(claimed(&mut queue, now, 9), [1]);
            }
        }
    }
}

#[test]
fn interrupted_runs_come_back_one_by_one_and_uncounted() {
    let mut queue = Queue::default();
    for id in 1..=3 {
        queue.arrive(arrival(id, u32::try_from(id).unwrap(), "A"));
    }
    assert_eq!(claimed(&mut queue, NOW, 9), [1, 2, 3]);
    for id in 1..=3 {
        assert_eq!(
            queue.finish(NotificationId(id), Verdict::Interrupted { alone: true }, NOW),
            Decision::Again
        );
    }
    for id in 1..=3 {
        let claims = queue.claim(NOW, 9);
        assert_eq!((claims.len(), claims[0].id.0, claims[0].attempt), (1, id, 1));
        assert!(claims[0].recovered, "its commit may have happened");
    }
}

#[test]
fn trouble_of_the_hosts_own_is_waited_out() {
    let mut queue = Queue::default();
    queue.arrive(arrival(1, 7, "A"));
    claimed(&mut queue, NOW, 9);
    assert_eq!(queue.finish(NotificationId(1), Verdict::HostTrouble, NOW), Decision::Again);
    assert!(queue.claim(NOW, 9).is_empty());
    let claims = queue.claim(NOW.plus(TROUBLE_RETRY), 9);
    assert_eq!(claims[0].attempt, 1);
}

#[test]
fn companies_take_turns() {
    let mut queue = Queue::default();
    for id in 1..=4 {
        queue.arrive(arrival(id, u32::try_from(id).unwrap(), "BUSY"));
    }
    queue.arrive(arrival(5, 5, "QUIET"));
    assert_eq!(claimed(&mut queue, NOW, 3), [1, 5, 2]);
}

#[test]
fn a_notification_waits_for_the_open_run_that_sent_its_message() {
    let mut queue = Queue::default();
    let message = MessageId::generate();
    let with_message = |id| Arrival { message: Some(message), ..arrival(id, 7, "A") };
    queue.arrive(with_message(1));
    queue.hold(message); // also one that was ready before
    assert!(queue.claim(NOW, 9).is_empty() && queue.is_held(message));
    queue.arrive(with_message(2));
    queue.arrive(arrival(3, 8, "A"));
    assert_eq!(claimed(&mut queue, NOW, 9), [3]);
    queue.release(message);
    assert!(!queue.is_held(message));
    assert_eq!(claimed(&mut queue, NOW, 9), [1]);
    queue.finish(NotificationId(1), Verdict::Done, NOW);
    assert_eq!(claimed(&mut queue, NOW, 9), [2]);
}

#[test]
fn what_arrives_twice_runs_once() {
    let mut queue = Queue::default();
    queue.arrive(arrival(1, 7, "A"));
    queue.arrive(arrival(1, 7, "A"));
    assert_eq!(claimed(&mut queue, NOW, 9), [1]);
    queue.arrive(arrival(1, 7, "A"));
    assert!(queue.claim(NOW, 9).is_empty());
}

/// A message that somebody wrote: each has a sid of its own.
fn written(id: i64, person: u32) -> Arrival {
    let conversation = Conversation::of_form("demo", "A", format!("To=x&From={person}").as_bytes()).unwrap();
    Arrival {
        line: Line::Conversation(conversation),
        source: Source::Message,
        ..arrival(id, u32::try_from(id).unwrap(), "A")
    }
}

#[test]
fn a_conversation_runs_in_the_order_of_arrival_and_waits_for_no_other() {
    let mut queue = Queue::default();
    for (id, person) in [(1, 1), (2, 1), (3, 2), (4, 1), (5, 2)] {
        queue.arrive(written(id, person));
    }
    assert_eq!(claimed(&mut queue, NOW, 9), [1, 3]);
    let Decision::Retry { at } = queue.finish(NotificationId(1), Verdict::Failed, NOW) else { panic!() };
    queue.finish(NotificationId(3), Verdict::Done, NOW);
    assert_eq!(claimed(&mut queue, NOW, 9), [5], "the failing one holds its own conversation back");
    assert_eq!(claimed(&mut queue, at, 9), [1]);
    queue.finish(NotificationId(1), Verdict::Hopeless, at);
    assert_eq!(claimed(&mut queue, at, 9), [2], "it is dead");
    queue.finish(NotificationId(2), Verdict::Done, at);
    assert_eq!(claimed(&mut queue, at, 9), [4]);
}

#[test]
fn of_a_long_line_only_the_beginning_is_taken_up() {
    let mut queue = Queue::with_lines_of(2);
    for id in 1..=5 {
        queue.arrive(written(id, 1));
    }
    let line = written(1, 1).line;
    assert_eq!((queue.len(), queue.short().count()), (2, 0), "3 to 5 stay on the disk");
    for id in [1, 2] {
        assert_eq!(claimed(&mut queue, NOW, 9), [id]);
        queue.finish(NotificationId(id), Verdict::Done, NOW);
    }
    assert!(queue.is_empty() && queue.knows_line(&line));
    assert_eq!(queue.short().collect::<Vec<_>>(), [(&line, NotificationId(2))]);
    queue.arrive(written(6, 1));
    assert!(queue.is_empty(), "it does not overtake what is on the disk");
    queue.arrive(written(1, 1)); // replayed
    assert_eq!(claimed(&mut queue, NOW, 9), [1]);
    queue.finish(NotificationId(1), Verdict::Done, NOW);
    // The disk is read.
    queue.torn(&line, Some(NotificationId(4)));
    for id in 3..=6 {
        queue.arrive(written(id, 1));
    }
    assert_eq!((queue.len(), claimed(&mut queue, NOW, 9)), (2, vec![3]));
    queue.finish(NotificationId(3), Verdict::Done, NOW);
    queue.torn(&line, None);
    assert_eq!(claimed(&mut queue, NOW, 9), [4]);
    queue.finish(NotificationId(4), Verdict::Done, NOW);
    assert!(!queue.knows_line(&line) && queue.short().count() == 0);
}
