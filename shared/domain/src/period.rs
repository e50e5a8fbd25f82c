//! Billing periods: calendar months in the org's time zone, taken from the entry's own time.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A time (ms since the Unix epoch) as `2026-11-01T09:30:00Z`, in whole seconds.
#[must_use]
pub fn instant(at_ms: u64) -> String {
    let at = i64::try_from(at_ms / 1000)
        .ok()
        .and_then(|at_s| Timestamp::from_second(at_s).ok())
        .unwrap_or_default();
    at.to_string()
}

/// A time zone of the IANA database; UTC unless said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of an IANA name, as `Europe/Berlin`; `Etc/Unknown` names none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok();
        zone.filter(|zone| !zone.is_unknown()).map(Self)
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// When a calendar day, as `2026-11-30` and in no other form, begins there, in ms since the Unix epoch.
    #[must_use]
    pub fn start_of_day(&self, day: &str) -> Option<u64> {
        let date: jiff::civil::Date = day.parse().ok()?;
        if date.to_string() != day {
            return None;
        }
        let start = date.to_zoned(self.0.clone()).ok()?;
        u64::try_from(start.timestamp().as_millisecond()).ok()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// A calendar month, as `2026-11`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(String);

impl Period {
    /// The month of a time (ms since the Unix epoch) in a zone.
    #[must_use]
    pub fn of(at_ms: u64, zone: &Zone) -> Self {
        let at = i64::try_from(at_ms)
            .ok()
            .and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok())
            .unwrap_or_default();
        let local = at.to_zoned(zone.0.clone());
        Self(format!("{:04}-{:02}", local.year(), local.month()))
    }

    /// Reads `YYYY-MM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let is_year = year.len() == 4 && year.chars().all(|c| c.is_ascii_digit());
        let is_month = month.len() == 2 && month.parse().is_ok_and(|month: u8| (1..=12).contains(&month));
        (is_year && is_month).then(|| Self(text.to_owned()))
    }

    /// As `2026-11`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The month before it.
    #[must_use]
    pub fn before(&self) -> Self {
        let (year, month) = self.year_and_month();
        if month == 1 {
            Self(format!("{:04}-12", year.saturating_sub(1)))
        } else {
            Self(format!("{year:04}-{:02}", month - 1))
        }
    }

    fn year_and_month(&self) -> (u32, u32) {
        let (year, month) = self.0.split_once('-').unwrap_or(("1970", "01"));
        (year.parse().unwrap_or(1970), month.parse().unwrap_or(1))
    }

    /// The month after it.
    #[must_use]
    pub fn next(&self) -> Self {
        let (year, month) = self.year_and_month();
        if month == 12 {
            Self(format!("{:04}-01", year + 1))
        } else {
            Self(format!("{year:04}-{:02}", month + 1))
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_turns_at_the_orgs_own_midnight() {
        // 2026-10-31T23:30:00Z is already November in Berlin and still October in New York.
        let at_ms = 1_793_489_400_000;
        let month = |name| Zone::named(name).map(|zone| Period::of(at_ms, &zone).to_string());
        assert_eq!(month("UTC").as_deref(), Some("2026-10"));
        assert_eq!(month("Europe/Berlin").as_deref(), Some("2026-11"));
        assert_eq!(month("America/New_York").as_deref(), Some("2026-10"));
        assert_eq!(month("Mars/Olympus"), None);
        assert_eq!(month("Etc/Unknown"), None);
        assert_eq!(Period::of(at_ms, &Zone::default()).as_str(), "2026-10");
    }

    #[test]
    fn a_day_begins_at_the_zones_own_midnight() {
        let start = |name, day| Zone::named(name).and_then(|zone| zone.start_of_day(day));
        assert_eq!(start("UTC", "2026-11-01"), Some(1_793_491_200_000));
        assert_eq!(start("Europe/Berlin", "2026-11-01"), Some(1_793_487_600_000));
        assert_eq!(start("UTC", "2026-11-31"), None);
        for other in [
            "soon",
            "20261101",
            "2026-11-1",
            "2026-11-01T10:00",
            "2026-11-01T00:00Z",
            "+002026-11-01",
            " 2026-11-01",
        ] {
            assert_eq!(start("UTC", other), None, "{other}");
        }
    }

    #[test]
    fn december_is_followed_by_january() {
        assert_eq!(
            Period::parse("2026-12").map(|period| period.next()),
            Period::parse("2027-01")
        );
        for month in ["2026-01", "2026-12", "2027-01"] {
            let period = Period::parse(month).unwrap();
            assert_eq!(period.next().before(), period);
        }
        assert!(Period::parse("2026-13").is_none());
        assert!(Period::parse("26-1").is_none());
    }
}
