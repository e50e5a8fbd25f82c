//! Webhooks, from the raw bytes to the decision.

use std::cell::OnceCell;

use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Verdict;
use crate::headers::Parts;
use crate::intake::{self, Intake, NOW, Told, Vendor, is_genuine};

/// Why the intake itself passes an event over.
const OWN_WORDS: [&str; 3] = ["our own change", "internal comment", "staff comment"];

/// A request to Zendesk's hook.
pub(crate) fn zendesk(input: &[u8]) -> Verdict {
    with(|intake| request(intake, Vendor::Zendesk, input))
}

/// A request to Intercom's hook.
pub(crate) fn intercom(input: &[u8]) -> Verdict {
    with(|intake| request(intake, Vendor::Intercom, input))
}

/// A request to GitHub's hook.
pub(crate) fn github(input: &[u8]) -> Verdict {
    with(|intake| request(intake, Vendor::Github, input))
}

/// The event of API Gateway itself, as Lambda hands it over.
pub(crate) fn event(input: &[u8]) -> Verdict {
    let Ok(event) = serde_json::from_slice::<ApiGatewayV2httpRequest>(input) else {
        // The runtime answers for the function, and nothing of ours has run.
        return Ok("not an event".to_owned());
    };
    with(|intake| {
        let before = intake.messages();
        let told = intake.call(event)?;
        decided(&told)?;
        // No event here carries a signature of its own making.
        if intake.messages() != before {
            return Err(format!("an unsigned event sent a message: {told:?}"));
        }
        Ok(format!("{} {}", told.code, told.status))
    })
}

fn with(run: impl FnOnce(&Intake) -> Verdict) -> Verdict {
    thread_local! {
        static INTAKE: OnceCell<Result<Intake, String>> = const { OnceCell::new() };
    }
    INTAKE.with(|intake| {
        let intake = intake.get_or_init(|| Intake::new().map_err(|error| format!("{error:#}")));
        run(intake.as_ref().map_err(Clone::clone)?)
    })
}

/// Hands a request over. Bytes without headers are signed as the vendor would; with headers they come as they are, and
/// `:sign: <time>` among them signs them too.
fn request(intake: &Intake, vendor: Vendor, input: &[u8]) -> Verdict {
    let parts = Parts::of(input);
    let method = parts.about("method").unwrap_or("POST").to_owned();
    let own = format!("/hooks/acme/{}", vendor.as_str());
    let path = parts.about("path").unwrap_or(&own).to_owned();
    let signed_at = match (&parts.headers, parts.about("sign")) {
        (None, _) => Some(NOW.to_owned()),
        (Some(_), time) => time.map(str::to_owned),
    };
    let mut headers = HeaderMap::new();
    if let Some(time) = &signed_at {
        for (name, value) in vendor.sign(time, &parts.body) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
    for (name, value) in parts.headers.iter().flatten() {
        headers.insert(name, value.clone());
    }
    let event = || intake::event(&method, &path, headers.clone(), &parts.body);
    let before = intake.messages();
    let told = intake.call(event())?;
    decided(&told)?;
    let sent = intake.messages() - before;
    let genuine = is_genuine(vendor, &headers, &parts.body);
    check(&told, sent, genuine && path == own)?;
    if sent > 0 {
        let again = intake.call(event())?;
        if again.status != "duplicate" || intake.messages() != before + sent {
            return Err(format!("a second delivery is not a duplicate: {again:?}"));
        }
    }
    // The kind of an ignored event is the sender's word, and there are as many as there are words.
    let length = if told.status == "ignored" && !OWN_WORDS.contains(&told.reason.as_str()) {
        0
    } else {
        48
    };
    // A line and a column make no class of their own.
    let letters = told.reason.chars().filter(|c| !c.is_ascii_digit());
    let why: String = letters.take(length).collect();
    Ok(format!("{} {} {why}", told.code, told.status))
}

/// What a decision must be, whatever came.
fn decided(told: &Told) -> Result<(), String> {
    let codes = [200, 400, 401, 404, 405, 413, 415];
    let words = ["accepted", "duplicate", "ignored", "error"];
    let is_alive = told.code == 200 && told.text.is_empty();
    if !codes.contains(&told.code) || !(is_alive || words.contains(&told.status.as_str())) {
        return Err(format!("no decision of the table: {told:?}"));
    }
    if told.code == 401 && told.text != r#"{"status":"error","reason":"unauthorized"}"# {
        return Err(format!("a refusal tells more than that: {told:?}"));
    }
    Ok(())
}

fn check(told: &Told, sent: usize, genuine: bool) -> Result<(), String> {
    let is_read = matches!(told.status.as_str(), "accepted" | "duplicate")
        || !told.reason.is_empty() && told.code == 200;
    if is_read && !genuine {
        return Err(format!("a body without its signature is read: {told:?}"));
    }
    let is_accepted = told.status == "accepted";
    if sent != usize::from(is_accepted) {
        return Err(format!("{sent} messages for one that is {}", told.status));
    }
    Ok(())
}
