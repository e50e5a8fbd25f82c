//! The main job in bad weather: two hundred tickets with kills, faults and an outage of each provider in turn, and a
//! table that says whether anything was lost, stuck or doubled once the sweep, the alarms and the comparison have had
//! their turn.
//!
//! Everything runs on a clock of its own and on dice that a seed repeats, so a run that fails fails again.

mod alarms;
#[cfg(test)]
mod controls;
#[cfg(test)]
mod drill;
mod hours;
mod report;
#[cfg(test)]
mod seeing;
mod storm;
mod story;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::demo::setup::World;
use hours::Hours;
use report::Report;
use storm::{Storm, Stormy};

/// Runs the storm, prints its table, and writes the summary as JSON where a file is given.
///
/// # Errors
/// When anything is left stuck, doubled, lost or unbilled, or healing took longer than promised.
pub async fn run(seed: u64, json: Option<&Path>) -> Result<()> {
    let report = Box::pin(storm(seed)).await?;
    println!("{report}");
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report.to_json(seed))?;
        std::fs::write(path, text)
            .with_context(|| format!("summary could not be written to {}", path.display()))?;
    }
    match report.problems() {
        [] => Ok(()),
        problems => bail!("the storm left damage:\n  {}", problems.join("\n  ")),
    }
}

async fn storm(seed: u64) -> Result<Report> {
    // The files that the sample's second repository is asked about; more would only be slower to map.
    let world = World::with(|path| {
        [
            "shared/domain/src/redact/address.rs",
            "shared/domain/src/redact/credential.rs",
            "shared/domain/src/limits.rs",
            "shared/locate/src/corpus.rs",
        ]
        .contains(&path)
    })
    .await?;
    let storm = Storm::new(world.watch.clone(), seed);
    let stormy = Stormy {
        sandbox: world.sandbox.clone(),
        storm: Arc::clone(&storm),
    };
    let process = Arc::new(world.process_behind(storm.clone(), Arc::new(stormy))?);
    let mut hours = Hours::new(&world, process, storm)?;
    let (tickets, repairs) = Box::pin(story::tell(&mut hours)).await?;
    Report::of(&hours, &tickets, repairs).await
}
