//! Which provider an address means.

use std::collections::BTreeMap;

use bytes::Bytes;
use ratchet_guard::clock::Millis;
use url::form_urlencoded;

use super::Provider;
use super::ask::Ask;

/// Takes a request apart; none where no provider lives at its address.
pub(crate) fn route(request: &http::Request<Bytes>, now_ms: Millis) -> Option<(Provider, Ask<'_>)> {
    let uri = request.uri();
    let authority = uri
        .authority()
        .map(ToString::to_string)
        .or_else(|| request.headers().get("host")?.to_str().ok().map(str::to_owned))
        .unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or("http");
    let mut segments: Vec<String> = uri.path().split('/').skip(1).map(decoded).collect();
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let host = authority
        .rsplit_once(':')
        .map_or(authority.as_str(), |(host, _)| host);
    let (provider, base, own_host) = match own_host(host) {
        Some((provider, inner)) => {
            segments.splice(0..0, inner.iter().map(|&part| part.to_owned()));
            (provider, format!("{scheme}://{authority}"), true)
        }
        None => {
            let first = segments.first()?;
            let provider = Provider::ALL
                .into_iter()
                .find(|provider| provider.as_str() == first)?;
            segments.remove(0);
            (
                provider,
                format!("{scheme}://{authority}/{}", provider.as_str()),
                false,
            )
        }
    };
    let query: BTreeMap<String, String> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let ask = Ask {
        method: request.method().as_str(),
        segments,
        query,
        headers: request.headers(),
        body: request.body(),
        base,
        own_host,
        now_ms,
    };
    Some((provider, ask))
}

/// The vendor of a real host name, and the path parts that stand for it inside the sandbox.
fn own_host(host: &str) -> Option<(Provider, &'static [&'static str])> {
    match host {
        "api.github.com" => Some((Provider::Github, &[])),
        "codeload.github.com" => Some((Provider::Github, &["_codeload"])),
        "slack.com" | "www.slack.com" => Some((Provider::Slack, &[])),
        "api.anthropic.com" => Some((Provider::Anthropic, &[])),
        other => other
            .ends_with(".zendesk.com")
            .then_some((Provider::Zendesk, &[] as &[&str])),
    }
}

/// Percent-decodes one part of a path; what is no escape stays as it is.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let pair = (byte == b'%')
            .then(|| Some((hex_digit(ahead.next()?)?, hex_digit(ahead.next()?)?)))
            .flatten();
        match pair {
            Some((high, low)) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routed(uri: &str) -> Option<(Provider, Vec<String>, String)> {
        let request = http::Request::get(uri)
            .header("host", "127.0.0.1:4000")
            .body(Bytes::new())
            .unwrap();
        let (provider, ask) = route(&request, 0)?;
        Some((provider, ask.segments, ask.base))
    }

    #[test]
    fn a_vendors_host_is_known() {
        let (provider, parts, base) = routed("https://acme.zendesk.com/api/v2/tickets/7").unwrap();
        assert_eq!((provider, parts.len()), (Provider::Zendesk, 4));
        assert_eq!(base, "https://acme.zendesk.com");
        assert_eq!(
            routed("https://codeload.github.com/a/b").unwrap().1,
            ["_codeload", "a", "b"]
        );
        assert_eq!(
            routed("https://slack.com/api/auth.test").unwrap().0,
            Provider::Slack
        );
    }

    #[test]
    fn a_prefix_stands_for_a_host() {
        let (provider, parts, base) = routed("http://127.0.0.1:4000/github/repos/a/b%20c").unwrap();
        assert_eq!(provider, Provider::Github);
        assert_eq!(parts, ["repos", "a", "b c"]);
        assert_eq!(base, "http://127.0.0.1:4000/github");
        assert_eq!(
            routed("/anthropic/v1/messages").unwrap().2,
            "http://127.0.0.1:4000/anthropic"
        );
    }

    #[test]
    fn anything_else_is_nobody() {
        assert!(routed("http://127.0.0.1:4000/").is_none());
        assert!(routed("https://example.test/zen/api").is_none());
    }

    #[test]
    fn a_broken_escape_stays_text() {
        assert_eq!(decoded("50%"), "50%");
        assert_eq!(decoded("%4"), "%4");
        assert_eq!(decoded("%zz%41"), "%zzA");
    }
}
