//! The AWS SDK's HTTP client without a network.

use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_sqs::config::{SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use ratchet_guard::embedded::{InstantSleep, REGION};

use super::{Aws, Broken, Call, Choke, Next, Reply};
use crate::sqs::BASE_URL;

/// Where in-process clients believe the services to be; nothing resolves it.
const ENDPOINT: &str = "http://aws.invalid";

/// One caller's way to the account.
#[derive(Debug, Clone)]
pub struct Link {
    client: SharedHttpClient,
}

impl Link {
    pub(super) fn new(aws: Aws, choke: Option<Arc<dyn Choke>>) -> Self {
        let connector = SharedHttpConnector::new(Connector { aws, choke });
        Self {
            client: SharedHttpClient::new(InProcess(connector)),
        }
    }

    /// The HTTP client that answers for both services.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        self.client.clone()
    }

    /// One configuration for clients of every service, signatures and all.
    ///
    /// The SDK resends at once and never times out: a link's choke says when nobody answers.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::from_keys("local", "local", None);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(ENDPOINT)
            .http_client(self.http_client())
            .retry_config(RetryConfig::standard())
            .sleep_impl(InstantSleep)
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }

    /// A client of the tables, faster than one from [`Self::sdk_config`]: it does not sign, and its budget of
    /// resends is its own.
    #[must_use]
    pub fn dynamo(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.sdk_config())
            .allow_no_auth()
            .auth_scheme_preference([AuthSchemeId::from("noAuth")])
            .retry_partition(unlimited());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of the queues, faster than one from [`Self::sdk_config`]: it does not sign, and its budget of
    /// resends is its own.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.sdk_config())
            .allow_no_auth()
            .auth_scheme_preference([AuthSchemeId::from("noAuth")])
            .retry_partition(unlimited());
        aws_sdk_sqs::Client::from_conf(config.build())
    }
}

fn unlimited() -> RetryPartition {
    RetryPartition::custom("local")
        .token_bucket(TokenBucket::unlimited())
        .build()
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
struct Connector {
    aws: Aws,
    choke: Option<Arc<dyn Choke>>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Some(choke) = &self.choke else {
            return HttpConnectorFuture::ready(self.plain(&request));
        };
        let (call, next) = match self.seen(&request) {
            Ok(seen) => seen,
            Err(error) => return HttpConnectorFuture::ready(Err(error)),
        };
        let choke = Arc::clone(choke);
        HttpConnectorFuture::new(async move { finished(choke.around(&call, next).await) })
    }
}

impl Connector {
    fn plain(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let (target, body) = parts(request)?;
        finished(Ok(self.aws.answer(target, body)))
    }

    fn seen(&self, request: &HttpRequest) -> Result<(Call, Next), ConnectorError> {
        let (target, body) = parts(request)?;
        let next = self.aws.next(BASE_URL, target, Bytes::copy_from_slice(body));
        let call = next.call(request.headers().get("amz-sdk-request"));
        Ok((
            call.ok_or_else(|| refused("no service here has this target"))?,
            next,
        ))
    }
}

fn parts(request: &HttpRequest) -> Result<(&str, &[u8]), ConnectorError> {
    let target = request.headers().get("x-amz-target");
    let target = target.ok_or_else(|| refused("request has no target"))?;
    let body = request
        .body()
        .bytes()
        .ok_or_else(|| refused("request body is a stream"))?;
    Ok((target, body))
}

fn refused(why: &'static str) -> ConnectorError {
    ConnectorError::user(why.into())
}

fn finished(outcome: Result<Reply, Broken>) -> Result<HttpResponse, ConnectorError> {
    let reply = outcome.map_err(|broken| match broken {
        Broken::Refused => ConnectorError::io(broken.into()).never_connected(),
        Broken::Reset => ConnectorError::io(broken.into()),
        Broken::TimedOut => ConnectorError::timeout(broken.into()),
    })?;
    let status = StatusCode::try_from(reply.status).map_err(|_| refused("answer has no status"))?;
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    if let Some(code) = reply.query_error {
        response.headers_mut().insert("x-amzn-query-error", code);
    }
    Ok(response)
}
