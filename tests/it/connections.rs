//! A listener is never full: who has waited longest gives way, and who is being worked for never does.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use boatswain::web::{Listener, ListenerLimits};
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::host::{Wire, head, runtime};

/// A listener in this process, with limits that a test can wait for.
fn listener(limits: ListenerLimits, router: Router, test: impl FnOnce(String) + Send + 'static) {
    let runtime = runtime();
    runtime.block_on(async {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = Listener::serve(socket, router, limits).unwrap();
        let url = format!("http://{}", listener.address());
        tokio::task::spawn_blocking(move || test(url)).await.unwrap();
        listener.stop().await;
    });
}

const IMPATIENT: ListenerLimits = ListenerLimits {
    connections: 2,
    header_timeout: Duration::from_millis(200),
    answer_timeout: Duration::from_millis(200),
    header_bytes: 8 << 10,
};
/// Nobody is cut off here for being slow.
const PATIENT: ListenerLimits = ListenerLimits {
    header_timeout: Duration::from_hours(1),
    answer_timeout: Duration::from_hours(1),
    ..IMPATIENT
};

fn here() -> Router {
    Router::new().route("/", get(|| async { "here" })).route("/body", post(|body: String| async { body }))
}

fn get_of(wire: &mut Wire, path: &str) -> u16 {
    wire.say(head("GET", path, &[], 0));
    wire.hear(true).status
}

#[test]
fn a_client_that_never_ends_its_headers_is_cut_off() {
    listener(IMPATIENT, here(), |url| {
        let mut wire = Wire::to(&url);
        wire.say("GET / HTTP/1.1\r\nhost: x\r\nx-slow: ");
        let rest = wire.rest();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408"), "{rest}");
    });
}

#[test]
fn a_client_that_says_nothing_is_cut_off_before_and_after_a_request() {
    listener(IMPATIENT, here(), |url| {
        assert_eq!(Wire::to(&url).rest(), "");
        let mut wire = Wire::to(&url);
        assert_eq!(get_of(&mut wire, "/"), 200);
        assert_eq!(wire.rest(), "");
    });
}

#[test]
fn headers_without_end_are_refused_for_their_size() {
    listener(PATIENT, here(), |url| {
        let mut wire = Wire::to(&url);
        wire.say(format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}", "x".repeat(9 << 10)));
        assert_eq!(wire.hear(true).status, 431);
        // And when they come at once.
        let mut wire = Wire::to(&url);
        wire.say(head("GET", "/", &[("x-large", &"x".repeat(8 << 10))], 0));
        assert_eq!(wire.hear(true).status, 431);
    });
}

#[test]
fn who_has_waited_longest_gives_way() {
    listener(PATIENT, here(), |url| {
        let mut silent = Wire::to(&url);
        let mut in_the_head = Wire::to(&url);
        in_the_head.say("GET / HTTP/1.1\r\nhost: ");
        let mut in_the_body = Wire::to(&url);
        in_the_body.say(head("POST", "/body", &[], 10) + "abc");
        assert_eq!(silent.rest(), "", "the first is gone for the third");
        let mut idle = Wire::to(&url);
        assert_eq!(get_of(&mut idle, "/"), 200);
        assert_eq!(in_the_head.rest(), "", "the second for the fourth");
        // A request that is half there has waited longer than one that was just answered.
        let mut last = Wire::to(&url);
        assert_eq!(get_of(&mut last, "/"), 200);
        assert_eq!(in_the_body.rest(), "");
        // Who is served again and again stays, as long as there is somebody who is not.
        for _ in 0..5 {
            assert_eq!(get_of(&mut idle, "/"), 200);
            let mut other = Wire::to(&url);
            assert_eq!(get_of(&mut other, "/"), 200);
            assert_eq!(last.rest(), "");
            last = other;
        }
    });
}

/// Routes whose handlers say that they have begun, and end when they are let.
fn works() -> (Router, Receiver<()>, Arc<Semaphore>) {
    let (tell, told) = channel();
    let release = Arc::new(Semaphore::new(0));
    let (permits, body_tell, body_permits) = (Arc::clone(&release), tell.clone(), Arc::clone(&release));
    let work = move || async move {
        tell.send(()).unwrap();
        permits.acquire().await.unwrap().forget();
        "done"
    };
    let work_on = move |body: String| async move {
        body_tell.send(()).unwrap();
        body_permits.acquire().await.unwrap().forget();
        body
    };
    (here().route("/work", get(work)).route("/work", post(work_on)), told, release)
}

#[test]
fn who_is_being_worked_for_keeps_the_place_whoever_comes() {
    let (router, begun, release) = works();
    listener(ListenerLimits { connections: 3, ..PATIENT }, router, move |url| {
        let mut without_body = Wire::to(&url);
        without_body.say(head("GET", "/work", &[], 0));
        begun.recv().unwrap();
        let mut with_body = Wire::to(&url);
        with_body.say(head("POST", "/work", &[], 3) + "abc");
        begun.recv().unwrap();
        // One place is left: each of these takes it from the one before.
        let mut before = Wire::to(&url);
        for _ in 0..10 {
            let mut next = Wire::to(&url);
            assert_eq!(get_of(&mut next, "/"), 200);
            assert_eq!(before.rest(), "");
            before = next;
        }
        let mut in_pieces = Wire::to(&url);
        in_pieces.say("POST /work HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
        assert_eq!(before.rest(), "");
        in_pieces.say("0\r\n\r\n");
        begun.recv().unwrap();
        // Now all are being worked for, and who comes waits until one of them has its answer.
        let mut late = Wire::to(&url);
        late.say(head("GET", "/", &[], 0));
        release.add_permits(1);
        assert_eq!(without_body.hear(true).text(), "done");
        assert_eq!(late.hear(true).text(), "here");
        release.add_permits(2);
        assert_eq!(with_body.hear(true).text(), "abc");
        assert_eq!(in_pieces.hear(true).text(), "abc");
        assert_eq!(without_body.rest(), "", "its answer was taken, and its place as well");
    });
}

/// Far more than the kernel keeps of an answer.
const LARGE: usize = 64 << 20;

/// A client that has asked for a large answer and has seen its beginning.
fn slow_reader(url: &str) -> Wire {
    let mut slow = Wire::to(url);
    slow.say(head("GET", "/large", &[], 0));
    let mut status = [0; 12];
    slow.take(&mut status);
    assert_eq!(&status, b"HTTP/1.1 200");
    slow
}

#[test]
fn who_does_not_take_an_answer_gives_way() {
    let router = here().route("/large", get(|| async { vec![b'x'; LARGE] }));
    listener(ListenerLimits { connections: 1, ..PATIENT }, router, |url| {
        let mut slow = slow_reader(&url);
        assert_eq!(get_of(&mut Wire::to(&url), "/"), 200);
        let kept = slow.rest().len();
        assert!(kept < 2 << 20, "the kernel has kept {kept} bytes of an answer that nobody took");
    });
}

/// An answer that says when the host has given it up.
struct Answer(Sender<()>);

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        static TEXT: [u8; LARGE] = [0; LARGE];
        &TEXT
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn who_takes_nothing_of_an_answer_is_cut_off() {
    let (tell, told) = channel();
    let answer = move || async move { Body::from(Bytes::from_owner(Answer(tell))) };
    let router = here().route("/large", get(answer));
    listener(IMPATIENT, router, move |url| {
        let slow = slow_reader(&url);
        told.recv().unwrap();
        drop(slow);
    });
}
