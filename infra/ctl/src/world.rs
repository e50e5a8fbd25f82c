//! The deployment that a command works on: opened when the command's input is sound, and not before.

use std::io::{self, Write};

use std::sync::Arc;

use async_trait::async_trait;
use ratchet_domain::stage::Stage;
use ratchet_guard::Ledger;
use ratchet_guard::timing::Timing;
use ratchet_runtime::config::{Env, Reader};
use ratchet_runtime::deployment::{Deployment, endpoint, of_operator};
use ratchet_runtime::queues::Queues;
use ratchet_runtime::signed::{Invoked, Signed};
use serde_json::Value;

use crate::failure::Failure;
use crate::settings::SettingsTable;
use crate::stack;

/// The command line takes no lease: it reads the ledger and lets others work. So no duration is in force here.
const NO_LEASES: Timing = Timing {
    request_life_ms_max: 0,
    lease_margin_ms: 0,
    backoff_ms_base: 0,
    backoff_ms_max: 0,
    attempts_max: 1,
};

/// Opens deployments.
#[async_trait]
pub trait Worlds: Sync {
    /// The deployment that the command is about.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be found.
    async fn open(&self) -> Result<World, Failure>;

    /// Says how far a long command is. It is for people and no part of the result.
    fn tell(&self, _progress: &str) {}
}

/// The deployment that the process's environment or a stack names.
#[derive(Debug, Clone)]
pub struct Named {
    /// The stack, where one is named; its outputs then win over the environment.
    pub stack: Option<String>,
}

#[async_trait]
impl Worlds for Named {
    async fn open(&self) -> Result<World, Failure> {
        let env = Env::of_process();
        let config = of_operator(&env).await;
        let mut deployment = Deployment::with(env, &config);
        if let Some(stack) = &self.stack {
            let client = aws_sdk_cloudformation::Client::new(&config);
            let outputs = stack::variables(&client, stack).await?;
            deployment.env = deployment.env.and(outputs);
        }
        let at = endpoint(&deployment.env, "LAMBDA");
        let lambda = Signed::new(&config, &deployment.transport, "lambda", at);
        let functions = Arc::new(Deployed {
            lambda,
            deployment: deployment.clone(),
        });
        Ok(World {
            deployment,
            functions,
        })
    }

    fn tell(&self, progress: &str) {
        // Nobody who reads it is no reason to stop.
        let told = writeln!(io::stderr(), "{progress}");
        drop(told);
    }
}

/// The deployment's functions, to be asked something.
#[async_trait]
pub trait Functions: Send + Sync {
    /// Invokes a function by its name or ARN, and waits for its answer.
    ///
    /// # Errors
    /// [`Failure::Aws`] when nobody can tell whether it ran.
    async fn invoke(&self, function: &str, event: &Value) -> Result<Invoked, Failure>;
}

/// The functions behind Lambda's `Invoke`, called with the operator's own rights.
struct Deployed {
    lambda: Signed,
    deployment: Deployment,
}

#[async_trait]
impl Functions for Deployed {
    async fn invoke(&self, function: &str, event: &Value) -> Result<Invoked, Failure> {
        // The ARN's region and account are the stack's, which the region and the credentials name already.
        let name = function.rsplit(':').next().unwrap_or(function);
        let now_ms = self.deployment.clock.now_ms();
        let answer = self.lambda.invoke(name, event, now_ms).await;
        answer.map_err(|error| Failure::Aws {
            operation: "Invoke",
            code: name.to_owned(),
            detail: error.to_string(),
        })
    }
}

/// No function can be invoked: tables and queues are all that there is.
struct NoFunctions;

#[async_trait]
impl Functions for NoFunctions {
    async fn invoke(&self, function: &str, _: &Value) -> Result<Invoked, Failure> {
        Err(Failure::NotFound(format!(
            "there is no such function function=`{function}`"
        )))
    }
}

/// An open deployment.
#[derive(Clone)]
pub struct World {
    /// Its clients, clock and environment.
    pub deployment: Deployment,
    /// Its functions.
    pub functions: Arc<dyn Functions>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Worlds for World {
    async fn open(&self) -> Result<World, Failure> {
        Ok(self.clone())
    }
}

impl World {
    /// A deployment none of whose functions can be invoked.
    #[must_use]
    pub fn without_functions(deployment: Deployment) -> Self {
        Self {
            deployment,
            functions: Arc::new(NoFunctions),
        }
    }

    /// The name of the table in that variable.
    ///
    /// # Errors
    /// [`Failure::Environment`] when it is missing.
    pub fn table(&self, variable: &str) -> Result<String, Failure> {
        let mut reader = Reader::new(&self.deployment.env);
        let table = reader.text(variable);
        Ok(reader.done(table)?)
    }

    /// The ledger of `LEDGER_TABLE`, to read and to let work be claimed again; never to claim.
    ///
    /// # Errors
    /// [`Failure::Environment`] when the variable is missing.
    pub fn ledger(&self) -> Result<Ledger, Failure> {
        let Deployment {
            dynamo, clock, ids, ..
        } = self.deployment.clone();
        Ok(Ledger::new(
            dynamo,
            self.table("LEDGER_TABLE")?,
            clock,
            ids,
            NO_LEASES,
        ))
    }

    /// The queues of `<STAGE>_QUEUE_URL`, of every stage.
    ///
    /// # Errors
    /// [`Failure::Environment`] with every variable that is missing.
    pub fn queues(&self) -> Result<Queues, Failure> {
        let mut reader = Reader::new(&self.deployment.env);
        let queues = self.deployment.queues(&mut reader, &Stage::ALL);
        Ok(reader.done(queues)?)
    }

    /// The settings of `SETTINGS_TABLE`.
    ///
    /// # Errors
    /// [`Failure::Environment`] when the variable is missing.
    pub fn settings(&self) -> Result<SettingsTable, Failure> {
        Ok(SettingsTable::new(
            &self.deployment,
            self.table("SETTINGS_TABLE")?,
        ))
    }

    /// Now, by the deployment's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.deployment.clock.now_ms()
    }
}
