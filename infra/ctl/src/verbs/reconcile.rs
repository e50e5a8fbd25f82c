//! The ledger against the outside world: plans of repairs, and carrying them out.

pub mod apply;
mod book;
pub mod plan;

use ::reconcile::{Plan, Repair};
use clap::Subcommand;
use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::Problem;
use ratchet_runtime::config::Reader;
use ratchet_runtime::signed::Invoked;
use serde_json::{Value, json};

use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::table;
use crate::world::World;

/// What to do with a plan of repairs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Compare, say what does not agree and what would mend it, and name that plan.
    Plan(plan::Args),
    /// Carry out a plan, unless the world has moved since it was made.
    Apply(apply::Args),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &mut App<'_>, verb: &Verb) -> Result<Report, Failure> {
    match verb {
        Verb::Plan(args) => plan::run(app, args).await,
        Verb::Apply(args) => apply::run(app, args).await,
    }
}

/// A question to `reconcile`, as its function reads it.
struct Ask<'a> {
    id: &'a str,
    by: &'a str,
    org: Option<&'a OrgId>,
    since: Option<&'a str>,
    until: Option<&'a str>,
    apply: Option<&'a str>,
}

impl Ask<'_> {
    fn event(&self) -> Value {
        let mut event = json!({ "source": "operator", "id": self.id, "by": self.by });
        let more = [
            ("org", self.org.map(OrgId::as_str)),
            ("since", self.since),
            ("until", self.until),
            ("apply", self.apply),
        ];
        for (name, value) in more {
            if let (Some(value), Some(fields)) = (value, event.as_object_mut()) {
                fields.insert(name.to_owned(), Value::from(value));
            }
        }
        event
    }
}

/// Asks the function, and reads its plan. It compares for minutes where there is much, which is said.
async fn ask(app: &App<'_>, world: &World, ask: &Ask<'_>) -> Result<Plan, Failure> {
    let mut reader = Reader::new(&world.deployment.env);
    let function = reader.text("RECONCILE_FUNCTION_ARN");
    let function = reader.done(function)?;
    app.worlds.tell("comparing, for up to five minutes ..");
    let answer = match world.functions.invoke(&function, &ask.event()).await? {
        Invoked::Answered(answer) => answer,
        Invoked::Failed(says) => return Err(refusal(says)),
    };
    serde_json::from_value(answer).map_err(|error| Failure::Row(format!("the function's answer: {error}")))
}

/// The function's own words, as the kind of failure that they are.
fn refusal(says: String) -> Failure {
    if says.starts_with("plan is out of date") || says.contains("with other content") {
        return Failure::Refused(says);
    }
    if says.starts_with("org has no settings") {
        return Failure::NotFound(says);
    }
    if says.starts_with("request ") || says.starts_with("event ") {
        let problem = Problem {
            path: "request".to_owned(),
            problem: says,
        };
        return Failure::Invalid {
            what: "comparison".to_owned(),
            problems: vec![problem],
        };
    }
    Failure::Aws {
        operation: "Invoke",
        code: "FunctionError".to_owned(),
        detail: says,
    }
}

/// The plan's items, what could not be read, and what is left.
fn text(plan: &Plan) -> String {
    let rows: Vec<Vec<String>> = plan
        .items
        .iter()
        .map(|item| {
            vec![
                word(item.kind),
                word(item.repair),
                item.subject.clone(),
                item.step.clone(),
                item.finding.clone(),
            ]
        })
        .collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text.push_str("\n\n");
        text.push_str(&table(&["KIND", "REPAIR", "SUBJECT", "STEP", "FINDING"], &rows));
    }
    for unread in &plan.unread {
        text.push_str(&format!(
            "\nnot compared: {} of {}: {}",
            unread.what, unread.org, unread.why
        ));
    }
    if plan.more {
        text.push_str("\nthere is more than one plan holds: carry this one out, and make another");
    }
    text
}

/// How many items the function mends by itself; a person does the others.
fn mendable(plan: &Plan) -> usize {
    let mends = |item: &&::reconcile::Item| item.repair != Repair::Look;
    plan.items.iter().filter(mends).count()
}

fn word(of: impl serde::Serialize) -> String {
    let word = serde_json::to_value(of).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}
