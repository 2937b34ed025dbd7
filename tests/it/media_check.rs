//! Size and type of a medium are learnt before the message leaves, and nobody's neighbours are asked.

use boatswain::Host;
use serde_json::{Value, json};

use crate::host::Folder;
use crate::production::Production;

const SEND: &str = "
    const url = vo.file ? utils.getPublicUrl(vo.file) : vo.url;
    return utils.whatsapp.send({ to: '+393331234567', body: vo.body, mediaUrl: url });
";

/// A host that serves.
struct Bench {
    production: Production,
    host: Host,
}

impl Bench {
    fn new(environment: &str, host: &str, whatsapp: &str) -> Self {
        let production = Production::new(environment, host, whatsapp, SEND);
        let host = production.host();
        Self { production, host }
    }

    fn send(&self, vo: Value) -> Value {
        self.production.run(&self.host, "ACME", vo)
    }

    /// The only warning of a message that was sent.
    #[track_caller]
    fn warned(&self, vo: Value) -> String {
        let outcome = self.send(vo);
        assert_eq!(outcome["success"], true, "{outcome}");
        let warnings = outcome["warnings"].as_array().unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        warnings[0].as_str().unwrap().to_owned()
    }

    /// The code and the sentence with which a message was refused.
    #[track_caller]
    fn refused(&self, vo: Value) -> (String, String) {
        let outcome = self.send(vo);
        assert_eq!((&outcome["success"], &outcome["sid"]), (&json!(false), &json!(null)), "{outcome}");
        let text = |name: &str| outcome[name].as_str().unwrap().to_owned();
        (text("errorCode"), text("errorMessage"))
    }

    fn close(self) -> Folder {
        self.production.stop(self.host);
        self.production.folder
    }
}

/// A neighbour of the host, who wants no visit.
struct Neighbour(std::net::TcpListener);

impl Neighbour {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}/picture.png", self.0.local_addr().unwrap())
    }

    fn was_visited(&self) -> bool {
        self.0.accept().is_ok()
    }
}

/// In production and in the simulator alike: a file of `public/` is the host's own.
#[test]
fn a_file_that_whatsapp_would_refuse_is_not_sent() {
    for environment in ["simulator", "production"] {
        let bench = Bench::new(environment, "", "");
        let public = |name: &str, size: usize| {
            let file = bench.production.folder.path(&format!("public/app/{name}"));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, vec![b'x'; size]).unwrap();
        };
        public("small.jpg", 1000);
        public("large.jpg", (5 << 20) + 1);
        public("film.mp4", 1000);
        public("long.mp4", (16 << 20) + 1);
        public("page.html", 100);
        public("menu.pdf", 100);
        assert_eq!(bench.send(json!({ "file": "small.jpg", "body": "A picture" }))["warnings"], json!([]));
        assert_eq!(bench.send(json!({ "file": "menu.pdf" }))["warnings"], json!([]));
        for (file, kind) in [("menu.pdf", "document"), ("film.mp4", "video")] {
            let warning = bench.warned(json!({ "file": file, "body": "Dropped" }));
            assert!(warning.contains(kind) && warning.contains("sendWhatsappMessage"), "{warning}");
        }
        let (code, sentence) = bench.refused(json!({ "file": "large.jpg" }));
        assert_eq!(code, "MEDIA_TOO_LARGE");
        assert!(sentence.contains("5 242 881") || sentence.contains("5,242,881"), "{sentence}");
        assert_eq!(bench.refused(json!({ "file": "long.mp4" })).0, "MEDIA_TOO_LARGE");
        assert_eq!(bench.refused(json!({ "file": "page.html" })).0, "MEDIA_TYPE");
        let warning = bench.warned(json!({ "file": "missing.jpg" }));
        assert!(warning.contains("404"), "{warning}");
        let folder = bench.close();
        assert_eq!(
            folder.count("SELECT count(*) FROM messages"),
            5,
            "what was refused was never about to leave"
        );
    }
}

#[test]
fn a_neighbour_is_not_asked_for_its_media() {
    let neighbour = Neighbour::new();
    let port = neighbour.0.local_addr().unwrap().port();
    let bench = Bench::new("production", "", "");
    for url in [
        neighbour.url(),
        format!("https://127.0.0.1:{port}/a.png"),
        format!("https://0177.0.0.1:{port}/a.png"),
        format!("https://2130706433:{port}/a.png"),
        format!("https://[::ffff:127.0.0.1]:{port}/a.png"),
        format!("https://localhost:{port}/a.png"),
        "https://169.254.169.254/computeMetadata/v1/".to_owned(),
    ] {
        let warning = bench.warned(json!({ "url": url, "body": "x" }));
        assert!(warning.contains("could not be looked at"), "{url}: {warning}");
        assert!(!neighbour.was_visited(), "{url}");
    }
    bench.close();

    let bench = Bench::new("production", "", "media_check = 'strict'");
    assert_eq!(bench.refused(json!({ "url": neighbour.url() })).0, "MEDIA_FORBIDDEN");
    assert_eq!(bench.refused(json!({ "file": "missing.jpg" })).0, "MEDIA_UNREACHABLE");
    bench.close();

    let bench = Bench::new("production", "", "media_check = 'off'");
    assert_eq!(bench.send(json!({ "url": neighbour.url(), "body": "x" }))["warnings"], json!([]));
    bench.close();

    // Where the simulator stands for Twilio, media elsewhere are not looked at.
    let bench = Bench::new("simulator", "", "media_check = 'strict'");
    assert_eq!(bench.send(json!({ "url": neighbour.url(), "body": "x" }))["warnings"], json!([]));
    bench.close();
    assert!(!neighbour.was_visited());
}

#[test]
fn a_test_may_look_into_its_own_network() {
    let neighbour = Neighbour::new();
    let url = neighbour.url();
    let answers = std::thread::spawn(move || {
        use std::io::{Read, Write};
        neighbour.0.set_nonblocking(false).unwrap();
        let (mut stream, _) = neighbour.0.accept().unwrap();
        let mut request = [0; 2000];
        let length = stream.read(&mut request).unwrap();
        let answer = "HTTP/1.1 206 Partial Content\r\ncontent-type: video/mp4\r\ncontent-range: bytes 0-0/99999999\r\n\
                      content-length: 1\r\n\r\nx";
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8_lossy(&request[..length]).to_lowercase()
    });
    let bench = Bench::new("production", "dangerous_local_media = true", "");
    assert_eq!(bench.refused(json!({ "url": url })).0, "MEDIA_TOO_LARGE");
    assert!(answers.join().unwrap().contains("range: bytes=0-0"));
    bench.close();
}
