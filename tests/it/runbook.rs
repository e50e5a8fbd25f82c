//! `infra/RUNBOOK.md`: a section for every alarm and for every reason for which work waits, and none for what is not.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use ratchet_domain::park::Reason;
use ratchet_domain::stage::Stage;

use crate::repository::{files_below, read};
use crate::template::cloud::{Cloud, pascal, target, text};

/// What each section says, in this order.
const PARTS: [&str; 3] = ["**Meaning.**", "**Check.**", "**Repair.**"];

/// How code names a reason.
const NAMED_BY: [&str; 4] = ["Why::new(", "Park::for_a_person(", "Park::until(", "code: "];

/// Words of faults after which work is tried again and never parked.
const NEVER_PARKED: [&str; 8] = [
    "branch_vanished",
    "deadline_passed",
    "intent_outdated",
    "more_to_do",
    "not_read",
    "pull_vanished",
    "store_contended",
    "sweep_failed",
];

/// Words that the guard gives to workflows which are not this one: `Ledger::whole`, `Claim::end_as`, `Work::sending`.
const OTHER_WORKFLOWS: [&str; 7] = [
    "ledger_unavailable",
    "request_unwritable",
    "step_busy",
    "step_needs_review",
    "step_not_read",
    "step_retried",
    "step_waits",
];

/// The sections below a heading of the second level: name and text.
fn sections(heading: &str) -> Result<Vec<(String, String)>> {
    let runbook = read("infra/RUNBOOK.md")?;
    let (_, rest) = runbook
        .split_once(&format!("\n## {heading}\n"))
        .with_context(|| format!("no heading=`{heading}`"))?;
    let part = rest.split("\n## ").next().unwrap_or_default();
    let sections = part.split("\n### ").skip(1).map(|section| {
        let (name, text) = section.split_once('\n').unwrap_or((section, ""));
        (name.to_owned(), text.to_owned())
    });
    Ok(sections.collect())
}

fn names(heading: &str) -> Result<BTreeSet<String>> {
    Ok(sections(heading)?.into_iter().map(|(name, _)| name).collect())
}

#[test]
fn every_section_says_what_it_means_how_to_check_and_how_to_repair() -> Result<()> {
    for (name, text) in sections("Alarms")?.into_iter().chain(sections("Reasons")?) {
        let places: Vec<Option<usize>> = PARTS.iter().map(|part| text.find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{name}");
    }
    Ok(())
}

#[test]
fn every_alarm_names_its_section_and_every_section_has_an_alarm() -> Result<()> {
    let mut named = BTreeSet::new();
    for (id, alarm) in Cloud::read()?.resources("AWS::CloudWatch::Alarm") {
        let says =
            text(alarm, "/Properties/AlarmDescription").with_context(|| format!("{id}: no description"))?;
        let section = says
            .rsplit_once("Runbook ")
            .and_then(|(_, name)| name.strip_suffix('.'));
        named.insert(
            section
                .with_context(|| format!("{id} names no section: {says}"))?
                .to_owned(),
        );
    }
    assert_eq!(named, names("Alarms")?);
    Ok(())
}

#[test]
fn every_reason_has_a_section_and_every_section_is_a_reason() -> Result<()> {
    let reasons = Reason::ALL.iter().map(|reason| reason.as_str().to_owned());
    assert_eq!(reasons.collect::<BTreeSet<_>>(), names("Reasons")?);
    Ok(())
}

#[test]
fn every_fence_begins_its_line_and_is_closed() -> Result<()> {
    let runbook = read("infra/RUNBOOK.md")?;
    let with_fences: Vec<&str> = runbook.lines().filter(|line| line.contains("```")).collect();
    // One behind other words makes a text of what follows it, which nobody can copy as a command.
    for line in &with_fences {
        assert!(matches!(line.trim(), "```" | "```sh"), "{line}");
    }
    assert!(with_fences.len().is_multiple_of(2), "a block is not closed");
    Ok(())
}

#[test]
fn every_output_and_every_log_that_the_runbook_names_is_the_templates() -> Result<()> {
    let runbook = read("infra/RUNBOOK.md")?;
    let cloud = Cloud::read()?;
    let stages: Vec<String> = Stage::ALL.iter().map(|stage| pascal(stage.as_str())).collect();
    for named in runbook.split("$(arn ").skip(1) {
        let named = named.split(')').next().unwrap_or_default();
        for stage in &stages {
            let output = named.replace("STAGE", stage);
            assert!(
                cloud.output(&output).is_some(),
                "the template has no output `{output}`"
            );
        }
    }
    let functions: BTreeSet<String> = cloud
        .resources("AWS::Serverless::Function")
        .into_values()
        .filter_map(|function| function.pointer("/Properties/FunctionName").map(target))
        .collect();
    for named in runbook.split("/aws/lambda/$STACK-").skip(1) {
        let named = named.split('"').next().unwrap_or_default();
        for stage in Stage::ALL {
            let name = format!("AWS::StackName-{}", named.replace("STAGE", stage.as_str()));
            assert!(functions.contains(&name), "the template has no function `{name}`");
        }
    }
    Ok(())
}

#[test]
fn links_of_the_runbook_lead_to_its_headings() -> Result<()> {
    let runbook = read("infra/RUNBOOK.md")?;
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("##"));
    let anchors: BTreeSet<String> = headings
        .map(|heading| {
            heading
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .replace(',', "")
                .replace(' ', "-")
        })
        .collect();
    for link in runbook.split("](#").skip(1) {
        let anchor = link.split(')').next().unwrap_or_default();
        assert!(anchors.contains(anchor), "{anchor}");
    }
    Ok(())
}

/// Every word that production code gives as a reason.
fn words_in_the_code() -> Result<BTreeSet<String>> {
    let mut words = BTreeSet::new();
    for folder in ["functions", "shared"] {
        for path in files_below(folder)? {
            if !path.contains("/src/") || !path.ends_with(".rs") || path.contains("/tests") {
                continue;
            }
            let text = read(&path)?;
            let production = text.split("#[cfg(test)]").next().unwrap_or_default();
            for after in NAMED_BY
                .iter()
                .flat_map(|marker| production.split(marker).skip(1))
            {
                let literal = after
                    .trim_start()
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next());
                // An error code of AWS has capitals; a reason has none.
                words.extend(
                    literal
                        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                        .map(str::to_owned),
                );
            }
        }
    }
    Ok(words)
}

#[test]
fn every_reason_that_the_code_gives_is_on_the_closed_list() -> Result<()> {
    let given = words_in_the_code()?;
    assert!(given.len() > 20, "{given:?}");
    for word in &given {
        let known = Reason::from_word(word).is_some()
            || NEVER_PARKED.contains(&word.as_str())
            || OTHER_WORKFLOWS.contains(&word.as_str());
        assert!(known, "`{word}` is not on the list of reasons");
    }
    for word in NEVER_PARKED.into_iter().chain(OTHER_WORKFLOWS) {
        assert!(given.contains(word), "`{word}` is given by no code");
    }
    Ok(())
}

#[test]
fn every_reason_on_the_list_is_given_by_some_code() -> Result<()> {
    let mut code = String::new();
    for folder in ["functions", "shared"] {
        for path in files_below(folder)? {
            if path.ends_with(".rs") && path != "shared/domain/src/park.rs" && !path.contains("/tests") {
                code += &read(&path)?;
            }
        }
    }
    for reason in Reason::ALL {
        assert!(code.contains(&format!("\"{reason}\"")), "{reason}");
    }
    Ok(())
}
