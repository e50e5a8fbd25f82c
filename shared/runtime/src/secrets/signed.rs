//! One call of an AWS service that speaks JSON 1.1, signed with the SDK's own signer.
//!
//! Two calls are needed, `GetParameter` and `GetSecretValue`. The services' SDKs would add half a megabyte to every
//! function, and the one of Systems Manager alone compiles longer than the rest of the workspace.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>,
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Method, Request, header};
use ratchet_guard::clock::Millis;
use ratchet_providers::transport::{AnswerBytesMax, Transport, TransportError};
use serde_json::Value;
use thiserror::Error;

/// Largest answer that is read, in bytes. Reason: a secret holds at most 64 KiB, a parameter 8 KiB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Why a call gave nothing; no variant holds a value of the service.
#[derive(Debug, Error)]
pub(super) enum CallError {
    /// The process has no usable credentials.
    #[error("there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    Credentials,
    /// The process does not say where it runs.
    #[error("there is no region: set AWS_REGION")]
    Region,
    /// The address, or what was asked, makes no request.
    #[error("the request could not be made or signed")]
    Request,
    /// Nothing came back.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The service refused; its error's name, as `ParameterNotFound`.
    #[error("the service answered {status} {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Name of the error, without its namespace.
        code: String,
    },
    /// The answer is no JSON.
    #[error("the answer is no JSON")]
    Answer,
}

/// A service in a region, and the right to call it.
pub(super) struct Signed {
    service: &'static str,
    region: Option<String>,
    endpoint: Option<String>,
    credentials: Option<SharedCredentialsProvider>,
    transport: Arc<dyn Transport>,
}

impl Signed {
    pub(super) fn new(
        config: &SdkConfig,
        transport: &Arc<dyn Transport>,
        service: &'static str,
        endpoint: Option<String>,
    ) -> Self {
        Self {
            service,
            region: config.region().map(ToString::to_string),
            endpoint: endpoint.or_else(|| config.endpoint_url().map(str::to_owned)),
            credentials: config.credentials_provider(),
            transport: Arc::clone(transport),
        }
    }

    /// Calls an operation, named as `AmazonSSM.GetParameter`.
    pub(super) async fn call(&self, target: &str, asked: &Value, now_ms: Millis) -> Result<Value, CallError> {
        let body = Bytes::from(asked.to_string());
        let request = self.request(target, body, now_ms).await?;
        let answer = self.transport.send(request).await?;
        let read: Result<Value, _> = serde_json::from_slice(answer.body());
        if answer.status().is_success() {
            return read.map_err(|_| CallError::Answer);
        }
        let code = read
            .ok()
            .and_then(|body| body.get("__type")?.as_str().map(error_name))
            .unwrap_or_else(|| "without a reason".to_owned());
        Err(CallError::Refused {
            status: answer.status().as_u16(),
            code,
        })
    }

    async fn request(&self, target: &str, body: Bytes, now_ms: Millis) -> Result<Request<Bytes>, CallError> {
        let region = self.region.as_deref().ok_or(CallError::Region)?;
        let provider = self.credentials.as_ref().ok_or(CallError::Credentials)?;
        let found = provider.provide_credentials().await;
        let identity = found.map_err(|_| CallError::Credentials)?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms))
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| CallError::Request)?
            .into();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.address(region))
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body)
            .map_err(|_| CallError::Request)?;
        let address = request.uri().to_string();
        let headers = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", address, headers, SignableBody::Bytes(request.body()));
        let signed = signable.and_then(|signable| sign(signable, &parameters));
        let (instructions, _) = signed.map_err(|_| CallError::Request)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.extensions_mut().insert(AnswerBytesMax(ANSWER_BYTES_MAX));
        Ok(request)
    }

    /// The endpoint that was set, else the region's own.
    fn address(&self, region: &str) -> String {
        let domain = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        self.endpoint.clone().map_or_else(
            || format!("https://{}.{region}.{domain}/", self.service),
            |endpoint| format!("{}/", endpoint.trim_end_matches('/')),
        )
    }
}

/// `ParameterNotFound` of `com.amazonaws.ssm#ParameterNotFound`: letters only, so that an answer cannot write a log.
fn error_name(named: &str) -> String {
    let name = named.rsplit('#').next().unwrap_or_default();
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(80)
        .collect()
}
