//! The cloud on a laptop: `demo` runs the main job and checks itself, `chaos` does so in bad weather, `up` keeps it
//! running.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use local::up::{Options, Tree};

/// What a person does by hand in the sandbox.
const UP: &str = "In the sandbox a customer and a colleague act by hand at the providers' port:
  curl -d '{\"subject\": \"..\", \"text\": \"..\"}' http://127.0.0.1:8082/people/tickets
  curl -d '{\"text\": \"..\"}' http://127.0.0.1:8082/people/tickets/5001/comments
  curl -X POST http://127.0.0.1:8082/people/pulls/acme/shop/1/merge
  curl -X POST http://127.0.0.1:8082/people/pulls/acme/shop/1/close
The webhooks of all of these are signed and delivered to the intake: a merge publishes the root cause where the org's
`rca.publish` is `on_merge`, and credits the bug where it missed what was mapped.";

#[derive(Parser)]
#[command(name = "local", about = "Ratchet and the cloud it runs on, in one process")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole pipeline on sample tickets and ends with a table; non-zero when anything is not as promised.
    Demo {
        /// Writes the summary here as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Two hundred tickets in bad weather: kills, faults, an outage of each provider; non-zero when anything is left
    /// stuck, doubled or lost after the alarms, the sweep and the comparison have had their turn.
    Chaos {
        /// Writes the summary here as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Another seed is another storm; the same seed is the same storm.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Serves the AWS services alone, in memory, with the template's tables and queues.
    #[command(hide = true)]
    Emulators {
        /// The port on 127.0.0.1; 0 takes a free one, which the first line of output names.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Keeps the cloud running on 127.0.0.1 until interrupted.
    #[command(after_help = UP)]
    Up {
        /// The intake's port; the AWS services take the next one, the providers the one after. 0 takes free ones.
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Keeps everything here between runs.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Settings of an org whose providers are real; its `env:` secrets are read from this environment. They are put where
        /// the org has none: from then on `ctl org put` changes them.
        #[arg(long, value_name = "FILE")]
        org: Option<PathBuf>,
        /// Maps bugs against this working tree, which becomes a repository of the sandbox's GitHub: beside the sample shop, or,
        /// with --org, in the place of the org's GitHub. The repository is the one with the folder's name unless said.
        #[arg(long = "repo", value_name = "[OWNER/NAME=]DIR")]
        repos: Vec<Tree>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Demo { json } => local::demo::run(json.as_deref()).await,
        Command::Chaos { json, seed } => local::chaos::run(seed, json.as_deref()).await,
        Command::Emulators { port } => local::emulators::run(port).await,
        Command::Up {
            port,
            data,
            org,
            repos,
        } => {
            let options = Options {
                port,
                data,
                org,
                repos,
            };
            local::up::run(&options).await
        }
    }
}
