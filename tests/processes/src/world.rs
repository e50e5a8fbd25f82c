//! One outside process and a host for each function: what a case runs in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use local::runtime_api::{Host, InvokeError, Program};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command as Start};

use crate::outside::Command;

/// Invocations that a drain may take before it counts as endless.
const INVOCATIONS_MAX: u64 = 200;

/// How long an invocation may take that no fault meets, in ms.
const LONG_MS: u64 = 30_000;

/// Durations of the functions in this world: those of the template, shortened, in ms.
const SHORT: [(&str, &str); 10] = [
    ("REQUEST_LIFE_MAX_MS", "100"),
    ("LEASE_MARGIN_MS", "100"),
    ("BACKOFF_BASE_MS", "50"),
    ("BACKOFF_MAX_MS", "200"),
    ("CLIENT_TIMEOUT_MS", "2000"),
    ("MODEL_TIMEOUT_MS", "2000"),
    ("PROVIDER_LIMIT_WAIT_MS", "200"),
    ("HAND_OVER_MS", "300"),
    ("RESEND_BASE_MS", "100"),
    ("RESEND_MAX_MS", "400"),
];

/// Where the binaries are.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The outside process.
    pub outside: PathBuf,
    /// The functions, each by its name; or one binary that is all of them.
    pub functions: PathBuf,
    /// The process of guarded steps.
    pub steps: PathBuf,
    /// Where the functions' output goes; dropped without it.
    pub log: Option<PathBuf>,
}

impl Binaries {
    /// The file of a function.
    pub(crate) fn of(&self, function: &str) -> PathBuf {
        if self.functions.is_dir() {
            self.functions.join(function)
        } else {
            self.functions.clone()
        }
    }
}

/// The process that everything outside is in. Dropped, it kills it.
pub(crate) struct Outside {
    pub(crate) address: String,
    write: OwnedWriteHalf,
    lines: Lines<BufReader<OwnedReadHalf>>,
    _child: Child,
}

impl Outside {
    pub(crate) async fn start(binary: &Path) -> Result<Self> {
        let mut child = Start::new(binary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("outside does not start path=`{}`", binary.display()))?;
        let stdout = child.stdout.take().context("outside has no output")?;
        let mut told = BufReader::new(stdout).lines();
        let address = told
            .next_line()
            .await?
            .context("outside ended before it listened")?;
        let commands = told.next_line().await?.context("outside takes no commands")?;
        let stream = TcpStream::connect(commands).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Self {
            address,
            write,
            lines: BufReader::new(read).lines(),
            _child: child,
        })
    }

    /// One command and its answer.
    pub(crate) async fn ask(&mut self, command: &Command) -> Result<Value> {
        let mut line = serde_json::to_string(command)?;
        line.push('\n');
        self.write.write_all(line.as_bytes()).await?;
        let answer = self.lines.next_line().await?.context("outside has ended")?;
        Ok(serde_json::from_str(&answer)?)
    }
}

/// See the module.
pub struct World {
    pub(crate) outside: Outside,
    pub(crate) hosts: BTreeMap<String, Host>,
    timeout_ms: u64,
    sweeps: u64,
}

/// The functions that take part.
pub(crate) const REPLAY: &str = "replay";
pub(crate) const WEBHOOK: &str = "webhook";

impl World {
    /// Starts the outside process; functions start when they are needed. An invocation may take `timeout_ms`.
    ///
    /// # Errors
    /// When the outside process does not start.
    pub async fn start(binaries: &Binaries, timeout_ms: u64) -> Result<Self> {
        let mut outside = Outside::start(&binaries.outside).await?;
        let mut hosts = BTreeMap::new();
        for name in Stage::ALL.into_iter().map(Stage::as_str).chain([WEBHOOK, REPLAY]) {
            let command = Command::Environment {
                binary: name.to_owned(),
            };
            let variables = outside.ask(&command).await?;
            let mut environment: BTreeMap<String, String> = serde_json::from_value(variables)?;
            for (variable, value) in SHORT {
                if let Some(known) = environment.get_mut(variable) {
                    value.clone_into(known);
                }
            }
            // A kill is no failure of the work: it must not be parked for it.
            if let Some(attempts) = environment.get_mut("ATTEMPTS_MAX") {
                "50".clone_into(attempts);
            }
            let program = Program {
                name: name.to_owned(),
                binary: binaries.of(name),
                environment,
                log: binaries.log.clone(),
            };
            hosts.insert(name.to_owned(), Host::new(program));
        }
        Ok(Self {
            outside,
            hosts,
            timeout_ms,
            sweeps: 0,
        })
    }

    pub(crate) fn deadline_ms(&self) -> u64 {
        SystemClock.now_ms() + self.timeout_ms
    }

    pub(crate) fn host(&mut self, function: &str) -> Result<&mut Host> {
        self.hosts
            .get_mut(function)
            .with_context(|| format!("no function `{function}`"))
    }

    pub(crate) async fn poll(&mut self, stage: Stage) -> Result<Option<SqsEvent>> {
        let event = self
            .outside
            .ask(&Command::Poll {
                stage: stage.to_string(),
            })
            .await?;
        Ok(if event.is_null() {
            None
        } else {
            Some(serde_json::from_value(event)?)
        })
    }

    /// Ends a batch as the service would: by the answer, or, where none came, by another delivery at once, which finds
    /// the lease alive.
    pub(crate) async fn settle(
        &mut self,
        stage: Stage,
        event: SqsEvent,
        answer: Result<bytes::Bytes, InvokeError>,
    ) -> Result<()> {
        match answer {
            Ok(bytes) => {
                let answer: SqsBatchResponse = serde_json::from_slice(&bytes)
                    .with_context(|| format!("answer of `{stage}` {}", String::from_utf8_lossy(&bytes)))?;
                self.outside
                    .ask(&Command::Settle {
                        stage: stage.to_string(),
                        event,
                        answer,
                    })
                    .await?;
            }
            Err(InvokeError::NotStarted(error)) => return Err(error.into()),
            Err(_) => {
                self.outside.ask(&Command::Redeliver).await?;
            }
        }
        Ok(())
    }

    /// Runs every stage until no message is left.
    pub(crate) async fn drain(&mut self) -> Result<u64> {
        let mut invocations = 0;
        loop {
            let mut worked = false;
            for stage in Stage::ALL {
                while let Some(event) = self.poll(stage).await? {
                    worked = true;
                    invocations += 1;
                    ensure!(invocations < INVOCATIONS_MAX, "queues do not drain");
                    let deadline_ms = self.deadline_ms();
                    let payload = serde_json::to_vec(&event)?;
                    let answer = self.host(stage.as_str())?.invoke(&payload, deadline_ms).await;
                    self.settle(stage, event, answer).await?;
                }
            }
            if worked {
                continue;
            }
            let depth = self.outside.ask(&Command::Depth).await?;
            if depth.get("messages").and_then(Value::as_u64) == Some(0) {
                return Ok(invocations);
            }
            let due = depth.get("due_in_ms").and_then(Value::as_u64);
            wait(due.unwrap_or(20).clamp(1, 1_000)).await;
        }
    }

    /// The vendor sends the ticket's event, once more if it has before; the answer's status.
    pub(crate) async fn deliver(&mut self) -> Result<u64> {
        let event = self.outside.ask(&Command::Delivery).await?;
        let deadline_ms = self.deadline_ms();
        let payload = serde_json::to_vec(&event)?;
        let answer = self.host(WEBHOOK)?.invoke(&payload, deadline_ms).await;
        match answer {
            Ok(bytes) => status(&bytes),
            Err(InvokeError::NotStarted(error)) => Err(error.into()),
            // API Gateway's word for a function without an answer.
            Err(_) => Ok(500),
        }
    }

    /// What the schedule does: the sweep sends again what nobody works on.
    pub(crate) async fn sweep(&mut self) -> Result<()> {
        // Each run of the schedule has a time of its own; the same one again is the same run.
        self.sweeps += 1;
        let (minute, second) = (self.sweeps / 60 % 60, self.sweeps % 60);
        let time = format!("2026-01-15T10:{minute:02}:{second:02}Z");
        let event = json!({ "source": "schedule", "schedule": "sweep", "time": time });
        let deadline_ms = SystemClock.now_ms() + LONG_MS;
        let payload = serde_json::to_vec(&event)?;
        match self.host(REPLAY)?.invoke(&payload, deadline_ms).await {
            Ok(_) | Err(InvokeError::TimedOut) => Ok(()),
            Err(error) => bail!("the sweep failed: {error}"),
        }
    }

    /// A whole life without faults; outside calls of each invocation, in order.
    pub(crate) async fn plain_life(&mut self) -> Result<Vec<Site>> {
        let mut sites = Vec::new();
        self.save(WEBHOOK).await?;
        let before = self.calls().await?;
        let status = self.deliver().await?;
        ensure!(status == 200, "the plain delivery is answered {status}");
        sites.push(Site::of(WEBHOOK, WEBHOOK, self.calls().await? - before));
        for stage in Stage::ALL {
            let mut nth = 0;
            loop {
                let name = format!("{stage}-{nth}");
                self.save(&name).await?;
                let Some(event) = self.poll(stage).await? else {
                    break;
                };
                let before = self.calls().await?;
                // Nothing is to be cut short here, on the busiest machine.
                let deadline_ms = SystemClock.now_ms() + LONG_MS;
                let payload = serde_json::to_vec(&event)?;
                let answer = self.host(stage.as_str())?.invoke(&payload, deadline_ms).await;
                ensure!(answer.is_ok(), "the plain life ends at `{stage}`: {answer:?}");
                self.settle(stage, event, answer).await?;
                sites.push(Site::of(&name, stage.as_str(), self.calls().await? - before));
                nth += 1;
            }
        }
        self.drain().await?;
        Ok(sites)
    }

    pub(crate) async fn save(&mut self, name: &str) -> Result<()> {
        let command = Command::Save {
            name: name.to_owned(),
        };
        self.outside.ask(&command).await.map(|_| ())
    }

    pub(crate) async fn load(&mut self, name: &str) -> Result<()> {
        let command = Command::Load {
            name: name.to_owned(),
        };
        self.outside.ask(&command).await.map(|_| ())
    }

    pub(crate) async fn calls(&mut self) -> Result<u64> {
        let calls = self.outside.ask(&Command::Calls).await?;
        calls.as_u64().context("calls are no number")
    }

    pub(crate) async fn report(&mut self) -> Result<Value> {
        self.outside.ask(&Command::Report).await
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("address", &self.outside.address)
            .finish_non_exhaustive()
    }
}

/// An invocation of the plain life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// Under what name the instant before it is kept.
    pub(crate) name: String,
    /// Which function.
    pub(crate) function: String,
    /// How many outside calls it makes.
    pub(crate) calls: u64,
}

impl Site {
    fn of(name: &str, function: &str, calls: u64) -> Self {
        Self {
            name: name.to_owned(),
            function: function.to_owned(),
            calls,
        }
    }
}

/// The status in API Gateway's answer.
fn status(answer: &[u8]) -> Result<u64> {
    let answer: Value = serde_json::from_slice(answer)?;
    answer
        .get("statusCode")
        .and_then(Value::as_u64)
        .context("an answer without a status")
}

/// Lets real time pass.
pub(crate) async fn wait(ms: u64) {
    drop(tokio::time::timeout(Duration::from_millis(ms), std::future::pending::<()>()).await);
}
