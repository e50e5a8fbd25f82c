//! What outlives a run of `up`: tables in a file of their own, queues and sandbox as JSON beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ratchet_guard::clock::Clock;
use ratchet_guard::embedded::EmbeddedDynamo;

use crate::aws::Aws;
use crate::sandbox::Sandbox;
use crate::sqs::Sqs;

/// The account and where it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    aws: Aws,
    directory: Option<PathBuf>,
    is_new: bool,
}

impl Kept {
    /// An account in memory, or the one in the directory.
    pub(super) fn open(directory: Option<&Path>, clock: &Arc<dyn Clock>) -> Result<Self> {
        let Some(directory) = directory else {
            return Ok(Self {
                aws: Aws::memory(Arc::clone(clock))?,
                directory: None,
                is_new: true,
            });
        };
        fs::create_dir_all(directory).with_context(|| format!("data directory {}", directory.display()))?;
        let tables = directory.join("tables.sqlite");
        let queues = directory.join("queues.json");
        let is_new = !queues.exists();
        let dynamo = EmbeddedDynamo::open(&tables).with_context(|| format!("tables {}", tables.display()))?;
        let sqs = if is_new {
            Sqs::new(Arc::clone(clock))
        } else {
            let text = fs::read_to_string(&queues).with_context(|| format!("queues {}", queues.display()))?;
            let state =
                serde_json::from_str(&text).with_context(|| format!("queues {}", queues.display()))?;
            Sqs::with_state(Arc::clone(clock), state)
        };
        Ok(Self {
            aws: Aws { dynamo, sqs },
            directory: Some(directory.to_owned()),
            is_new,
        })
    }

    /// The account.
    pub(super) fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Nothing is deployed in it yet.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// The sandbox as it was left, or the fresh one.
    pub(super) fn sandbox(&self, fresh: Sandbox) -> Result<Sandbox> {
        let Some(path) = self
            .directory
            .as_ref()
            .map(|directory| directory.join("providers.json"))
        else {
            return Ok(fresh);
        };
        if path.exists() {
            let text = fs::read_to_string(&path).with_context(|| format!("providers {}", path.display()))?;
            fresh.restore(
                serde_json::from_str(&text).with_context(|| format!("providers {}", path.display()))?,
            );
        }
        Ok(fresh)
    }

    /// Writes queues and sandbox; each file is replaced whole.
    pub(super) fn write(&self, sandbox: &Sandbox) -> Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        replace(
            &directory.join("queues.json"),
            &serde_json::to_string(&self.aws.sqs.snapshot())?,
        )?;
        replace(
            &directory.join("providers.json"),
            &serde_json::to_string(&sandbox.snapshot())?,
        )
    }
}

fn replace(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).with_context(|| fresh.display().to_string())?;
    fs::rename(&fresh, path).with_context(|| path.display().to_string())
}
