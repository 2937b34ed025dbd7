//! `curl`, as far as the pages use it: the tests read what its lines ask for themselves, so that they need no program
//! beside the one that they test.

use std::time::Duration;

use boatswain::whatsapp::Form;

/// How long a request may take before a test gives up; nothing comes near it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The words of a shell's line up to a comment: quotes are taken away, variables put in, also within double quotes.
pub fn words(line: &str, variable: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '$') => {
                let mut name = String::new();
                while let Some(c) = rest.next_if(char::is_ascii_uppercase) {
                    name.push(c);
                }
                word.get_or_insert_default().push_str(&variable(&name));
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is not closed: {line}");
    words.extend(word);
    words
}

/// What `curl` is told to do.
#[derive(Default)]
pub struct Request {
    method: Option<String>,
    url: String,
    user: Option<(String, String)>,
    headers: Vec<(String, String)>,
    form: Form,
    json: Option<String>,
    in_query: bool,
    max_time: Option<Duration>,
    follow: bool,
}

impl Request {
    pub fn of(words: Vec<String>) -> Self {
        let mut words = words.into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"));
        let mut request = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} wants a value"));
            match word.as_str() {
                "-s" | "-i" => {}
                "-L" => request.follow = true,
                "-G" => request.in_query = true,
                "-X" => request.method = Some(value()),
                "-m" => request.max_time = Some(Duration::from_secs_f64(value().parse().unwrap())),
                "-u" => {
                    let value = value();
                    let (name, password) = value.split_once(':').unwrap();
                    request.user = Some((name.to_owned(), password.to_owned()));
                }
                "-H" => {
                    let value = value();
                    let (name, content) = value.split_once(": ").unwrap();
                    request.headers.push((name.to_owned(), content.to_owned()));
                }
                "--data-urlencode" => {
                    let value = value();
                    let (name, content) = value.split_once('=').unwrap();
                    request.form.push(name, content);
                }
                "-d" => {
                    let more = Form::parse(value().as_bytes()).unwrap();
                    more.pairs().iter().for_each(|(name, content)| request.form.push(name, content));
                }
                "--json" => request.json = Some(value()),
                option if option.starts_with('-') => panic!("the tests know no {option}"),
                _ => assert_eq!(std::mem::replace(&mut request.url, word), "", "one URL"),
            }
        }
        request
    }

    pub async fn send(self) -> Result<Answered, reqwest::Error> {
        let has_body = !self.form.pairs().is_empty() && !self.in_query || self.json.is_some();
        let method = self.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" });
        let url = if self.in_query { format!("{}?{}", self.url, self.form.encode()) } else { self.url };
        let redirects = if self.follow {
            reqwest::redirect::Policy::limited(5)
        } else {
            reqwest::redirect::Policy::none()
        };
        let client = reqwest::Client::builder().no_proxy().redirect(redirects).build()?;
        let mut request = client.request(method.parse().unwrap(), url);
        request = request.timeout(self.max_time.unwrap_or(PATIENCE));
        if let Some((name, password)) = self.user {
            request = request.basic_auth(name, Some(password));
        }
        for (name, content) in self.headers {
            request = request.header(name, content);
        }
        if let Some(json) = self.json {
            request = request.header("content-type", "application/json").body(json);
        } else if has_body {
            request =
                request.header("content-type", "application/x-www-form-urlencoded").body(self.form.encode());
        }
        let answer = request.send().await?;
        let status = format!("HTTP/1.1 {}", answer.status());
        let headers = answer.headers().iter();
        let headers = headers
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()).to_lowercase());
        let head: Vec<_> = std::iter::once(status).chain(headers).collect();
        Ok(Answered { head, body: answer.text().await? })
    }
}

pub struct Answered {
    /// The line of the status, and the headers in lower case.
    pub head: Vec<String>,
    pub body: String,
}
