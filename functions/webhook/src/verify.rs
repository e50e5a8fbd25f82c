//! The second move: the org's own secret over the raw bytes.

use std::sync::Arc;

use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::{SecretRef, Settings};
use ratchet_guard::clock::Millis;
use ratchet_providers::signature::{self, SignatureError};
use ratchet_runtime::orgs::{OrgError, Orgs};

use crate::answer::Answer;
use crate::request::{Request, Source};

/// A request whose sender is proved. Only [`verify`] makes one, and the other moves take nothing else.
pub(crate) struct Signed {
    request: Request,
    org: OrgId,
    settings: Arc<Settings>,
}

impl Signed {
    /// Whose hook it is.
    pub(crate) fn org(&self) -> &OrgId {
        &self.org
    }

    /// The org's settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who sent it.
    pub(crate) fn source(&self) -> Source {
        self.request.source()
    }

    /// A header's value. Signatures cover no header but a timestamp: these are hints and ids, never proofs.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// The signed bytes.
    pub(crate) fn body(&self) -> &[u8] {
        self.request.body()
    }
}

/// Proves the sender.
///
/// # Errors
/// 401 for whoever is not proved, with one answer for all causes; 503 where that could not be found out, since a vendor
/// sends again after a 503 and not after a 401.
pub(crate) async fn verify(orgs: &Orgs, now_ms: Millis, request: Request) -> Result<Signed, Answer> {
    let org = OrgId::parse(request.org()).map_err(|_| refused("malformed_org"))?;
    let settings = orgs.settings(&org).await.map_err(answer)?;
    let reference = secret_of(&settings, request.source()).ok_or_else(|| refused("not_configured"))?;
    let secret = orgs.secret(reference).await.map_err(answer)?;
    let header = |name: &str| request.header(name);
    let verdict: Result<(), SignatureError> = match request.source() {
        Source::Zendesk => signature::zendesk(header, request.body(), &secret, now_ms),
        Source::Intercom => signature::intercom(header, request.body(), &secret),
        Source::Github => signature::github(header, request.body(), &secret),
    };
    verdict.map_err(|error| refused(error.reason()))?;
    Ok(Signed {
        request,
        org,
        settings,
    })
}

fn refused(cause: &'static str) -> Answer {
    Answer::Unauthorized { cause }
}

fn secret_of(settings: &Settings, source: Source) -> Option<&SecretRef> {
    match source {
        Source::Zendesk => settings.zendesk.as_ref().map(|zendesk| &zendesk.signing_secret),
        Source::Intercom => settings.intercom.as_ref().map(|intercom| &intercom.client_secret),
        Source::Github => settings.github.as_ref()?.webhook_secret.as_ref(),
    }
}

fn answer(error: OrgError) -> Answer {
    match error {
        OrgError::Unknown(_) => refused("unknown_org"),
        OrgError::Absent { .. } => refused("not_configured"),
        // An operator mends these; until then the vendor sends again.
        OrgError::Invalid { .. } | OrgError::Unread { .. } | OrgError::Secret(_) => {
            Answer::unavailable(&error)
        }
    }
}
