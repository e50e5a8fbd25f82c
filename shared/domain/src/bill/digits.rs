//! Numbers, written in one way.

/// Places before or behind the point that are written out; a number beyond them has an exponent.
const PLACES_MAX: usize = 40;

/// A decimal number without anything that says nothing: `-0`, `0.70` and `7e-1` are `0`, `0.7` and `0.7`.
///
/// A store keeps a number and not its digits, and gives them back in a form of its own; a hash over digits must not depend
/// on it. What is no number stays as it is.
pub(super) fn canonical(digits: &str) -> String {
    read(digits).unwrap_or_else(|| digits.to_owned())
}

fn read(digits: &str) -> Option<String> {
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    let behind_all = all.len() - all.trim_end_matches('0').len();
    let exponent: i64 = exponent.parse().ok()?;
    let exponent = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(behind_all).ok()?)?;
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    Some(format!("{sign}{}", written(significant, exponent)))
}

/// These digits, times ten to that power.
fn written(significant: &str, exponent: i64) -> String {
    let zeros = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
    if zeros > PLACES_MAX {
        return format!("{significant}e{exponent}");
    }
    if exponent >= 0 {
        return format!("{significant}{}", "0".repeat(zeros));
    }
    let missing = (zeros + 1).saturating_sub(significant.len());
    let padded = format!("{}{significant}", "0".repeat(missing));
    let (whole, fraction) = padded.split_at(padded.len() - zeros);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form_however_it_is_written() {
        for (written, one) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0e5", "0"),
            ("7", "7"),
            ("007", "7"),
            ("+7", "7"),
            ("70", "70"),
            ("7E1", "70"),
            ("0.7", "0.7"),
            ("0.70", "0.7"),
            (".7", "0.7"),
            ("7e-1", "0.7"),
            ("-7.0E-1", "-0.7"),
            ("1.5", "1.5"),
            ("150e-2", "1.5"),
            ("1E-7", "0.0000001"),
            ("0.0000001", "0.0000001"),
            ("1771027200000", "1771027200000"),
            ("1.7710272E+12", "1771027200000"),
            ("1e-300", "1e-300"),
            ("0.1e-299", "1e-300"),
            ("", ""),
            ("e", "e"),
            ("1.2.3", "1.2.3"),
            ("1e", "1e"),
            ("NaN", "NaN"),
        ] {
            assert_eq!(canonical(written), one, "{written}");
        }
    }

    #[test]
    fn numbers_that_differ_have_forms_that_differ() {
        let mut forms: Vec<String> = (-50..50)
            .flat_map(|exponent| (1..100).map(move |digits| canonical(&format!("{digits}e{exponent}"))))
            .collect();
        forms.sort_unstable();
        forms.dedup();
        // Each is one of 1 to 99 times a power of ten; those that end with a zero are there once more.
        assert_eq!(forms.len(), 100 * 90 + 9);
    }
}
