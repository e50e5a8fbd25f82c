//! One call of an AWS service, signed with the SDK's own signer.
//!
//! Three calls are needed: `GetParameter` and `GetSecretValue` of services that speak JSON 1.1, and Lambda's `Invoke` for
//! the operator. The services' SDKs would add half a megabyte to every function, and the one of Systems Manager alone
//! compiles longer than the rest of the workspace.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>,
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>,
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Method, Request, Response, header};
use ratchet_guard::clock::Millis;
use ratchet_providers::transport::{AnswerBytesMax, Transport, TransportError};
use serde_json::Value;
use thiserror::Error;

/// Largest answer that is read, in bytes. Reason: a secret holds at most 64 KiB, a parameter 8 KiB.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Largest result of a function that is read, in bytes. Source: Lambda's limit for synchronous invocations.
const RESULT_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The header by which Lambda says that the function itself failed.
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// Why a call gave nothing; no variant holds a value of the service.
#[derive(Debug, Error)]
pub enum CallError {
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
pub struct Signed {
    service: &'static str,
    region: Option<String>,
    endpoint: Option<String>,
    credentials: Option<SharedCredentialsProvider>,
    transport: Arc<dyn Transport>,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Invoked {
    /// Its result.
    Answered(Value),
    /// It failed; what it says about that.
    Failed(String),
}

impl Signed {
    /// The service of that name in the configuration's region, with its credentials; at another endpoint where one is
    /// given. Nothing is called yet.
    #[must_use]
    pub fn new(
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
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(&self, target: &str, asked: &Value, now_ms: Millis) -> Result<Value, CallError> {
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let mut request = self.request("", &headers, asked, now_ms).await?;
        request.extensions_mut().insert(AnswerBytesMax(ANSWER_BYTES_MAX));
        let answer = self.transport.send(request).await?;
        read(&answer)
    }

    /// Invokes a function and waits for what it answers. The name is its own, without account and region.
    ///
    /// # Errors
    /// [`CallError`]; the function may have run then.
    pub async fn invoke(&self, function: &str, event: &Value, now_ms: Millis) -> Result<Invoked, CallError> {
        let path = format!("2015-03-31/functions/{function}/invocations");
        let headers = [(header::CONTENT_TYPE.as_str(), "application/json")];
        let mut request = self.request(&path, &headers, event, now_ms).await?;
        request.extensions_mut().insert(AnswerBytesMax(RESULT_BYTES_MAX));
        let answer = self.transport.send(request).await?;
        let result = read(&answer)?;
        if !answer.headers().contains_key(FUNCTION_ERROR) {
            return Ok(Invoked::Answered(result));
        }
        let says = result.get("errorMessage").and_then(Value::as_str);
        Ok(Invoked::Failed(says.unwrap_or("it does not say why").to_owned()))
    }

    async fn request(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        asked: &Value,
        now_ms: Millis,
    ) -> Result<Request<Bytes>, CallError> {
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
            .uri(format!("{}{path}", self.address(region)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Bytes::from(asked.to_string());
        let mut request = request.body(body).map_err(|_| CallError::Request)?;
        let address = request.uri().to_string();
        let headers = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", address, headers, SignableBody::Bytes(request.body()));
        let signed = signable.and_then(|signable| sign(signable, &parameters));
        let (instructions, _) = signed.map_err(|_| CallError::Request)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
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

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed")
            .field("service", &self.service)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// The answer's JSON, or the service's refusal. JSON 1.1 names the error in the body, Lambda in the body or in a header.
fn read(answer: &Response<Bytes>) -> Result<Value, CallError> {
    let body: Result<Value, _> = serde_json::from_slice(answer.body());
    if answer.status().is_success() {
        return body.map_err(|_| CallError::Answer);
    }
    let in_header = answer.headers().get("x-amzn-errortype");
    let code = body
        .ok()
        .and_then(|body| body.get("__type")?.as_str().map(error_name))
        .or_else(|| in_header?.to_str().ok()?.split(':').next().map(error_name))
        .unwrap_or_else(|| "without a reason".to_owned());
    Err(CallError::Refused {
        status: answer.status().as_u16(),
        code,
    })
}

/// `ParameterNotFound` of `com.amazonaws.ssm#ParameterNotFound`: letters only, so that an answer cannot write a log.
fn error_name(named: &str) -> String {
    let name = named.rsplit('#').next().unwrap_or_default();
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(80)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use aws_config::Region;
    use aws_credential_types::Credentials;
    use serde_json::json;

    use super::*;

    /// Answers every request alike, and keeps the requests.
    struct Service {
        answer: fn() -> Response<Bytes>,
        seen: Mutex<Vec<Request<Bytes>>>,
    }

    #[async_trait]
    impl Transport for Service {
        async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
            self.seen.lock().unwrap().push(request);
            Ok((self.answer)())
        }
    }

    async fn invoked(answer: fn() -> Response<Bytes>) -> (Result<Invoked, CallError>, Request<Bytes>) {
        let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", None, None, "test");
        let config = SdkConfig::builder()
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let service = Arc::new(Service {
            answer,
            seen: Mutex::new(Vec::new()),
        });
        let transport: Arc<dyn Transport> = Arc::clone(&service) as Arc<dyn Transport>;
        let lambda = Signed::new(&config, &transport, "lambda", None);
        let event = json!({ "source": "operator" });
        let answer = lambda
            .invoke("ratchet-reconcile", &event, 1_440_938_160_000)
            .await;
        let request = service.seen.lock().unwrap().pop().unwrap();
        (answer, request)
    }

    fn says(status: u16, header: Option<(&str, &str)>, body: &'static str) -> Response<Bytes> {
        let mut answer = Response::builder().status(status);
        if let Some((name, value)) = header {
            answer = answer.header(name, value);
        }
        answer.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[tokio::test]
    async fn a_function_is_invoked_by_name_and_signed() {
        let (answer, request) = invoked(|| says(200, None, r#"{"items":[]}"#)).await;
        assert_eq!(answer.unwrap(), Invoked::Answered(json!({ "items": [] })));
        assert_eq!(
            request.uri(),
            "https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/ratchet-reconcile/invocations"
        );
        assert_eq!(request.body(), r#"{"source":"operator"}"#);
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/lambda/aws4_request";
        assert!(authorization.starts_with(scope), "{authorization}");
    }

    #[tokio::test]
    async fn a_function_that_failed_says_why_and_a_refusal_of_the_service_is_named() {
        let failed = invoked(|| {
            says(
                200,
                Some((FUNCTION_ERROR, "Unhandled")),
                r#"{"errorMessage":"plan is out of date"}"#,
            )
        });
        assert_eq!(
            failed.await.0.unwrap(),
            Invoked::Failed("plan is out of date".to_owned())
        );
        let refused = invoked(|| {
            says(
                403,
                Some(("x-amzn-errortype", "AccessDeniedException:http://x")),
                "{}",
            )
        });
        let told = refused.await.0.unwrap_err().to_string();
        assert_eq!(told, "the service answered 403 AccessDeniedException");
    }
}
