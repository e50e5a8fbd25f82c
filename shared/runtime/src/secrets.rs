//! Where secrets come from: settings hold references only.

use async_trait::async_trait;
use aws_config::SdkConfig;
use ratchet_domain::settings::SecretRef;
use thiserror::Error;

use crate::config::Env;

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
#[derive(Debug, Clone)]
pub struct AwsSecrets {
    ssm: aws_sdk_ssm::Client,
    secrets_manager: aws_sdk_secretsmanager::Client,
}

impl AwsSecrets {
    /// Clients of that configuration, at other endpoints where they are given; nothing is called yet.
    #[must_use]
    pub fn new(config: &SdkConfig, ssm: Option<String>, secrets_manager: Option<String>) -> Self {
        let mut to_ssm = aws_sdk_ssm::config::Builder::from(config);
        if let Some(url) = ssm {
            to_ssm = to_ssm.endpoint_url(url);
        }
        let mut to_secrets_manager = aws_sdk_secretsmanager::config::Builder::from(config);
        if let Some(url) = secrets_manager {
            to_secrets_manager = to_secrets_manager.endpoint_url(url);
        }
        Self {
            ssm: aws_sdk_ssm::Client::from_conf(to_ssm.build()),
            secrets_manager: aws_sdk_secretsmanager::Client::from_conf(to_secrets_manager.build()),
        }
    }
}

#[async_trait]
impl SecretSource for AwsSecrets {
    async fn resolve(&self, env: &Env, reference: &SecretRef) -> Result<String, SecretError> {
        match reference {
            SecretRef::Env(name) => of_env(env, name),
            SecretRef::Ssm(name) => {
                let answer = self
                    .ssm
                    .get_parameter()
                    .name(name)
                    .with_decryption(true)
                    .send()
                    .await;
                answer
                    .ok()
                    .and_then(|output| output.parameter)
                    .and_then(|parameter| parameter.value)
                    .ok_or_else(|| {
                        unresolved(
                            &format!("ssm:{name}"),
                            "the parameter is missing or may not be read",
                        )
                    })
            }
            SecretRef::SecretsManager(id) => {
                let answer = self.secrets_manager.get_secret_value().secret_id(id).send().await;
                answer
                    .ok()
                    .and_then(|output| output.secret_string)
                    .ok_or_else(|| {
                        unresolved(
                            &format!("secretsmanager:{id}"),
                            "the secret is missing or may not be read",
                        )
                    })
            }
        }
    }
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
