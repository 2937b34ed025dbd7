//! Whatever strangers send, and however slowly: each gets a plain answer or the end of its connection, nothing is kept,
//! and what Twilio signs is acknowledged meanwhile and afterwards.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use boatswain::base::Secret;
use boatswain::runtime::{open_files, raise_open_files};
use boatswain::whatsapp::signature;

use crate::host::{FORM, Folder, HostProcess, TOKEN, Wire, callback, form, head, sid};

const PATH: &str = "/whatsapp/callback/app/NODEFINED";

/// What stands before an attack and may be trusted after it.
struct Target {
    folder: Folder,
    host: HostProcess,
    /// Callbacks that were signed, each about a message of its own.
    signed: AtomicU32,
}

impl Target {
    fn new(folder: Folder, host: HostProcess) -> Self {
        Self { folder, host, signed: AtomicU32::new(0) }
    }

    fn number(&self) -> u32 {
        self.signed.fetch_add(1, Ordering::Relaxed)
    }

    /// Twilio is heard.
    fn acknowledges(&self) {
        let form = form(&sid(self.number()), "sent");
        let answer = callback(&self.host.url, &self.host.url, PATH, &form, TOKEN);
        assert_eq!(answer.status, 204);
    }

    /// The head of a signed callback up to what says how its body comes, and the body.
    fn signed(&self, target: &str) -> (String, String) {
        let form = form(&sid(self.number()), "sent");
        let signature = signature::sign(&format!("{}{PATH}", self.host.url), &form, &Secret::new(TOKEN));
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\n{}: {}\r\nx-twilio-signature: {signature}\r\n",
            FORM.0, FORM.1
        );
        (head, form.encode())
    }

    /// Of everything that was sent, this many callbacks are there, and nothing else.
    fn ends_with(self, notifications: u32) {
        let Self { folder, host, .. } = self;
        let said = host.end();
        assert!(!said.contains("panicked") && !said.contains("could not be accepted"), "{said}");
        assert_eq!(folder.count("SELECT count(*) FROM notifications"), i64::from(notifications));
        assert_eq!(folder.count("SELECT count(*) FROM messages"), 0);
    }
}

fn target() -> Target {
    let folder = Folder::new("", "");
    folder.write("public/app/note.txt", "0123456789");
    let host = folder.serve();
    Target::new(folder, host)
}

/// What a stranger gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// An answer with this status.
    Status(u16),
    /// An answer with this status, and the end of the connection.
    Last(u16),
    /// The end of the connection.
    End,
}
use Gets::{End, Last, Status};

/// Sends it and looks what comes back.
fn look(host: &str, name: &str, bytes: &[u8], expected: Gets) {
    let mut wire = Wire::to(host);
    wire.try_say(bytes);
    let answer = wire.hear_if_any(!bytes.starts_with(b"HEAD"));
    match (expected, answer) {
        (End, None) => {}
        (Status(status), Some(answer)) => assert_eq!(answer.status, status, "{name}"),
        (Last(status), Some(answer)) => {
            assert_eq!(answer.status, status, "{name}");
            assert_eq!(wire.rest(), "", "{name}");
        }
        (_, answer) => panic!("{name}: {answer:?} instead of {expected:?}"),
    }
}

#[test]
fn requests_that_are_none_get_a_4xx_or_the_end() {
    let target = target();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes();
    let with = |lines: &str| format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{lines}\r\n").into_bytes();
    let long = |count: usize| "x".repeat(count);
    let cases: Vec<(&str, Vec<u8>, Gets)> = vec![
        // Other protocols, and none.
        (
            "a TLS hello",
            [&b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"[..], &[7; 194]].concat(),
            Last(400),
        ),
        ("HTTP/2 with prior knowledge", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".into(), End),
        ("an upgrade to HTTP/2", with("connection: upgrade\r\nupgrade: h2c\r\n"), Status(200)),
        ("an upgrade to a WebSocket", with("connection: upgrade\r\nupgrade: websocket\r\n"), Status(200)),
        ("HTTP/0.9", b"GET /healthz\r\n".into(), Last(400)),
        ("HTTP/1.0", b"GET /healthz HTTP/1.0\r\n\r\n".into(), Last(200)),
        ("HTTP/1.2", b"GET /healthz HTTP/1.2\r\nhost: x\r\n\r\n".into(), Last(400)),
        ("HTTP/2.0", b"GET /healthz HTTP/2.0\r\nhost: x\r\n\r\n".into(), Last(400)),
        ("another case", b"GET /healthz http/1.1\r\nhost: x\r\n\r\n".into(), Last(400)),
        ("SMTP", b"EHLO example.com\r\n".into(), Last(400)),
        ("zeros", vec![0; 4096], Last(400)),
        ("high bytes", vec![0xff; 4096], Last(400)),
        ("line ends without end", b"\r\n".repeat(40_000), Last(431)),
        // Request lines.
        ("a method of its own", b"BREW /healthz HTTP/1.1\r\nhost: x\r\n\r\n".into(), Status(405)),
        ("a long method", format!("{} / HTTP/1.1\r\n\r\n", "A".repeat(9000)).into_bytes(), Status(404)),
        ("no method", b" /healthz HTTP/1.1\r\nhost: x\r\n\r\n".into(), Last(400)),
        ("two spaces", b"GET  /healthz HTTP/1.1\r\nhost: x\r\n\r\n".into(), Last(400)),
        ("tabs", b"GET\t/healthz\tHTTP/1.1\r\nhost: x\r\n\r\n".into(), Last(400)),
        ("CONNECT", b"CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n".into(), Status(404)),
        ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n".into(), Status(404)),
        ("TRACE", b"TRACE /healthz HTTP/1.1\r\nhost: x\r\n\r\n".into(), Status(405)),
        ("an absolute target", get("http://example.com/healthz"), Status(200)),
        ("an absolute target elsewhere", get("http://example.com/x"), Status(404)),
        ("an absolute target that is none", get("http://:::/healthz"), Last(400)),
        ("a target without a slash", get("healthz"), Status(404)),
        ("broken escapes", get("/%%%zz%f?%%=%"), Status(404)),
        ("escaped NUL", get("/healthz%00"), Status(404)),
        ("NUL", get("/health\0z"), Last(400)),
        ("a control character", get("/health\x01z"), Last(400)),
        ("no UTF-8", b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n".into(), Last(400)),
        ("a target of 30 KB", get(&format!("/{}", long(30_000))), Status(404)),
        ("a target of 40 KB", get(&format!("/{}", long(40_000))), Last(431)),
        ("a target without end", format!("GET /{}", long(200_000)).into_bytes(), Last(431)),
        // Headers.
        ("no Host, at which nobody looks", b"GET /healthz HTTP/1.1\r\n\r\n".into(), Status(200)),
        ("99 more", with(&"a: b\r\n".repeat(99)), Status(200)),
        ("100 more", with(&"a: b\r\n".repeat(100)), Last(431)),
        ("very many", with(&"a: b\r\n".repeat(4_000)), Last(431)),
        ("a large one", with(&format!("a: {}\r\n", long(30_000))), Status(200)),
        ("one that is too large", with(&format!("a: {}\r\n", long(33_000))), Last(431)),
        ("one without end", with(&format!("a: {}", long(200_000))), Last(431)),
        ("NUL in a value", with("a: b\0c\r\n"), Last(400)),
        ("NUL in a name", with("a\0: b\r\n"), Last(400)),
        ("a control character in a value", with("a: b\x01c\r\n"), Last(400)),
        ("a line end in a value", with("a: b\rc: d\r\n"), Last(400)),
        ("a folded line", with("a: b\r\n c\r\n"), Last(400)),
        ("a space before the colon", with("a : b\r\n"), Last(400)),
        ("no colon", with("a\r\n"), Last(400)),
        ("no name", with(": b\r\n"), Last(400)),
        // Files.
        ("many ranges", get_range("0-1,", 2_000), Status(416)),
        ("a range that is none", get_range("9-0", 1), Status(416)),
        ("a range beyond any number", get_range("99999999999999999999999-", 1), Status(416)),
        ("a GET with a body", with("content-length: 3\r\n\r\nabc"), Status(200)),
        ("a request in a body", with("content-length: 18\r\n\r\nGET /x HTTP/1.1\r\n"), Status(200)),
    ];
    for (name, bytes, expected) in &cases {
        look(&target.host.url, name, bytes, *expected);
        target.acknowledges();
    }
    let acknowledged = u32::try_from(cases.len()).unwrap();
    target.ends_with(acknowledged);
}

fn get_range(range: &str, times: usize) -> Vec<u8> {
    let ranges = range.repeat(times);
    let ranges = ranges.trim_end_matches(',');
    format!("GET /public/app/note.txt HTTP/1.1\r\nhost: x\r\nrange: bytes={ranges}\r\n\r\n").into_bytes()
}

#[test]
fn a_body_is_as_long_as_is_said_in_one_way_and_everything_else_is_no_callback() {
    let target = target();
    // What comes between head and body, how the body is written, and what its sender gets.
    let plain = |body: &str| body.to_owned();
    let chunked = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let cases: Vec<(&str, String, String, Gets)> = {
        let mut cases = Vec::new();
        let mut case = |name, lines: &str, write: &dyn Fn(&str) -> String, gets| {
            let (head, body) = target.signed(PATH);
            let lines = lines.replace("LENGTH", &body.len().to_string());
            cases.push((name, format!("{head}{lines}\r\n"), write(&body), gets));
        };
        let te = "transfer-encoding: chunked\r\n";
        case("a length", "content-length: LENGTH\r\n", &plain, Status(204));
        case(
            "the same length twice",
            "content-length: LENGTH\r\ncontent-length: LENGTH\r\n",
            &plain,
            Status(204),
        );
        case("two lengths", "content-length: LENGTH\r\ncontent-length: 3\r\n", &plain, Last(400));
        case("a list of lengths", "content-length: LENGTH, LENGTH\r\n", &plain, Last(400));
        case("a length with a sign", "content-length: +LENGTH\r\n", &plain, Last(400));
        case("a negative length", "content-length: -1\r\n", &plain, Last(400));
        case("a hexadecimal length", "content-length: 0x10\r\n", &plain, Last(400));
        case("no number", "content-length: \r\n", &plain, Last(400));
        case("a length of 2^64", "content-length: 18446744073709551616\r\n", &plain, Last(400));
        case("a length of 2^64 - 1", "content-length: 18446744073709551615\r\n", &plain, Last(431));
        case("no length", "", &|_| String::new(), Status(400));
        case("in pieces", te, &chunked, Status(204));
        case("in small pieces", te, &one_by_one, Status(204));
        // RFC 9112, section 6.1: the pieces count, and the connection ends.
        case("a length, and in pieces", &format!("content-length: 3\r\n{te}"), &chunked, Last(204));
        case("in pieces, and a length", &format!("{te}content-length: 3\r\n"), &chunked, Last(204));
        case("pieces that end no body", "transfer-encoding: chunked, gzip\r\n", &chunked, Last(400));
        case("pieces that are none", "transfer-encoding: xchunked\r\n", &chunked, Last(400));
        case("pieces with a space", "transfer-encoding : chunked\r\n", &chunked, Last(400));
        case("a piece without a size", te, &|_| "zz\r\nabc\r\n0\r\n\r\n".into(), Last(400));
        case("a piece beyond any size", te, &|_| "fffffffffffffffff\r\nabc\r\n".into(), Last(400));
        case("a piece with a long remark", te, &|_| format!("1;{}\r\n", "x".repeat(100_000)), Last(400));
        case("trailers without end", te, &|_| format!("0\r\n{}", "x: y\r\n".repeat(100_000)), Last(400));
        case("a form that is none", "content-length: 9\r\n", &|_| "\0\x01\x7f\x1b%%%&=".into(), Status(400));
        case("64 KiB of nothing", "content-length: 65536\r\n", &|_| "&".repeat(65_536), Status(400));
        case("64 KiB and a byte", "content-length: 65537\r\n", &|_| "&".repeat(65_537), Status(413));
        case("very many fields", "content-length: 60000\r\n", &|_| "a&".repeat(30_000), Status(400));
        case("another expectation", "expect: 200-ok\r\ncontent-length: LENGTH\r\n", &plain, Status(204));
        cases
    };
    let mut taken = 0;
    for (name, head, body, gets) in &cases {
        look(&target.host.url, name, format!("{head}{body}").as_bytes(), *gets);
        taken += u32::from(matches!(gets, Status(204) | Last(204)));
        target.acknowledges();
    }
    let acknowledged = taken + u32::try_from(cases.len()).unwrap();

    // HTTP/1.0 knows no pieces; an absolute target is that of a proxy, and its host a stranger's word.
    let (head, body) = target.signed(PATH);
    let old = head.replace("HTTP/1.1", "HTTP/1.0");
    let length = format!("content-length: {}\r\n", body.len());
    look(&target.host.url, "HTTP/1.0", format!("{old}{length}\r\n{body}").as_bytes(), Last(204));
    let pieces = format!("{old}transfer-encoding: chunked\r\n\r\n{}", chunked(&body));
    look(&target.host.url, "HTTP/1.0 in pieces", pieces.as_bytes(), Last(400));
    let (head, body) = target.signed(&format!("http://example.com{PATH}"));
    look(&target.host.url, "absolute", format!("{head}{length}\r\n{body}").as_bytes(), Status(204));

    // A target that is too long is not looked at further, signed or not.
    for (length, status) in [(8_000, 204), (8_001, 414)] {
        let path = format!("{PATH}?{}", "x".repeat(length - PATH.len() - 1));
        let form = form(&sid(target.number()), "sent");
        assert_eq!(callback(&target.host.url, &target.host.url, &path, &form, TOKEN).status, status);
    }

    // The body is asked for before it is sent.
    let (head, body) = target.signed(PATH);
    let mut wire = Wire::to(&target.host.url);
    wire.say(format!("{head}expect: 100-continue\r\n{length}\r\n"));
    assert_eq!(wire.hear(true).status, 100);
    wire.say(&body);
    assert_eq!(wire.hear(true).status, 204);

    // What comes after a callback on its connection does not touch it.
    let (head, body) = target.signed(PATH);
    let mut wire = Wire::to(&target.host.url);
    wire.say(format!("{head}{length}\r\n{body}\x16\x03\x01"));
    assert_eq!(wire.hear(true).status, 204);
    assert_eq!(wire.hear(true).status, 400);
    assert_eq!(wire.rest(), "");
    target.ends_with(acknowledged + 5);
}

fn one_by_one(body: &str) -> String {
    let piece = |character: char| ["1\r\n".to_owned(), character.to_string(), "\r\n".to_owned()];
    body.chars().flat_map(piece).collect::<String>() + "0\r\n\r\n"
}

/// The beginning of something that does not go on, of one of several kinds.
fn begun(target: &Target, kind: usize) -> Wire {
    let mut wire = Wire::to(&target.host.url);
    match kind % 12 {
        0 => {}
        1 => wire.try_say(b"GET /healthz HTT"),
        2 => wire.try_say(b"POST /x HTTP/1.1\r\nhost: x\r\nx-slow: "),
        3 => wire.try_say((head("POST", PATH, &[FORM, ("x-twilio-signature", "x")], 300) + "a=1").as_bytes()),
        4 => wire.try_say(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /rea"),
        // And does not read it. Nothing but need cuts these off; they alone would fill the host.
        _ => wire.try_say(head("GET", "/public/app/large.bin", &[], 0).as_bytes()),
    }
    wire
}

/// So many slow clients, and a nonsensical one after every fifth, while four do what Twilio does.
fn flood(target: &Target, slow: usize) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut acknowledged = 0;
                while acknowledged < 50 || !is_over.load(Ordering::Acquire) {
                    target.acknowledges();
                    acknowledged += 1;
                }
            });
        }
        let mut open = Vec::with_capacity(slow);
        for number in 0..slow {
            open.push(begun(target, number));
            if number % 5 == 0 {
                look(&target.host.url, "nonsense", b"\x16\x03\x01\0\xc8\r\n\r\n", Last(400));
            }
        }
        is_over.store(true, Ordering::Release);
    });
}

#[test]
fn two_thousand_slow_clients_and_hundreds_of_nonsensical_ones_keep_no_callback_out() {
    const SLOW: usize = 2_000;
    let enough = SLOW as u64 + 1_000;
    if raise_open_files().is_err() || open_files() < enough {
        // Not `println!`, whose output the test harness keeps to itself.
        let may = open_files();
        writeln!(std::io::stderr(), "SKIPPED hostile_clients: {enough} open files are needed, {may} allowed")
            .unwrap();
        return;
    }
    let target = target();
    target.folder.write("public/app/large.bin", &"x".repeat(8 << 20));
    flood(&target, SLOW);
    let acknowledged = target.number();
    assert!(acknowledged >= 200);
    target.ends_with(acknowledged);
}

#[test]
fn a_host_that_may_open_few_files_keeps_some_for_itself() {
    let folder = Folder::new("", "");
    folder.write("public/app/large.bin", &"x".repeat(8 << 20));
    let host = folder.serve_within("-n 200");
    let target = Target::new(folder, host);
    flood(&target, 300);
    let acknowledged = target.number();
    target.ends_with(acknowledged);
}

#[test]
fn serve_may_open_as_many_files_as_the_system_allows() {
    let folder = Folder::new("", "");
    let host = folder.serve_within("-S -n 256");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", host.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
    assert_ne!(numbers[0], "256", "{line}");
    assert_eq!(host.terminate(), Some(0));
}
