//! What servers say, and how long they may take for it.

use super::*;

async fn look_at(probe: &MediaProbe, head: &'static str) -> Result<Seen, Unprobed> {
    let server = Server::head(head).await;
    probe.look(&MediaAddress::given(server.url("/a"))).await
}

#[tokio::test]
async fn type_and_size_are_learnt_from_the_head_of_the_answer() {
    let probe = anywhere();
    let seen =
        |content_type: Option<&str>, size| Ok(Seen { content_type: content_type.map(str::to_owned), size });
    for (head, expected) in [
        (
            "206 Partial Content\nContent-Range: bytes 0-0/12345\nContent-Type: image/png\nContent-Length: 1",
            seen(Some("image/png"), Some(12345)),
        ),
        (
            "206 Partial Content\nContent-Range: bytes 0-0/*\nContent-Type: image/png",
            seen(Some("image/png"), None),
        ),
        ("206 Partial Content\nContent-Range: lines 0-0/7\nContent-Type: a/b", seen(Some("a/b"), None)),
        ("206 Partial Content\nContent-Range: 7", seen(None, None)),
        (
            "200 OK\nContent-Length: 777\nContent-Type: audio/ogg; codecs=opus",
            seen(Some("audio/ogg; codecs=opus"), Some(777)),
        ),
        ("200 OK\nTransfer-Encoding: chunked\nContent-Type: a/b", seen(Some("a/b"), None)),
        ("200 OK\nContent-Length: 0", seen(None, Some(0))),
        ("404 Not Found\nContent-Length: 0\nContent-Type: text/html", Err(Unprobed::HttpStatus(404))),
        ("403 Forbidden\nContent-Length: 0", Err(Unprobed::HttpStatus(403))),
        ("416 Range Not Satisfiable\nContent-Range: bytes */0", Err(Unprobed::HttpStatus(416))),
        ("204 No Content\nContent-Type: image/png", Err(Unprobed::HttpStatus(204))),
        ("500 Oops\nContent-Length: 0", Err(Unprobed::HttpStatus(500))),
        ("302 Found\nContent-Length: 0", Err(Unprobed::HttpStatus(302))),
        ("304 Not Modified\nLocation: /b", Err(Unprobed::HttpStatus(304))),
    ] {
        assert_eq!(look_at(&probe, head).await, expected, "{head}");
    }
    for nonsense in ["OK", "200 OK\nContent-Length: 1\nContent-Length: 2", "200 OK\n: x"] {
        let looked = look_at(&probe, nonsense).await;
        assert!(matches!(looked, Err(Unprobed::Unreachable(_))), "{nonsense}: {looked:?}");
    }
}

#[tokio::test]
async fn the_question_is_one_byte_and_tells_nothing_else() {
    let own = Server::saying(|head| {
        if head.starts_with("GET /public/app/old.png") {
            "HTTP/1.1 301 Moved\r\nLocation: new%20one.png?a=b\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n".into()
        } else {
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/9\r\nContent-Type: image/png\r\n\r\n".into()
        }
    })
    .await;
    let looked = own
        .as_own(Names::with("x", &[]))
        .look(&MediaAddress::given(own.url("/public/app/old.png?X-Goog-Signature=secret")))
        .await;
    assert_eq!(looked, Ok(Seen { content_type: Some("image/png".to_owned()), size: Some(9) }));
    let requests = own.requests.lock().unwrap();
    assert!(
        requests[0].starts_with("GET /public/app/old.png?X-Goog-Signature=secret HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(requests[1].starts_with("GET /public/app/new%20one.png?a=b HTTP/1.1\r\n"), "{}", requests[1]);
    for head in requests.iter().map(|head| head.to_ascii_lowercase()) {
        assert!(head.contains("\r\nrange: bytes=0-0\r\n"), "{head}");
        for told in ["cookie", "referer", "authorization", "accept-encoding: gzip"] {
            assert!(!head.contains(told), "{head}");
        }
    }
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_more() {
    for (hops, is_reached) in [(3, true), (4, false), (99, false)] {
        let server = Server::saying(move |head| {
            let at: u32 = head["GET /".len()..].split_whitespace().next().unwrap().parse().unwrap();
            if at < hops {
                format!("HTTP/1.1 307 Go on\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n", at + 1)
            } else {
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()
            }
        })
        .await;
        let looked = anywhere().look(&MediaAddress::given(server.url("/0"))).await;
        assert_eq!(looked.is_ok(), is_reached, "{hops}: {looked:?}");
        assert_eq!(server.requests.lock().unwrap().len(), 4);
    }
}

fn hasty(whole: Duration) -> MediaProbe {
    let limits = Limits { connect: whole, whole };
    let names = Names::default();
    MediaProbe::build("https://host.example", Reach::DangerousAnywhere, names, limits, is_global).unwrap()
}

/// Servers that say `first` and then `more`, for ever; how many bytes they got rid of is told at the end.
async fn endless(first: &'static str, more: &'static str) -> (Url, tokio::sync::oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = url(&format!("http://{}/", listener.local_addr().unwrap()));
    let (done, told) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head_of(&mut stream).await;
        stream.write_all(first.as_bytes()).await.unwrap();
        let mut sent = 0;
        while !more.is_empty() && stream.write_all(more.as_bytes()).await.is_ok() {
            sent += more.len();
        }
        if more.is_empty() {
            head_of(&mut stream).await; // until the other side hangs up
        }
        let _ = done.send(sent);
    });
    (address, told)
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_time_limit() {
    for first in ["", "HTTP/1.1 ", "HTTP/1.1 200 OK\r\nContent-Type: image"] {
        let (address, hung_up) = endless(first, "").await;
        let looked = hasty(Duration::from_millis(500)).look(&MediaAddress::given(address)).await;
        let Err(Unprobed::Unreachable(why)) = looked else { panic!("{looked:?}") };
        assert!(why.contains("no answer within"), "{why}");
        hung_up.await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_is_not_answered_for_costs_the_time_limit() {
    struct Silent;
    impl Resolver for Silent {
        fn resolve(&self, _: &str) -> Resolving {
            Box::pin(std::future::pending())
        }
    }
    let limits = Limits { connect: Duration::from_millis(100), whole: Duration::from_mins(1) };
    let probe = MediaProbe::build("https://host.example", Reach::Public, Silent, limits, is_global).unwrap();
    let looked = probe.look(&given("https://shop.example/")).await;
    assert!(matches!(looked, Err(Unprobed::Unreachable(_))), "{looked:?}");
}

#[tokio::test]
async fn a_head_without_end_is_left() {
    for (first, more) in [
        ("HTTP/1.1 200 OK\r\n", "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        (
            "HTTP/1.1 200 OK\r\nX-A: ",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ),
    ] {
        let (address, sent) = endless(first, more).await;
        let looked = hasty(Duration::from_secs(30)).look(&MediaAddress::given(address)).await;
        assert!(matches!(looked, Err(Unprobed::Unreachable(_))), "{looked:?}");
        let sent = sent.await.unwrap();
        assert!(sent < 16 * 1024 * 1024, "{sent} bytes, the buffers of two sockets included");
    }
}

#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let first = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 99999999999\r\n\r\n";
    let (address, sent) = endless(first, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await;
    let looked = anywhere().look(&MediaAddress::given(address)).await;
    assert_eq!(looked, Ok(Seen { content_type: Some("video/mp4".to_owned()), size: Some(99_999_999_999) }));
    let sent = sent.await.unwrap();
    assert!(sent < 16 * 1024 * 1024, "{sent} bytes, the buffers of two sockets included");
}

#[tokio::test]
async fn no_sentence_holds_the_url() {
    const SECRET: &str = "/hunter1?X-Goog-Signature=hunter2#hunter3";
    let mut seen = Vec::new();
    let closed = { StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let (anywhere, public) = (anywhere(), public_probe(Names::with("x", &[&["::1"]])));
    let hasty = hasty(Duration::from_millis(100));
    for (probe, text) in [
        (&anywhere, format!("http://{closed}{SECRET}")),
        (&anywhere, format!("https://{closed}{SECRET}")),
        (&anywhere, format!("http://nowhere.example{SECRET}")),
        (&anywhere, Server::head("404 Not Found").await.url(SECRET).into()),
        (&anywhere, Server::head("nonsense").await.url(SECRET).into()),
        (&anywhere, Server::redirecting(format!("http://{closed}{SECRET}")).await.url("/").into()),
        (&anywhere, Server::redirecting(format!("https://[{SECRET}")).await.url(SECRET).into()),
        (&hasty, endless("", "").await.0.join(SECRET).unwrap().into()),
        (&public, format!("http://shop.example{SECRET}")),
        (&public, format!("https://nowhere.example{SECRET}")),
        (&public, format!("https://x{SECRET}")),
        (&public, format!("https://hunter:hunter@shop.example{SECRET}")),
        (&public, format!("https://shop.example:25{SECRET}")),
        (&public, format!("https://127.0.0.1{SECRET}")),
    ] {
        let address = given(&text);
        let why = probe.look(&address).await.unwrap_err();
        for told in [why.to_string(), format!("{why:?}"), format!("{address:?}"), format!("{probe:?}")] {
            assert!(!told.contains("hunter"), "{told}");
        }
        seen.push(why.to_string());
    }
    assert!(seen.iter().all(|sentence| !sentence.is_empty() && sentence.len() < 500), "{seen:#?}");
}
