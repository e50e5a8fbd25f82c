//! A host for function binaries: the Lambda Runtime API on a port of its own, and the child process behind it.
//!
//! An [`Instance`] is one execution environment, one process that handles one invocation at a time.
//! It can be killed, stopped and continued from outside while it works, by its [`Process`].
//! A [`Host`] keeps an instance for a function as Lambda does: it starts one when it is asked, starts another after a
//! crash, and kills the one that has passed its deadline.

mod process;
mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ratchet_guard::clock::{Clock, Millis, SystemClock};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

pub use process::{Process, Signal};
use wire::{Answer, Invocation};

/// A function's binary and what it is started with.
#[derive(Debug, Clone)]
pub struct Program {
    /// The function's name.
    pub name: String,
    /// The file to run.
    pub binary: PathBuf,
    /// All its variables; the host adds those that Lambda sets, and nothing of its own environment.
    pub environment: BTreeMap<String, String>,
    /// Where its output goes, appended; none to drop it.
    pub log: Option<PathBuf>,
}

/// The process did not start.
#[derive(Debug, Error)]
#[error("function did not start name=`{name}`: {source}")]
pub struct StartError {
    name: String,
    source: std::io::Error,
}

/// The invocation ended without a response.
#[derive(Debug, Error)]
pub enum InvokeError {
    /// The process ended before it answered.
    #[error("process ended before it answered status=`{0}`")]
    Crashed(ExitStatus),
    /// No answer before the deadline. The process is as it was: working, stopped, or hanging.
    #[error("no answer before the deadline")]
    TimedOut,
    /// The function answered with an error.
    #[error("function answered with an error")]
    FunctionError(Bytes),
    /// There is no process to ask.
    #[error(transparent)]
    NotStarted(#[from] StartError),
    /// The process cannot be watched any more.
    #[error("process is lost: {0}")]
    Lost(std::io::Error),
}

/// One execution environment. Dropped, it kills its process.
#[derive(Debug)]
pub struct Instance {
    name: String,
    child: Child,
    process: Process,
    invocations: mpsc::UnboundedSender<Invocation>,
    api: AbortHandle,
    count: u64,
}

impl Instance {
    /// Starts the process and the API that it asks for work.
    ///
    /// # Errors
    /// [`StartError`] when no port is free or the file does not run.
    #[expect(
        clippy::disallowed_methods,
        reason = "the API answers for as long as the process lives, between invocations too"
    )]
    pub async fn start(program: &Program) -> Result<Self, StartError> {
        let failed = |source| StartError {
            name: program.name.clone(),
            source,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (invocations, queue) = mpsc::unbounded_channel();
        let api = tokio::spawn(wire::serve(listener, queue)).abort_handle();
        let child = command(program, &address.to_string()).and_then(|mut command| command.spawn());
        let child = child.map_err(failed)?;
        let process = Process::of(&child);
        Ok(Self {
            name: program.name.clone(),
            child,
            process,
            invocations,
            api,
            count: 0,
        })
    }

    /// A handle to the process, to signal it while it works.
    #[must_use]
    pub fn process(&self) -> Process {
        self.process.clone()
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        let ended = !matches!(self.child.try_wait(), Ok(None));
        if ended {
            self.process.forget();
        }
        !ended
    }

    /// Hands over an event and waits for the response, until `deadline_ms` on the machine's clock.
    ///
    /// # Errors
    /// [`InvokeError`]. After [`InvokeError::TimedOut`] the process goes on with what it does; its late response is
    /// taken and dropped.
    pub async fn invoke(&mut self, event: &[u8], deadline_ms: Millis) -> Result<Bytes, InvokeError> {
        self.count += 1;
        let (reply, answer) = oneshot::channel();
        let invocation = Invocation {
            id: format!("{}-{}", self.name, self.count),
            function: self.name.clone(),
            event: Bytes::copy_from_slice(event),
            deadline_ms,
            reply: Some(reply),
        };
        // Nobody listens only when the process is gone, which the wait below tells.
        drop(self.invocations.send(invocation));
        let left = Duration::from_millis(deadline_ms.saturating_sub(SystemClock.now_ms()));
        tokio::select! {
            biased;
            Ok(answer) = answer => match answer {
                Answer::Response(body) => Ok(body),
                Answer::Error(body) => Err(InvokeError::FunctionError(body)),
            },
            ended = self.child.wait() => {
                self.process.forget();
                Err(ended.map_or_else(InvokeError::Lost, InvokeError::Crashed))
            }
            _ = tokio::time::timeout(left, std::future::pending::<()>()) => Err(InvokeError::TimedOut),
        }
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// [`InvokeError::Lost`] when it cannot be watched.
    pub async fn ended(&mut self) -> Result<ExitStatus, InvokeError> {
        let status = self.child.wait().await.map_err(InvokeError::Lost)?;
        self.process.forget();
        Ok(status)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.api.abort();
        self.process.forget();
    }
}

fn command(program: &Program, address: &str) -> std::io::Result<Command> {
    let output = || -> std::io::Result<Stdio> {
        let Some(path) = &program.log else {
            return Ok(Stdio::null());
        };
        Ok(std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .into())
    };
    let mut command = Command::new(&program.binary);
    command
        .env_clear()
        .envs(&program.environment)
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", &program.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env(
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", program.name),
        )
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
        .env("_HANDLER", "bootstrap")
        .stdin(Stdio::null())
        .stdout(output()?)
        .stderr(output()?)
        .kill_on_drop(true);
    Ok(command)
}

/// A function that is there when it is needed.
#[derive(Debug)]
pub struct Host {
    program: Program,
    instance: Option<Instance>,
    starts: Arc<std::sync::atomic::AtomicU64>,
}

impl Host {
    /// Nothing runs before the first invocation.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self {
            program,
            instance: None,
            starts: Arc::default(),
        }
    }

    /// How many processes it has started.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.starts.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// The running process, started if there is none.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn instance(&mut self) -> Result<&mut Instance, StartError> {
        let living = self
            .instance
            .take()
            .and_then(|mut instance| instance.is_alive().then_some(instance));
        let instance = match living {
            Some(instance) => instance,
            None => {
                self.starts.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                Instance::start(&self.program).await?
            }
        };
        Ok(self.instance.insert(instance))
    }

    /// Hands an event to the process, as [`Instance::invoke`]; a process that passes its deadline is killed.
    ///
    /// # Errors
    /// [`InvokeError`].
    pub async fn invoke(&mut self, event: &[u8], deadline_ms: Millis) -> Result<Bytes, InvokeError> {
        let answer = self.instance().await?.invoke(event, deadline_ms).await;
        if matches!(
            answer,
            Err(InvokeError::TimedOut | InvokeError::Crashed(_) | InvokeError::Lost(_))
        ) {
            self.instance = None;
        }
        answer
    }

    /// Lets go of the process without ending it: it goes on as it is, and the next invocation gets another one.
    pub fn abandon(&mut self) -> Option<Instance> {
        self.instance.take()
    }
}
