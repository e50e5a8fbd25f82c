//! The trace that an event begins or belongs to.

use ratchet_domain::ids::digest_of;

/// Digits of a W3C trace id.
const DIGITS: usize = 32;

/// The trace id, 32 lower-case hex digits: X-Ray's root, else the `traceparent` of the caller, else a hash of the
/// event's key, so that an event without a trace has the same one on every delivery.
pub(crate) fn of<'h>(header: impl Fn(&str) -> Option<&'h str>, key: &str) -> String {
    let x_ray = || root(header("x-amzn-trace-id")?);
    let w3c = || parent(header("traceparent")?);
    x_ray()
        .or_else(w3c)
        .unwrap_or_else(|| digest_of(&["trace", key]).chars().take(DIGITS).collect())
}

/// `Root=1-<8 digits>-<24 digits>` among the fields of X-Ray's header.
fn root(value: &str) -> Option<String> {
    let root = value
        .split(';')
        .find_map(|field| field.trim().strip_prefix("Root=1-"))?;
    let (time, rest) = root.split_once('-')?;
    (time.len() == 8).then(|| trace_id(&format!("{time}{rest}")))?
}

/// `<version>-<trace id>-<parent id>-<flags>`.
fn parent(value: &str) -> Option<String> {
    trace_id(value.split('-').nth(1)?)
}

/// Thirty-two hex digits that are not all zero.
fn trace_id(digits: &str) -> Option<String> {
    let is_id = digits.len() == DIGITS
        && digits.chars().all(|c| c.is_ascii_hexdigit())
        && digits.chars().any(|c| c != '0');
    is_id.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn with(x_ray: Option<&'static str>, w3c: Option<&'static str>) -> String {
        of(
            |name| if name == "traceparent" { w3c } else { x_ray },
            "acme#zendesk#1#e",
        )
    }

    #[test]
    fn x_ray_comes_before_w3c_and_both_before_the_key() {
        let x_ray = "Self=1-1-2;Root=1-5759e988-bd862e3fe1be46a994272793; Sampled=1";
        assert_eq!(with(Some(x_ray), Some(W3C)), "5759e988bd862e3fe1be46a994272793");
        assert_eq!(with(None, Some(W3C)), "4bf92f3577b34da6a3ce929d0e0e4736");
        let derived = with(None, None);
        assert_eq!(trace_id(&derived), Some(derived.clone()));
    }

    #[test]
    fn what_is_no_trace_id_is_passed_over() {
        let derived = with(None, None);
        for x_ray in [
            "",
            "Root=",
            "Root=1-5759e988",
            "Root=2-5759e988-bd862e3fe1be46a994272793",
            "Root=1-5759-bd862e3fe1be46a9942727931234",
            "Root=1-5759e988-bd862e3fe1be46a99427279é",
        ] {
            assert_eq!(with(Some(x_ray), None), derived, "{x_ray}");
        }
        for w3c in [
            "",
            "-",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-zz-1-1",
        ] {
            assert_eq!(with(None, Some(w3c)), derived, "{w3c}");
        }
    }
}
