//! Everything outside of the functions, as a process of its own: one address for the tables, the queues and the
//! providers, one gate in front of them, and a second address for commands.

mod command;
mod door;
mod effects;
mod gate;
mod report;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use local::aws::{Aws, AwsSnapshot};
use local::cloud::Cloud;
use local::demo::{CHANNEL, sandbox_secrets, sandbox_settings};
use local::mapping::{Handler, Mapping, Unanswered};
use local::sandbox::model::answers::{Answer, parse};
use local::sandbox::source::SourceFile;
use local::sandbox::zendesk::NewTicket;
use local::sandbox::{Sandbox, World as Providers};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use command::{Command, Held, When};
use effects::Effects;
use gate::Gate;

/// The org's repositories; both hold the bug, so that a ticket has two pull requests.
pub const REPOSITORIES: [&str; 2] = ["acme/shop", "acme/till"];

/// Tables, queues and providers at one instant.
type Saved = (AwsSnapshot, Providers);

/// See the module.
pub(crate) struct Outside {
    address: String,
    cloud: Cloud,
    sandbox: Sandbox,
    gate: Gate,
    effects: Effects,
    mappings: BTreeMap<Stage, Mapping>,
    saved: Mutex<BTreeMap<String, Saved>>,
}

/// Serves until the connection for commands closes; the first line of output is the address of the services, the
/// second that for commands.
///
/// # Errors
/// When no port is free, the template is not usable, or what comes is not commands.
pub async fn run() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let commands = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let outside = Arc::new(Outside::new(address.clone()).await?);
    println!("{address}\n{}", commands.local_addr()?);
    tokio::select! {
        served = door::serve(listener, Arc::clone(&outside)) => match served? {},
        obeyed = command::obey(commands, &outside) => obeyed,
    }
}

impl Outside {
    async fn new(address: String) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sandbox = Sandbox::new(Arc::clone(&clock), 1).with_answers(answers()?);
        fill(&sandbox)?;
        let cloud = Cloud::deploy(Aws::memory(clock)?, sandbox_secrets(&sandbox)).await?;
        put_settings(&cloud, &address)?;
        // On a busy machine an invocation may not end in its short time; a message must not be given up for that.
        cloud.aws.sqs.edit(|state, _| {
            for queue in state.queues.values_mut() {
                queue.settings.redrive = None;
            }
        });
        let mut mappings = BTreeMap::new();
        for stage in Stage::ALL {
            let function = cloud.template.functions.get(stage.as_str());
            let source = function.and_then(|function| function.source.as_ref());
            let source = source.with_context(|| format!("stage `{stage}` has no queue"))?;
            mappings.insert(stage, Mapping::new(cloud.aws.sqs.clone(), source, elsewhere()));
        }
        Ok(Self {
            address,
            cloud,
            sandbox,
            gate: Gate::default(),
            effects: Effects::default(),
            mappings,
            saved: Mutex::default(),
        })
    }
}

/// Batches are handed out by command; the functions run in processes of somebody else.
fn elsewhere() -> Handler {
    Arc::new(|_| {
        Box::pin(async {
            Err(Unanswered {
                reason: "the function is not here".to_owned(),
            })
        })
    })
}

/// The file of each repository that holds a part of the bug.
const FILES: [&str; 2] = ["src/cart.rs", "src/till.rs"];

/// What the model knows: one bug with a place and a change in each repository.
fn answers() -> Result<Vec<Answer>> {
    let each = |make: &dyn Fn(&str, &str) -> Value| {
        let pairs = ["shop", "till"].into_iter().zip(FILES);
        pairs.map(|(suffix, path)| make(suffix, path)).collect::<Vec<_>>()
    };
    let locations = each(&|suffix, path| {
        json!({ "repo_suffix": suffix, "path": path, "symbol": "tea_price", "explanation": "The rounding is off.",
            "confidence": 0.9 })
    });
    let edits = each(
        &|suffix, path| json!({ "repo_suffix": suffix, "path": path, "search": "cents / 10 * 10", "replace": "cents" }),
    );
    let known = json!([{
        "when": ["tea", "price"],
        "bug": {
            "is_bug": true, "title": "Tea is priced without its last digit", "severity": "high",
            "steps_to_reproduce": ["Look at a tea"], "expected": "The price", "actual": "Less",
            "affected_feature": "prices", "customer_impact": "Pays too little",
            "quote": "the price of the tea", "ai_confidence": 0.9,
        },
        "locations": locations,
        "edits": edits,
        "rca": { "customer_impact": "Pays too little", "root_cause": "Rounding", "fix": "None", "prevention": "A test" },
    }]);
    Ok(parse(&known.to_string())?)
}

/// A repository for each part of the bug, and its ticket.
fn fill(sandbox: &Sandbox) -> Result<()> {
    sandbox.edit(|outside, now_ms| {
        outside.slack.add_channel(CHANNEL);
        for (repository, path) in REPOSITORIES.into_iter().zip(FILES) {
            let text = "/// What a tea costs, in cents.\npub fn tea_price(cents: u64) -> u64 {\n    cents / 10 * 10\n}\n";
            let added = outside.github.add_repo(now_ms, repository, &[SourceFile::text(path, text)]);
            added.with_context(|| format!("repository `{repository}`"))?;
        }
        let new = NewTicket {
            subject: "A tea that costs too little",
            text: "In the shop the price of the tea is off: 19 cents are 10.",
            ..NewTicket::default()
        };
        outside.zendesk.add_ticket(now_ms, &new);
        Ok(())
    })
}

/// The org's settings, with every provider at our address.
fn put_settings(cloud: &Cloud, address: &str) -> Result<()> {
    let mut document = sandbox_settings("acme", &REPOSITORIES.map(str::to_owned));
    for (path, place) in [
        ("/zendesk/base_url", "zendesk"),
        ("/github/api_url", "github"),
        ("/model/base_url", "anthropic"),
        ("/slack/api_url", "slack/api"),
    ] {
        let setting = document
            .pointer_mut(path)
            .context("the sandbox's settings lack an address")?;
        *setting = Value::from(format!("{address}/{place}"));
    }
    if let Some(fields) = document.as_object_mut() {
        fields.insert(
            "tracker".to_owned(),
            json!({ "kind": "github", "repo": REPOSITORIES[0] }),
        );
    }
    let request = json!({
        "TableName": "SettingsTable",
        "Item": { "org": { "S": "acme" }, "document": { "S": document.to_string() }, "version": { "N": "1" } },
    });
    let (status, body) = cloud
        .aws
        .dynamo
        .answer("DynamoDB_20120810.PutItem", request.to_string().as_bytes());
    anyhow::ensure!(status == 200, "settings are not stored: {body}");
    Ok(())
}
