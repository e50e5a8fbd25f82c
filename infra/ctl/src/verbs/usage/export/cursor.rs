//! How far an export is.

use std::collections::BTreeMap;

use ratchet_domain::period::Period;

/// How many entries of each period have been exported: `2026-11=120,2026-12=4`. Periods that are not named and lie between
/// the first and now are at nought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(BTreeMap<Period, u64>);

impl Cursor {
    /// Before the first entry of this period.
    #[must_use]
    pub fn before(period: Period) -> Self {
        Self(BTreeMap::from([(period, 0)]))
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// The form that it must have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let part = |part: &str| {
            let (period, count) = part.split_once('=')?;
            Some((Period::parse(period)?, count.parse().ok()?))
        };
        let parts: Option<Vec<(Period, u64)>> = text.split(',').map(part).collect();
        let parts =
            parts.ok_or_else(|| "must be a cursor of an export, as 2026-11=120,2026-12=4".to_owned())?;
        Ok(Self(parts.into_iter().collect()))
    }

    /// The periods that it names and their counts, in order.
    #[must_use]
    pub fn periods(&self) -> &BTreeMap<Period, u64> {
        &self.0
    }

    /// How many entries of the period have been exported.
    #[must_use]
    pub fn count(&self, period: &Period) -> u64 {
        self.0.get(period).copied().unwrap_or(0)
    }

    /// One more entry of the period has been exported.
    pub fn advance(&mut self, period: &Period) {
        *self.0.entry(period.clone()).or_default() += 1;
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(period, count)| format!("{period}={count}"))
            .collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nonsense_is_not() {
        let text = "2026-11=120,2026-12=4";
        assert_eq!(
            Cursor::parse(text).map(|cursor| cursor.to_string()).as_deref(),
            Ok(text)
        );
        for text in ["", "2026-11", "2026-13=1", "2026-11=-1", "x=1"] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }
}
