//! What can happen to one outside call, and the plan that says which call it happens to.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// What happens to one outside call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies before the request leaves.
    CrashBefore,
    /// The request is applied, and the process dies before it reads the answer.
    CrashAfter,
    /// The service refuses once and does nothing: throttled, overloaded, or the connection is refused.
    Refused,
    /// The service refuses the call and every resend of it.
    Down,
    /// It is applied and the answer is lost; a resend gets through.
    LostOnce,
    /// It is applied and the answer is lost, of every resend too.
    Lost,
    /// The caller gives up waiting; the request lands later: an AWS write after the next attempt has claimed, a
    /// provider's at the very end of a request's longest life.
    Late,
    /// The call hangs until the invocation is cut off; the request never lands.
    Slow,
    /// The call hangs until the invocation is cut off; the request was applied.
    SlowApplied,
    /// The call hangs until the invocation is cut off; the request lands later, as with [`Fault::Late`].
    SlowLate,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Refused,
        Self::Down,
        Self::LostOnce,
        Self::Lost,
        Self::Late,
        Self::Slow,
        Self::SlowApplied,
        Self::SlowLate,
    ];

    /// One of each family, for the point of this number: the variants of a family take turns over the points.
    #[must_use]
    pub fn six(point: u32) -> [Self; 6] {
        let even = point.is_multiple_of(2);
        [
            Self::CrashBefore,
            Self::CrashAfter,
            if even { Self::Refused } else { Self::Down },
            if even { Self::Lost } else { Self::LostOnce },
            Self::Late,
            match point % 3 {
                0 => Self::Slow,
                1 => Self::SlowApplied,
                _ => Self::SlowLate,
            },
        ]
    }

    /// The word in an id and in a trace.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
            Self::Refused => "refused",
            Self::Down => "down",
            Self::LostOnce => "lost-once",
            Self::Lost => "lost",
            Self::Late => "late",
            Self::Slow => "slow",
            Self::SlowApplied => "slow-applied",
            Self::SlowLate => "slow-late",
        }
    }

    /// It lasts over the SDK's resends of the call.
    pub(crate) fn lasts(self) -> bool {
        matches!(self, Self::Down | Self::Lost)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == name)
    }
}

/// Which fault meets which point: the points of a life are its outside calls, numbered from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan(pub BTreeMap<u32, Fault>);

impl Plan {
    /// This plan and one fault more.
    #[must_use]
    pub fn with(&self, point: u32, fault: Fault) -> Self {
        let mut plan = self.clone();
        plan.0.insert(point, fault);
        plan
    }

    /// As it stands in an id: `17:crash-after,23:late`, or `-` for none.
    #[must_use]
    pub fn print(&self) -> String {
        if self.0.is_empty() {
            return "-".to_owned();
        }
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(point, fault)| format!("{point}:{}", fault.as_str()))
            .collect();
        parts.join(",")
    }

    /// Reads what [`Plan::print`] wrote.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let mut plan = Self::default();
        for part in text.split(',').filter(|part| *part != "-" && !part.is_empty()) {
            let (point, name) = part.split_once(':').context("a fault is `<point>:<name>`")?;
            let Some(fault) = Fault::from_name(name) else {
                bail!("no fault has this name name=`{name}`");
            };
            plan.0
                .insert(point.parse().context("a point is a number")?, fault);
        }
        Ok(plan)
    }
}
