//! What a request does when it lands, and what a probe sees, for each face of a provider.

use super::rules::{Broken, Face, Guard};
use super::state::{Intent, Provider, Wire};

/// Effects beyond this one are not told apart.
const MANY: u8 = 2;

impl Guard {
    /// What a landing request does: the provider after it, and the reply.
    pub(super) fn land(&self, provider: &Provider, intent: Intent) -> (Provider, Wire) {
        let one_more = Provider {
            made: (provider.made + 1).min(MANY),
            ..provider.clone()
        };
        match self.face {
            // Each attempt sends once, so with a key of its own each landing is the first of its key.
            Face::Key if self.breaks(Broken::KeyPerAttempt) => (one_more, Wire::Landed),
            Face::Key => (Provider { made: 1, ..one_more }, Wire::Landed),
            Face::List | Face::AcceptDuplicates | Face::AcceptLoss => (one_more, Wire::Landed),
            Face::Search(lag) => (
                Provider {
                    hidden: lag,
                    ..one_more
                },
                Wire::Landed,
            ),
            Face::UniqueOpen if provider.open => (provider.clone(), Wire::Exists),
            Face::UniqueOpen => (
                Provider {
                    open: true,
                    ..one_more
                },
                Wire::Landed,
            ),
            Face::Version | Face::CoarseVersion if intent.version != provider.version => {
                (provider.clone(), Wire::Conflict)
            }
            Face::Version | Face::CoarseVersion => (self.touched(one_more), Wire::Landed),
        }
    }

    /// The object has changed: its version rises, but a coarse one only once within a tick.
    fn touched(&self, provider: Provider) -> Provider {
        let shared = self.face == Face::CoarseVersion && provider.touched;
        let version = provider.version + u8::from(!shared);
        Provider {
            version,
            touched: true,
            ..provider
        }
    }

    /// The probe finds the effect.
    pub(super) fn sees(&self, provider: &Provider) -> bool {
        match self.face {
            Face::Search(_) => provider.made > 0 && provider.hidden == 0,
            Face::UniqueOpen if self.breaks(Broken::OpenOnly) => provider.open,
            Face::UniqueOpen
            | Face::Key
            | Face::List
            | Face::Version
            | Face::CoarseVersion
            | Face::AcceptDuplicates
            | Face::AcceptLoss => provider.made > 0,
        }
    }

    /// What somebody else does to the provider's object, if anything.
    pub(super) fn changed_by_others(&self, provider: &Provider) -> Option<Provider> {
        match self.face {
            Face::UniqueOpen if provider.open => Some(Provider {
                open: false,
                ..provider.clone()
            }),
            Face::Version | Face::CoarseVersion => Some(self.touched(provider.clone())),
            Face::UniqueOpen
            | Face::Key
            | Face::List
            | Face::Search(_)
            | Face::AcceptDuplicates
            | Face::AcceptLoss => None,
        }
    }
}
