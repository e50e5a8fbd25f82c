//! The world's own services behind the points: what they do with a call, and the rules after it.

pub(crate) mod aws;
mod branches;
mod provider;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use local::aws::{Aws, Broken, Call, Choke, Next, Reply};
use local::sandbox::Sandbox;
use ratchet_guard::clock::Millis;
use ratchet_providers::transport::{Transport, TransportError};

use crate::engine::{Held, Points};
use crate::host::{HeldRequest, Host};
use crate::variant::Variant;

/// The points of a ticket's life.
pub(crate) type TicketPoints = Points<Host, HeldRequest>;

/// See the module.
pub(crate) struct Hub {
    pub(crate) points: Arc<TicketPoints>,
    pub(crate) aws: Aws,
    pub(crate) sandbox: Sandbox,
    pub(crate) variant: Variant,
    pub(crate) times: Times,
}

/// How long clients wait and requests live, in ms, as the template says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) aws_timeout_ms: Millis,
    pub(crate) client_timeout_ms: Millis,
    pub(crate) model_timeout_ms: Millis,
    pub(crate) request_life_ms: Millis,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hub")
    }
}

impl std::ops::Deref for Hub {
    type Target = TicketPoints;

    fn deref(&self) -> &TicketPoints {
        &self.points
    }
}

impl Hub {
    /// Lets requests that were held land.
    pub(crate) fn land(&self, held: Vec<Held<HeldRequest>>) {
        for held in held {
            match held.what {
                HeldRequest::Aws(call, next) => drop(self.apply_aws(usize::MAX, &call, &next)),
                HeldRequest::Provider(request) => drop(self.apply_provider(usize::MAX, &request)),
            }
        }
    }
}

#[async_trait]
impl Choke for Hub {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        let call = aws::AwsCall {
            hub: self,
            call: call.clone(),
            next,
        };
        self.points.pass(&call).await
    }
}

#[async_trait]
impl Transport for Hub {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        self.points
            .pass(&provider::ProviderCall { hub: self, request })
            .await
    }
}
