//! The AWS SDK's way in: an HTTP client without a network.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    AsyncSleep, BehaviorVersion, Builder, Region, SharedHttpClient, Sleep, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::EmbeddedDynamo;

/// The region that in-process clients name. It decides nothing.
pub const REGION: &str = "eu-central-1";

/// Where in-process clients believe the store to be; nothing resolves it.
const ENDPOINT: &str = "http://dynamodb.invalid";

/// A sleep that is over at once: the SDK resends as it does in production, and no test waits for it.
///
/// Not for a client with timeouts: they, too, would be over at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct InstantSleep;

impl AsyncSleep for InstantSleep {
    fn sleep(&self, _duration: std::time::Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }
}

impl EmbeddedDynamo {
    /// A client of this store: the SDK's own, with its resends but without its waits, signatures and timeouts.
    #[must_use]
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(self.config().build())
    }

    /// What [`Self::client`] is built from, for a caller that wants another HTTP client, sleep or retry policy.
    ///
    /// Every client has its own, unlimited budget of resends; the SDK's default is shared by the whole process
    /// and would let one test decide about another's.
    #[must_use]
    pub fn config(&self) -> Builder {
        let unlimited = RetryPartition::custom("embedded")
            .token_bucket(TokenBucket::unlimited())
            .build();
        aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::from_keys("embedded", "embedded", None))
            // A signature is a third of the SDK's own time in a call, and nobody here reads it.
            .allow_no_auth()
            .auth_scheme_preference([AuthSchemeId::from("noAuth")])
            .endpoint_url(ENDPOINT)
            .http_client(self.http_client())
            .retry_config(RetryConfig::standard())
            .retry_partition(unlimited)
            .sleep_impl(InstantSleep)
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
    }

    /// The HTTP client that answers from this store.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(InProcess(SharedHttpConnector::new(Connector(self.clone()))))
    }
}

/// Hands out the one connector; the SDK asks for it in every call.
#[derive(Debug)]
struct InProcess(SharedHttpConnector);

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Connector(EmbeddedDynamo);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(exchange(&self.0, &request))
    }
}

fn exchange(dynamo: &EmbeddedDynamo, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let refused = |why: &str| ConnectorError::user(why.into());
    let target = request
        .headers()
        .get("x-amz-target")
        .ok_or_else(|| refused("request has no target"))?;
    let body = request
        .body()
        .bytes()
        .ok_or_else(|| refused("request body is a stream"))?;
    let (status, json) = dynamo.answer(target, body);
    let status = StatusCode::try_from(status).map_err(|_| refused("answer has no status"))?;
    Ok(HttpResponse::new(status, SdkBody::from(json)))
}
