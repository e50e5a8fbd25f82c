//! The functions as a process of their own would run them: made at a cold start, gone with a crash, made again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::Clock;

use crate::cloud::{Cloud, Functions};
use crate::mapping::{Handler, Mapping, Unanswered};
use crate::watch::SharedWatch;

/// Makes the functions of a fresh process.
pub type Start = Box<dyn Fn() -> Result<Functions> + Send + Sync>;

/// The functions, and how to make them again.
pub struct Process {
    functions: Mutex<Arc<Functions>>,
    start: Start,
    watch: SharedWatch,
    clock: Arc<dyn Clock>,
    crashes: AtomicU64,
}

impl Process {
    /// A process whose functions `start` makes: now, and again after every crash that `watch` reports.
    ///
    /// # Errors
    /// When the functions cannot start.
    pub fn new(start: Start, watch: SharedWatch, clock: Arc<dyn Clock>) -> Result<Self> {
        let functions = Mutex::new(Arc::new(start()?));
        Ok(Self {
            functions,
            start,
            watch,
            clock,
            crashes: AtomicU64::new(0),
        })
    }

    /// The functions as they run now.
    #[must_use]
    pub fn functions(&self) -> Arc<Functions> {
        Arc::clone(&self.functions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often it crashed.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.crashes.load(Ordering::SeqCst)
    }

    /// One mapping a stage, from the template's queue to this process.
    ///
    /// # Errors
    /// When the template has no queue for a stage.
    pub fn mappings(self: &Arc<Self>, cloud: &Cloud) -> Result<Vec<Mapping>> {
        Stage::ALL
            .into_iter()
            .map(|stage| {
                let function = cloud.template.functions.get(stage.as_str());
                let source = function.and_then(|function| function.source.as_ref());
                let source =
                    source.with_context(|| format!("stage `{stage}` has no queue in the template"))?;
                Ok(Mapping::new(
                    cloud.aws.sqs.clone(),
                    source,
                    self.handler(stage, cloud.timeout_ms(stage.as_str())),
                ))
            })
            .collect()
    }

    fn handler(self: &Arc<Self>, stage: Stage, timeout_ms: u64) -> Handler {
        let process = Arc::clone(self);
        Arc::new(move |event| {
            let process = Arc::clone(&process);
            Box::pin(async move { process.invoke(stage, event, timeout_ms).await })
        })
    }

    /// One invocation of a stage; a crash leaves its batch without an answer, and a fresh process behind.
    ///
    /// # Errors
    /// [`Unanswered`] after a crash, or when the function itself failed.
    pub async fn invoke(
        &self,
        stage: Stage,
        event: SqsEvent,
        timeout_ms: u64,
    ) -> Result<SqsBatchResponse, Unanswered> {
        let functions = self.functions();
        let deadline_ms = self.clock.now_ms().saturating_add(timeout_ms);
        let answer = self
            .surviving(Box::pin(functions.invoke(stage, event, deadline_ms)))
            .await?;
        answer.map_err(|error| Unanswered {
            reason: error.to_string(),
        })
    }

    /// Runs one call to its end, or to the crash of the process, after which the functions are made again.
    ///
    /// # Errors
    /// [`Unanswered`] after a crash.
    pub async fn surviving<T>(&self, call: impl Future<Output = T>) -> Result<T, Unanswered> {
        tokio::select! {
            biased;
            () = self.watch.crashed() => {
                self.crashes.fetch_add(1, Ordering::SeqCst);
                let again = (self.start)().map_err(|error| Unanswered { reason: format!("{error:#}") })?;
                *self.functions.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(again);
                Err(Unanswered { reason: "process crashed".to_owned() })
            }
            answer = call => Ok(answer),
        }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process")
            .field("crashes", &self.crashes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ratchet_domain::stage::Stage;

    use super::*;
    use crate::stand::Stand;

    #[tokio::test]
    async fn queues_and_their_mappings_are_as_the_template_has_them() {
        let stand = Stand::new().await.unwrap();
        let start = {
            let stand = Stand::new().await.unwrap();
            move || stand.functions()
        };
        let clock: Arc<dyn Clock> = stand.clock.clone();
        let process = Arc::new(Process::new(Box::new(start), SharedWatch::default(), clock).unwrap());
        let mappings = process.mappings(&stand.cloud).unwrap();
        for (mapping, stage) in mappings.iter().zip(Stage::ALL) {
            let source = stand.cloud.template.functions[stage.as_str()]
                .source
                .clone()
                .unwrap();
            let shown = format!("{mapping:?}");
            assert!(
                shown.contains(&format!("batch_size: {},", source.batch_size)),
                "{shown}"
            );
            let concurrency = source.concurrency_max.unwrap();
            assert!(shown.contains(&format!("concurrency: {concurrency},")), "{shown}");
            let retention_seconds = stand
                .cloud
                .aws
                .sqs
                .read(|state| state.queues[&source.queue].settings.retention_seconds);
            assert_eq!(retention_seconds, 1_209_600, "{stage}");
        }
        assert!(
            mappings
                .iter()
                .any(|mapping| format!("{mapping:?}").contains("batch_size: 10,"))
        );
    }
}
