//! `ctl pause` and `ctl resume`, and how controls are changed: of one org in its settings, of all in a row of their own.

use std::collections::BTreeSet;

use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::{Controls, Problem, Settings};
use ratchet_domain::stage::Stage;
use ratchet_runtime::orgs::DEPLOYMENT;
use serde_json::{Map, Value, json};

use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::settings::Put;

/// Arguments of both.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl pause --org acme                    what would be changed
  ctl pause --org acme --apply            change it
  ctl pause --stage open-pr --apply       one stage, for every org
  ctl resume --stage open-pr --apply

Without --apply nothing is written. Functions follow within SETTINGS_CACHE_SECONDS, and look at what waits every
HOLD_SECONDS. A message that waits is not counted as received and never dies of it.")]
pub struct Args {
    /// Only this org; every org of the deployment unless said.
    #[arg(long, value_name = "ORG")]
    pub org: Option<String>,
    /// Only this stage; every stage unless said.
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    pub stage: Option<Stage>,
    /// Write it.
    #[arg(long)]
    pub apply: bool,
}

fn stage(text: &str) -> Result<Stage, String> {
    let known = Stage::ALL.map(Stage::as_str).join(", ");
    Stage::from_name(text).ok_or_else(|| format!("must be one of {known}"))
}

/// Runs either verb. **JSON**: `{"org","before","after","version","stored"}`, with the controls before and after.
///
/// # Errors
/// When the controls cannot be read or stored, or the org is unknown.
pub async fn run(app: &mut App<'_>, args: &Args, pause: bool) -> Result<Report, Failure> {
    let stage = args.stage;
    change(app, args.org.as_deref(), args.apply, |controls| match stage {
        None => drop(controls.insert("paused".to_owned(), json!(pause))),
        Some(stage) => {
            let names = controls.get("paused_stages").and_then(Value::as_array);
            let names = names.into_iter().flatten().filter_map(Value::as_str);
            let mut names: BTreeSet<String> = names.map(str::to_owned).collect();
            if pause {
                names.insert(stage.as_str().to_owned());
            } else {
                names.remove(stage.as_str());
            }
            controls.insert("paused_stages".to_owned(), json!(names));
        }
    })
    .await
}

/// Changes the controls of an org, or of the deployment: one conditional write on the version that was read.
///
/// # Errors
/// [`Failure::NotFound`] for an org without settings; [`Failure::Invalid`] when the result does not validate;
/// [`Failure::Refused`] when somebody else wrote meanwhile; [`Failure::Aws`].
pub(super) async fn change(
    app: &mut App<'_>,
    org: Option<&str>,
    apply: bool,
    edit: impl FnOnce(&mut Map<String, Value>),
) -> Result<Report, Failure> {
    let row = match org {
        Some(name) => OrgId::parse(name)
            .map_err(|error| invalid("--org", error.to_string()))?
            .to_string(),
        None => DEPLOYMENT.to_owned(),
    };
    let table = app.worlds.open().await?.settings()?;
    let on_record = table.read_row(&row).await?;
    if on_record.is_none() && org.is_some() {
        return Err(Failure::NotFound(format!("org has no settings org=`{row}`")));
    }
    let version = on_record.as_ref().map_or(0, |on_record| on_record.version);
    let text = on_record.map_or_else(|| "{}".to_owned(), |on_record| on_record.document);
    let mut document: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|_| Failure::Row(format!("settings are no JSON object org=`{row}`")))?;
    let mut controls = match org {
        Some(_) => document
            .get("controls")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        None => document.clone(),
    };
    let before = Value::Object(controls.clone());
    edit(&mut controls);
    let after = Value::Object(controls.clone());
    match org {
        Some(_) => drop(document.insert("controls".to_owned(), after.clone())),
        None => document = controls,
    }
    let document = Value::Object(document);
    let checked = match org {
        Some(_) => Settings::parse(&document).map(drop),
        None => Controls::parse(&document).map(drop),
    };
    checked.map_err(|problems| Failure::Invalid {
        what: format!("settings of {row}"),
        problems,
    })?;
    if apply && let Put::Changed { found } = table.put_row(&row, &format!("{document:#}"), version).await? {
        return Err(Failure::Refused(format!(
            "somebody else changed the settings, look again org=`{row}` expected=`{version}` found=`{found}`"
        )));
    }
    let whose = org.unwrap_or("every org");
    let done = if apply {
        "stored"
    } else {
        "nothing is stored without --apply"
    };
    Ok(Report {
        text: format!("{whose}: {before} becomes {after}; {done}"),
        json: json!({
            "org": org, "before": before, "after": after,
            "version": version + u64::from(apply), "stored": apply,
        }),
        notes: Vec::new(),
    })
}

pub(super) fn invalid(path: &str, problem: String) -> Failure {
    Failure::Invalid {
        what: "command line".to_owned(),
        problems: vec![Problem {
            path: path.to_owned(),
            problem,
        }],
    }
}
