//! The providers of an org whose settings are real, with the sandbox at the one address that no host has.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ratchet_providers::transport::{Transport, TransportError};

use super::repos::GITHUB;
use crate::sandbox::Sandbox;

/// Sends what is meant for the sandbox there, and everything else to where it says.
pub(super) struct Providers {
    sandbox: Sandbox,
    world: Arc<dyn Transport>,
}

impl Providers {
    pub(super) fn new(sandbox: Sandbox, world: Arc<dyn Transport>) -> Self {
        Self { sandbox, world }
    }
}

#[async_trait]
impl Transport for Providers {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let host = GITHUB.split('/').nth(2);
        if request.uri().host() == host {
            return self.sandbox.send(request).await;
        }
        self.world.send(request).await
    }
}
