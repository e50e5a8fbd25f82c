//! Metrics: what the code counts is on the dashboard, and what dashboard and alarms name is counted.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use ratchet_domain::park::{Mend, Reason};
use ratchet_runtime::metric::{ALL, NAMESPACE};
use serde_json::Value;

use super::cloud::{Cloud, list, text};
use crate::repository;

fn dashboard(cloud: &Cloud) -> Result<Value> {
    let body = cloud
        .properties("Dashboard")?
        .get("DashboardBody")
        .context("no body")?;
    let body = body.get("Fn::Sub").unwrap_or(body).as_str().context("no text")?;
    Ok(serde_json::from_str(body)?)
}

/// Names of our metrics in the dashboard: in a list of metrics, or in a search.
fn shown(cloud: &Cloud) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let dashboard = dashboard(cloud)?;
    for widget in list(&dashboard, "/widgets") {
        for metric in list(widget, "/properties/metrics") {
            if let Some(search) = text(metric, "/0/expression") {
                if search.contains(&format!("{{{NAMESPACE},")) {
                    let name = search
                        .split("MetricName=\"")
                        .nth(1)
                        .and_then(|rest| rest.split('"').next());
                    names.insert(name.context("search without a metric")?.to_owned());
                }
            } else {
                names.insert(text(metric, "/1").context("metric without a name")?.to_owned());
            }
        }
    }
    Ok(names)
}

#[test]
fn the_dashboard_shows_what_is_counted_and_nothing_else() -> Result<()> {
    let cloud = Cloud::read()?;
    assert_eq!(shown(&cloud)?, ALL.map(|(name, _, _)| name.to_owned()).into());
    Ok(())
}

#[test]
fn what_is_announced_is_counted_by_the_code() -> Result<()> {
    let mut code = String::new();
    let mut names = String::new();
    for folder in ["functions", "shared"] {
        for path in repository::files_below(folder)? {
            if path.ends_with("/metric.rs") {
                names += &repository::read(&path)?;
            } else if path.ends_with(".rs") {
                code += &repository::read(&path)?;
            }
        }
    }
    for (name, _, _) in ALL {
        let constant = names
            .lines()
            .find(|line| line.contains(&format!(": &str = \"{name}\"")))
            .and_then(|line| line.strip_prefix("pub const ")?.split(':').next())
            .with_context(|| format!("{name} is no constant"))?;
        assert!(
            code.contains(&format!("count(metric::{constant},")),
            "nobody counts {name}"
        );
    }
    Ok(())
}

#[test]
fn the_alarm_on_parked_work_watches_every_reason_that_a_retry_mends() -> Result<()> {
    let cloud = Cloud::read()?;
    let alarm = cloud.properties("ParkedRetryableAlarm")?;
    let watched: BTreeSet<&str> = list(alarm, "/Metrics")
        .into_iter()
        .filter_map(|metric| text(metric, "/MetricStat/Metric/Dimensions/0/Value"))
        .collect();
    let mended = Reason::ALL.iter().filter(|reason| reason.mend() == Mend::Retry);
    assert_eq!(watched, mended.map(|reason| reason.as_str()).collect());
    Ok(())
}
