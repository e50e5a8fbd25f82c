//! How messages and people behave in a schedule.

use anyhow::{Context as _, Result, bail};

/// How often, in which order and with whom at once things are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// Each thing once.
    Once,
    /// Each webhook and each message a second time, right after the first.
    Twice,
    /// When all is done, every webhook and every message once more.
    Again,
    /// Two invocations at once for each webhook and each message, call by call in turns.
    Two,
    /// Three at once.
    Three,
    /// A ticket and the customer's comment on it; the later event comes first.
    Reversed,
    /// The customer says more while the first content is on its way.
    Comment,
    /// A person closes every pull request as soon as it is there.
    Closed,
}

impl Pattern {
    /// Every pattern.
    pub const ALL: [Self; 8] = [
        Self::Once,
        Self::Twice,
        Self::Again,
        Self::Two,
        Self::Three,
        Self::Reversed,
        Self::Comment,
        Self::Closed,
    ];

    /// The word in an id.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Twice => "twice",
            Self::Again => "again",
            Self::Two => "two",
            Self::Three => "three",
            Self::Reversed => "reversed",
            Self::Comment => "comment",
            Self::Closed => "closed",
        }
    }

    /// The pattern of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pattern| pattern.as_str() == name)
    }
}

/// The frame of a schedule: everything but its faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// How deliveries go.
    pub pattern: Pattern,
    /// How many tickets there are.
    pub tickets: u32,
    /// Each is commented on before any webhook comes.
    pub comment_first: bool,
    /// The model's scores stray.
    pub noisy: bool,
    /// A new message waits for the next mark of a coarse grid of time, so that lives that had a fault fall in step
    /// with those that had none.
    pub grid: bool,
}

impl Script {
    /// One ticket under this pattern.
    #[must_use]
    pub fn of(pattern: Pattern) -> Self {
        Self {
            pattern,
            tickets: 1,
            comment_first: pattern == Pattern::Reversed,
            noisy: false,
            grid: true,
        }
    }

    /// As it stands in an id: `<pattern>[+now][+noise]`.
    #[must_use]
    pub fn print(&self) -> String {
        let grid = if self.grid { "" } else { "+now" };
        let noise = if self.noisy { "+noise" } else { "" };
        format!("{}{grid}{noise}", self.pattern.as_str())
    }

    /// Reads what [`Script::print`] wrote.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = text.split('+');
        let name = words.next().unwrap_or_default();
        let pattern = Pattern::from_name(name).with_context(|| format!("no pattern is called `{name}`"))?;
        let mut script = Self::of(pattern);
        for word in words {
            match word {
                "now" => script.grid = false,
                "noise" => script.noisy = true,
                other => bail!("no frame has `{other}`"),
            }
        }
        Ok(script)
    }

    /// How many invocations get each message at once.
    pub(crate) fn at_once(&self) -> usize {
        match self.pattern {
            Pattern::Two => 2,
            Pattern::Three => 3,
            _ => 1,
        }
    }
}
