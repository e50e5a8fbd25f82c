//! Where secrets come from: settings hold references only.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use ratchet_domain::settings::SecretRef;
use ratchet_guard::clock::Clock;
use ratchet_providers::transport::Transport;
use serde_json::{Value, json};
use thiserror::Error;

use crate::config::Env;
use crate::signed::{CallError, Signed};

/// A secret that could not be had; names the reference, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("secret could not be resolved: {problem} reference=`{reference}`")]
pub struct SecretError {
    /// As the settings have it.
    pub reference: String,
    /// What was wrong.
    pub problem: String,
}

/// Resolves references.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The value behind a reference.
    ///
    /// # Errors
    /// [`SecretError`] when there is none, or it may not be read.
    async fn resolve(&self, env: &Env, reference: &SecretRef) -> Result<String, SecretError>;
}

/// Environment variables only: for tests and for a laptop.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnvSecrets;

#[async_trait]
impl SecretSource for EnvSecrets {
    async fn resolve(&self, env: &Env, reference: &SecretRef) -> Result<String, SecretError> {
        match reference {
            SecretRef::Env(name) => of_env(env, name),
            SecretRef::Ssm(name) => Err(unresolved(
                &format!("ssm:{name}"),
                "there is no Systems Manager here",
            )),
            SecretRef::SecretsManager(id) => Err(unresolved(
                &format!("secretsmanager:{id}"),
                "there is no Secrets Manager here",
            )),
        }
    }
}

/// Environment variables, Systems Manager and Secrets Manager.
pub struct AwsSecrets {
    ssm: Signed,
    secrets_manager: Signed,
    clock: Arc<dyn Clock>,
}

impl AwsSecrets {
    /// Both services, with the credentials and the region of that configuration; at other endpoints where they are
    /// given. Nothing is called yet.
    #[must_use]
    pub fn new(
        config: &SdkConfig,
        transport: &Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        at: impl Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            ssm: Signed::new(config, transport, "ssm", at("SSM")),
            secrets_manager: Signed::new(config, transport, "secretsmanager", at("SECRETS_MANAGER")),
            clock,
        }
    }
}

#[async_trait]
impl SecretSource for AwsSecrets {
    async fn resolve(&self, env: &Env, reference: &SecretRef) -> Result<String, SecretError> {
        let now_ms = self.clock.now_ms();
        match reference {
            SecretRef::Env(name) => of_env(env, name),
            SecretRef::Ssm(name) => {
                let asked = json!({ "Name": name, "WithDecryption": true });
                let answer = self.ssm.call("AmazonSSM.GetParameter", &asked, now_ms).await;
                value_at(answer, "/Parameter/Value", || format!("ssm:{name}"))
            }
            SecretRef::SecretsManager(id) => {
                let asked = json!({ "SecretId": id });
                let target = "secretsmanager.GetSecretValue";
                let answer = self.secrets_manager.call(target, &asked, now_ms).await;
                value_at(answer, "/SecretString", || format!("secretsmanager:{id}"))
            }
        }
    }
}

impl std::fmt::Debug for AwsSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsSecrets").finish_non_exhaustive()
    }
}

fn value_at(
    answer: Result<Value, CallError>,
    pointer: &str,
    reference: impl Fn() -> String,
) -> Result<String, SecretError> {
    let answer = answer.map_err(|error| unresolved(&reference(), &error.to_string()))?;
    answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| unresolved(&reference(), "it holds no text"))
}

fn of_env(env: &Env, name: &str) -> Result<String, SecretError> {
    env.get(name)
        .map(str::to_owned)
        .ok_or_else(|| unresolved(&format!("env:{name}"), "the variable is missing"))
}

fn unresolved(reference: &str, problem: &str) -> SecretError {
    SecretError {
        reference: reference.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_config::Region;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use bytes::Bytes;
    use ratchet_guard::clock::Millis;
    use ratchet_providers::transport::TransportError;

    use super::*;

    struct At(Millis);

    impl Clock for At {
        fn now_ms(&self) -> Millis {
            self.0
        }
    }

    /// Answers every request alike, and keeps the requests.
    struct Service {
        status: u16,
        body: &'static str,
        seen: Mutex<Vec<http::Request<Bytes>>>,
    }

    #[async_trait]
    impl Transport for Service {
        async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
            self.seen.lock().unwrap().push(request);
            let answer = http::Response::builder().status(self.status);
            Ok(answer.body(Bytes::from_static(self.body.as_bytes())).unwrap())
        }
    }

    fn service(status: u16, body: &'static str) -> Arc<Service> {
        let seen = Mutex::new(Vec::new());
        Arc::new(Service { status, body, seen })
    }

    async fn resolve(service: &Arc<Service>, reference: &str) -> Result<String, SecretError> {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI",
            Some("session".to_owned()),
            None,
            "test",
        );
        let config = SdkConfig::builder()
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let transport: Arc<dyn Transport> = Arc::clone(service) as Arc<dyn Transport>;
        // 2015-08-30T12:36:00Z
        let secrets = AwsSecrets::new(&config, &transport, Arc::new(At(1_440_938_160_000)), |_| None);
        let reference = SecretRef::parse(reference).unwrap();
        secrets.resolve(&Env::default(), &reference).await
    }

    #[tokio::test]
    async fn a_parameter_is_asked_for_decrypted_and_signed() {
        let service = service(200, r#"{"Parameter":{"Name":"/ratchet/key","Value":"s3cret"}}"#);
        assert_eq!(resolve(&service, "ssm:/ratchet/key").await.unwrap(), "s3cret");
        let seen = service.seen.lock().unwrap();
        let request = seen.first().unwrap();
        assert_eq!(request.uri(), "https://ssm.eu-central-1.amazonaws.com/");
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header("x-amz-target"), "AmazonSSM.GetParameter");
        assert_eq!(header("x-amz-date"), "20150830T123600Z");
        assert_eq!(header("x-amz-security-token"), "session");
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/ssm/aws4_request";
        assert!(header("authorization").starts_with(scope));
        assert!(header("authorization").contains("content-type;host;x-amz-date"));
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(asked, json!({ "Name": "/ratchet/key", "WithDecryption": true }));
    }

    #[tokio::test]
    async fn a_secret_is_read_from_the_secrets_manager() {
        let service = service(200, r#"{"SecretString":"s3cret"}"#);
        assert_eq!(
            resolve(&service, "secretsmanager:ratchet/key").await.unwrap(),
            "s3cret"
        );
        let seen = service.seen.lock().unwrap();
        let request = seen.first().unwrap();
        assert_eq!(
            request.uri(),
            "https://secretsmanager.eu-central-1.amazonaws.com/"
        );
        assert_eq!(request.body(), r#"{"SecretId":"ratchet/key"}"#);
    }

    #[tokio::test]
    async fn a_refusal_names_the_reference_and_the_services_error_without_its_text() {
        let body = r#"{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"\n forged"}"#;
        let error = resolve(&service(400, body), "ssm:/ratchet/key")
            .await
            .unwrap_err();
        let told = "secret could not be resolved: the service answered 400 ParameterNotFound reference=`ssm:/ratchet/key`";
        assert_eq!(error.to_string(), told);
    }

    #[tokio::test]
    async fn a_binary_secret_is_refused() {
        let error = resolve(&service(200, r#"{"SecretBinary":"AAAA"}"#), "secretsmanager:x").await;
        assert_eq!(error.unwrap_err().problem, "it holds no text");
    }
}
