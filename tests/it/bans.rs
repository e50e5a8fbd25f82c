//! The bans of `clippy.toml` bite.
//!
//! A path that does not resolve disarms its ban without a word, so a small crate of known violations is linted with
//! the root's configuration, and each ban must be heard of by its name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::repository;

/// The paths that `clippy.toml` bans.
fn banned() -> Result<BTreeSet<String>> {
    let file = repository::read("clippy.toml")?;
    let paths = file
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ path = \"")?.split('"').next());
    Ok(paths.map(str::to_owned).collect())
}

/// The paths that a lint of `tests/bans` complains about.
///
/// The crate is linted in a copy beside the build output, with the workspace's lock file, so that it needs no other
/// versions than the workspace has.
fn bitten() -> Result<BTreeSet<String>> {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bans");
    fs::create_dir_all(copy.join("src"))?;
    for (from, to) in [
        ("tests/bans/Cargo.toml", "Cargo.toml"),
        ("tests/bans/src/lib.rs", "src/lib.rs"),
        ("Cargo.lock", "Cargo.lock"),
    ] {
        fs::write(copy.join(to), repository::read(from)?)?;
    }
    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--quiet", "--message-format=json", "--target-dir"])
        .arg(copy.join("target"))
        .current_dir(&copy)
        .env("CLIPPY_CONF_DIR", repository::root())
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .output()
        .context("cargo clippy does not start")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the crate of violations does not compile: {errors}"
    );
    let lines = String::from_utf8(output.stdout)?;
    let mut found = BTreeSet::new();
    for line in lines.lines() {
        let message: Value = serde_json::from_str(line)?;
        let lint = message
            .pointer("/message/code/code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if lint.starts_with("clippy::disallowed_") {
            let text = message
                .pointer("/message/message")
                .and_then(Value::as_str)
                .unwrap_or_default();
            found.extend(text.split('`').nth(1).map(str::to_owned));
        }
    }
    Ok(found)
}

#[test]
fn every_ban_bites_and_is_tested() -> Result<()> {
    let banned = banned()?;
    assert!(banned.len() >= 15, "the bans are not read: {banned:?}");
    assert_eq!(bitten()?, banned);
    Ok(())
}

#[test]
fn bans_are_errors_in_the_workspace() -> Result<()> {
    let manifest = repository::read("Cargo.toml")?;
    for lint in [
        "disallowed_methods",
        "disallowed_types",
        "allow_attributes",
        "allow_attributes_without_reason",
    ] {
        assert!(
            manifest.contains(&format!("\n{lint} = \"deny\"\n")),
            "{lint} is not denied"
        );
    }
    Ok(())
}
