//! The main job on real input: signed webhooks in; one bill, one draft pull request a repository, one comment out;
//! with duplicates, a lost reply, a crash, and bad signatures on the way.

mod leaks;
mod price;
mod report;
pub(crate) mod row;
#[cfg(test)]
mod sample;
pub(crate) mod setup;
pub(crate) mod story;

use std::path::Path;

use anyhow::{Context, Result, bail};

pub(crate) use setup::tickets;
pub use setup::{CHANNEL, sandbox_secrets, sandbox_settings, working_tree};

use report::Report;

/// Runs the demo, prints its table, and writes the summary as JSON where a file is given.
///
/// # Errors
/// When anything is not as promised: the number of effects, of bills, or an outcome.
pub async fn run(json: Option<&Path>) -> Result<()> {
    let world = setup::World::new().await?;
    let story = Box::pin(story::tell(&world)).await?;
    let report = Report::of(&world, &story).await?;
    println!("{report}");
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&report.to_json())?;
        std::fs::write(path, text)
            .with_context(|| format!("summary could not be written to {}", path.display()))?;
    }
    match report.problems() {
        [] => Ok(()),
        problems => bail!("the demo is not as promised:\n  {}", problems.join("\n  ")),
    }
}
