//! The desk where a ticket lives: Zendesk or Intercom.

use ratchet_domain::ids::TicketNumber;
use ratchet_domain::settings;
use ratchet_domain::ticket::Ticket;
use ratchet_guard::clock::Millis;
use ratchet_providers::error::ProviderError;
use ratchet_providers::intercom::Intercom;
use ratchet_providers::secret::Secret;
use ratchet_providers::zendesk::Zendesk;

use super::Door;

/// A way to the provider that a ticket is at.
#[derive(Debug, Clone)]
pub enum Desk {
    /// Zendesk Support.
    Zendesk(ZendeskAccess),
    /// Intercom conversations.
    Intercom(IntercomAccess),
}

impl Desk {
    /// The ticket as it is now.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn ticket(&self, number: &TicketNumber) -> Result<Ticket, ProviderError> {
        match self {
            Self::Zendesk(zendesk) => zendesk.client().ticket(number).await,
            Self::Intercom(intercom) => intercom.client().conversation(number).await,
        }
    }
}

/// A way to Zendesk.
#[derive(Debug, Clone)]
pub struct ZendeskAccess {
    pub(super) door: Door,
    pub(super) settings: settings::Zendesk,
    pub(super) token: Secret,
}

impl ZendeskAccess {
    /// A client for one call.
    #[must_use]
    pub fn client(&self) -> Zendesk<'_> {
        let settings = &self.settings;
        Zendesk::new(
            self.door.wire(),
            &settings.base_url,
            &settings.email,
            &self.token,
            &settings.integration_user_id,
        )
    }
}

/// A way to Intercom.
#[derive(Debug, Clone)]
pub struct IntercomAccess {
    pub(super) door: Door,
    pub(super) settings: settings::Intercom,
    pub(super) token: Secret,
}

impl IntercomAccess {
    /// A client for one call.
    #[must_use]
    pub fn client(&self) -> Intercom<'_> {
        Intercom::new(
            self.door.wire(),
            &self.settings.base_url,
            &self.token,
            &self.settings.admin_id,
        )
    }

    /// Where a search begins for what was sent at `at_ms` or later, by Intercom's clock; ms since 1970.
    #[must_use]
    pub fn since_ms(&self, at_ms: Millis) -> Millis {
        self.door.since_ms(at_ms)
    }

    /// Who our replies come from.
    #[must_use]
    pub fn admin_id(&self) -> &str {
        &self.settings.admin_id
    }
}
