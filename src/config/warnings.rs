//! What is allowed and yet probably not meant.

use std::net::{Ipv4Addr, Ipv6Addr};

use toml::de::DeTable;
use url::{Host, Url};

use super::params::{Environment, Params};
use super::reader::{Field, Source, find};
use super::{codes, doubtful, secrets};
use crate::base::{Diagnostic, Exposure, Place};

/// The warnings about a file, in no order that matters.
pub(super) fn of<'a>(
    params: &Params,
    source: &'a Source<'a>,
    document: &'a DeTable<'a>,
    exposure: Option<Exposure>,
) -> Vec<Diagnostic> {
    let secret = exposure.and_then(|mode| exposed_secret(params, source, document, mode));
    let simulator = simulator_in_the_open(params, source, document);
    [no_applications(params), secret, unreachable(params, source, document), simulator]
        .into_iter()
        .flatten()
        .chain(doubtful::of(params, source, document))
        .collect()
}

fn no_applications(params: &Params) -> Option<Diagnostic> {
    params.applications.is_empty().then(|| {
        Diagnostic::warning(codes::NO_APPLICATIONS, "there is no application, so nothing will run")
            .at(Place::file(&params.file))
            .help("add a section `[applications.NAME.WHATSAPP]`; the shipped app-params.toml explains it")
    })
}

/// The simulator asks nobody who he is: it is for this computer.
fn simulator_in_the_open<'a>(
    params: &Params,
    source: &'a Source<'a>,
    document: &'a DeTable<'a>,
) -> Option<Diagnostic> {
    let used = params.applications.values().any(|one| one.whatsapp.environment == Environment::Simulator);
    let field = find(source, document, &["simulator", "listen"])?;
    let open = !params.simulator.listen.ip().is_loopback();
    (used && open).then(|| {
        let message = "the simulator is served to other computers: whoever reaches it reads all messages and plays any phone";
        Diagnostic::warning(codes::SIMULATOR_EXPOSED, message)
            .at(source.place(field.start()))
            .help("write `127.0.0.1:8081`; who must see it from elsewhere can use a tunnel, as SSH makes one")
    })
}

/// The names of the applications that talk to Twilio itself.
fn outside_the_simulator(params: &Params) -> impl Iterator<Item = &str> {
    let applications = params.applications.values();
    let outside = applications.filter(|one| one.whatsapp.environment != Environment::Simulator);
    outside.map(|application| application.id.as_str())
}

/// One warning for the file, at its first secret: the remedy is the same for all.
fn exposed_secret<'a>(
    params: &Params,
    source: &'a Source<'a>,
    document: &'a DeTable<'a>,
    mode: Exposure,
) -> Option<Diagnostic> {
    let sections = outside_the_simulator(params).flat_map(|app| {
        let own = find(source, document, &["applications", app, "WHATSAPP"]);
        let companies = find(source, document, &["applications", app, "companies"]);
        let companies = companies.map(|field| field.entries()).unwrap_or_default();
        let of_companies = companies.into_iter().flat_map(|company| company.entries());
        own.into_iter().chain(of_companies).collect::<Vec<_>>()
    });
    let keys = sections.flat_map(|section| section.entries());
    let literals = keys
        .filter(|field| matches!(field.key, "auth_key" | "api_key_secret"))
        .filter_map(|field| secrets::literal_at(&field));
    let first = literals.min_by_key(Field::start)?;
    let warning = Diagnostic::warning(
        codes::SECRET_EXPOSED,
        format!(
            "`{}` is written out in a file that other users of this computer can read (mode {mode})",
            first.key
        ),
    );
    let file = params.file.display();
    Some(warning.at(source.place(first.start())).help(format!(
        "make it the owner's alone (chmod 600 {file}), or write `{{ env = \"NAME\" }}` or `{{ file = \"path\" }}`"
    )))
}

fn unreachable<'a>(params: &Params, source: &'a Source<'a>, document: &'a DeTable<'a>) -> Option<Diagnostic> {
    let application = outside_the_simulator(params).next()?;
    let written = find(source, document, &["host", "public_url"]);
    let (what, at) = match (&params.host.public_url, written) {
        (Some(url), Some(field)) => (why_unreachable(url)?, field),
        _ => (
            "`public_url` is missing, so Twilio can't send notifications to this host",
            find(source, document, &["applications", application, "WHATSAPP", "environment"])?,
        ),
    };
    let warning = Diagnostic::warning(codes::PUBLIC_URL_UNREACHABLE, what).at(source.place(at.start()));
    Some(warning.help(
        "under `[host]`, write the https URL at which the internet reaches this host, a tunnel's for a trial",
    ))
}

fn why_unreachable(url: &Url) -> Option<&'static str> {
    let local = match url.host()? {
        Host::Domain(name) => is_local_name(name.trim_end_matches('.')),
        Host::Ipv4(address) => is_local_v4(address),
        Host::Ipv6(address) => is_local_v6(address),
    };
    if local {
        return Some("`public_url` is an address of this computer or network, which Twilio can't reach");
    }
    (url.scheme() == "http")
        .then_some("`public_url` is not https, so phone numbers would cross the internet in the clear")
}

/// Names that no public name server knows (RFC 6761, RFC 6762, RFC 8375) and names without a domain.
fn is_local_name(name: &str) -> bool {
    let top = name.rsplit('.').next().unwrap_or(name);
    !name.contains('.')
        || matches!(top, "localhost" | "local" | "internal" | "test")
        || name.ends_with(".home.arpa")
}

/// Loopback, private (RFC 1918), shared (RFC 6598), link-local and unspecified addresses.
fn is_local_v4(address: Ipv4Addr) -> bool {
    let shared = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
    address.is_loopback()
        || address.is_private()
        || shared
        || address.is_link_local()
        || address.is_unspecified()
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some_and(is_local_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_and_unencrypted_urls_are_told_from_public_ones() {
        for local in [
            "https://localhost",
            "https://app.localhost:8443",
            "https://127.0.0.1",
            "https://10.1.2.3",
            "https://192.168.1.5",
            "https://172.31.0.1",
            "https://100.64.0.1",
            "https://169.254.1.1",
            "https://0.0.0.0",
            "https://[::1]",
            "https://[fd00::1]",
            "https://[fe80::1]",
            "https://[::ffff:10.0.0.1]",
            "https://mybox",
            "https://mybox.local",
        ] {
            assert!(why_unreachable(&Url::parse(local).unwrap()).unwrap().contains("can't reach"), "{local}");
        }
        let clear = why_unreachable(&Url::parse("http://bots.example.com").unwrap());
        assert!(clear.unwrap().contains("not https"));
        for public in
            ["https://bots.example.com/x", "https://8.8.8.8", "https://172.32.0.1", "https://100.128.0.1"]
        {
            assert_eq!(why_unreachable(&Url::parse(public).unwrap()), None, "{public}");
        }
    }
}
