//! Tokens of GitHub App installations: kept for most of their hour, and dropped when GitHub refuses one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use ratchet_domain::ids::OrgId;
use ratchet_guard::StageError;
use ratchet_guard::clock::Millis;
use ratchet_providers::github::{App, InstallationToken, app_jwt};
use ratchet_providers::secret::Secret;
use ratchet_providers::transport::{Transport, TransportError};

use super::Door;
use crate::outcome::not_read;

/// Left of an installation token's life when a new one is asked for, as a part of its whole life of an hour.
const TOKEN_LIFE_PART: u64 = 6;

/// Whose token: an org's, for an installation. Never shared between orgs, since each must show its own key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) org: OrgId,
    pub(super) api_url: String,
    pub(super) installation_id: String,
}

/// The tokens of a process.
#[derive(Clone, Default)]
pub(super) struct Installations(Arc<Mutex<BTreeMap<Slot, (InstallationToken, Millis)>>>);

impl Installations {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<Slot, (InstallationToken, Millis)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token that is kept, or a fresh one.
    pub(super) async fn token(
        &self,
        slot: &Slot,
        door: &Door,
        app_id: &str,
        key: &Secret,
    ) -> Result<Secret, StageError> {
        let now_ms = door.clock.now_ms();
        let kept = self.kept().get(slot).cloned();
        if let Some((token, until)) = kept
            && until > now_ms
        {
            return Ok(token.token);
        }
        let jwt = app_jwt(app_id, key, now_ms).map_err(|error| not_read(&error))?;
        let app = App::new(door.wire(), &slot.api_url, &jwt);
        let token = app
            .installation_token(&slot.installation_id)
            .await
            .map_err(|error| not_read(&error))?;
        let left_ms = token.expires_at_ms.saturating_sub(now_ms);
        let until = token.expires_at_ms.saturating_sub(left_ms / TOKEN_LIFE_PART);
        self.kept().insert(slot.clone(), (token.clone(), until));
        Ok(token.token)
    }

    /// The same way, forgetting the slot's token as soon as an answer refuses it.
    pub(super) fn dropping(&self, slot: Slot, door: Door) -> Door {
        let Door {
            transport,
            clock,
            patience,
        } = door;
        let installations = self.clone();
        Door {
            transport: Arc::new(Dropping {
                transport,
                installations,
                slot,
            }),
            clock,
            patience,
        }
    }
}

/// A token may be revoked or its installation changed within its hour: the next attempt then asks for another.
struct Dropping {
    transport: Arc<dyn Transport>,
    installations: Installations,
    slot: Slot,
}

#[async_trait]
impl Transport for Dropping {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let answer = self.transport.send(request).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.installations.kept().remove(&self.slot);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering};

    use ratchet_guard::clock::Clock;

    use super::super::door::Patience;
    use super::*;
    use crate::config::{Env, Reader};

    struct At;

    impl Clock for At {
        fn now_ms(&self) -> Millis {
            1_000
        }
    }

    struct Github(AtomicU16);

    #[async_trait]
    impl Transport for Github {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
            let answer = Response::builder().status(self.0.load(Ordering::Relaxed));
            Ok(answer.body(Bytes::new()).unwrap())
        }
    }

    #[tokio::test]
    async fn a_refused_token_is_dropped_and_any_other_is_kept() {
        let github = Arc::new(Github(AtomicU16::new(200)));
        let slot = Slot {
            org: OrgId::parse("acme").unwrap(),
            api_url: "https://api.github.com".to_owned(),
            installation_id: "5678".to_owned(),
        };
        let installations = Installations::default();
        let token = InstallationToken {
            token: Secret::new("ghs_kept"),
            expires_at_ms: 3_600_000,
        };
        installations.kept().insert(slot.clone(), (token, 3_000_000));
        let door = installations.dropping(
            slot.clone(),
            Door {
                transport: Arc::clone(&github) as Arc<dyn Transport>,
                clock: Arc::new(At),
                patience: Patience::of(&mut Reader::new(&Env::default())),
            },
        );
        for (status, keeps) in [(200, true), (403, true), (503, true), (401, false)] {
            github.0.store(status, Ordering::Relaxed);
            door.transport.send(Request::new(Bytes::new())).await.unwrap();
            assert_eq!(installations.kept().contains_key(&slot), keeps, "{status}");
        }
    }
}
