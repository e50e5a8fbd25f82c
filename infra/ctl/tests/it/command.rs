//! The command line itself: help, arguments, and what it needs to know.

use std::ffi::OsString;

use anyhow::Result;
use clap::CommandFactory;
use ctl::cli::{Cli, parse};
use ctl::failure::Exit;
use ratchet_runtime::config::Env;

use crate::bench::{Bench, json_of};

#[test]
fn the_command_line_is_sound_and_every_verb_shows_examples() {
    let mut cli = Cli::command();
    cli.clone().debug_assert();
    let help = cli.render_long_help().to_string();
    for word in ["Exit codes:", "Examples:", "--stack", "--json", "SETTINGS_TABLE"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let nouns = cli.get_subcommands_mut();
    for noun in nouns.filter(|noun| noun.get_name() != "help") {
        let verbs: Vec<String> = noun
            .get_subcommands_mut()
            .map(|verb| verb.render_long_help().to_string())
            .collect();
        let own = noun.render_long_help().to_string();
        for help in if verbs.is_empty() { vec![own] } else { verbs } {
            assert!(help.contains("Examples:\n  ctl "), "{help}");
        }
    }
}

#[test]
fn every_command_of_the_runbook_is_one_of_these() {
    let runbook = include_str!("../../../RUNBOOK.md");
    let root = "0".repeat(64);
    let named = [
        ("\"$STACK\"", "ratchet"),
        ("OWNER/REPO", "acme/shop"),
        ("PERIOD", "2026-11"),
        ("SUBJECT", "ticket#acme#zendesk#5158"),
        ("TICKET", "5158"),
        ("STAGE", "open-pr"),
        ("STEP", "pr#acme/shop"),
        ("PLAN", "0123"),
        ("FILE", "acme.json"),
        ("ORG", "acme"),
        ("ROOT", root.as_str()),
    ];
    let in_blocks = runbook.lines().filter(|line| line.starts_with("ctl "));
    let in_text = runbook.split('`').filter(|part| part.starts_with("ctl "));
    let mut read = 0;
    for line in in_blocks.chain(in_text) {
        let mut command = line.split(" # ").next().unwrap_or_default().trim().to_owned();
        for (word, value) in named {
            command = command.replace(word, value);
        }
        let args: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
        let answer = parse(&args);
        assert!(answer.is_ok(), "{line}: {answer:?}");
        read += 1;
    }
    assert!(read > 20, "{read} commands");
}

#[test]
fn arguments_that_name_nothing_are_refused_with_the_form() {
    let bad: [(&[&str], &str); 5] = [
        (&["org", "get", "Acme#1"], "a-z"),
        (
            &["ticket", "show", "acme", "freshdesk", "1"],
            "zendesk or intercom",
        ),
        (&["ticket", "show", "acme", "zendesk", "1/2"], "A-Z"),
        (
            &["usage", "show", "--org", "acme", "--period", "2026-13"],
            "2026-11",
        ),
        (&["usage", "show"], "--org"),
    ];
    for (args, form) in bad {
        let mut args: Vec<OsString> = std::iter::once(&"ctl").chain(args).map(OsString::from).collect();
        let answer = parse(&args).unwrap_err();
        assert_eq!((answer.exit, answer.stdout.as_str()), (Exit::Invalid, ""));
        assert!(answer.stderr.contains(form), "{}", answer.stderr);
        args.push("--json".into());
        let told = json_of(&parse(&args).unwrap_err()).unwrap();
        assert_eq!(told["error"]["code"], "invalid_input");
        assert_eq!(told["error"]["problems"][0]["path"], "arguments");
        let problem = told["error"]["problems"][0]["problem"].as_str().unwrap();
        assert!(problem.contains(form) && !problem.contains("Usage"), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[test]
fn help_that_was_asked_for_is_no_failure() {
    let answer = parse(&["ctl".into(), "org".into(), "put".into(), "--help".into()]).unwrap_err();
    assert_eq!((answer.exit, answer.stderr.as_str()), (Exit::Done, ""));
    assert!(answer.stdout.contains("--dry-run"), "{}", answer.stdout);
}

#[tokio::test]
async fn a_missing_variable_is_named_and_a_bad_file_is_told_without_any() -> Result<()> {
    let mut bench = Bench::new().await?;
    bench.world.deployment.env = Env::default();
    let answer = bench.run(&["ticket", "show", "acme", "zendesk", "1"]).await?;
    assert_eq!(answer.exit, Exit::Invalid);
    assert!(
        answer.stderr.contains("LEDGER_TABLE") && answer.stderr.contains("--stack"),
        "{}",
        answer.stderr
    );
    let answer = bench.run_with(&["org", "put", "-"], "{}").await?;
    assert!(answer.stderr.contains("  org: is missing"), "{}", answer.stderr);
    Ok(())
}
