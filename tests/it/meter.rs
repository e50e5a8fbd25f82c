//! The meter: nameable from one crate, and room for a thousand charges a second of one org.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use ratchet_domain::bill::{SPREAD_MAX, home_part};
use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};

/// The crate `qualify` as this test was linked with it, and the folder of all that it needs.
fn linked() -> Result<(PathBuf, PathBuf)> {
    let own = std::env::current_exe()?;
    let folder = own.parent().context("a folder")?.to_owned();
    let mut found = Vec::new();
    for file in fs::read_dir(&folder)? {
        let (file, name) = file.map(|file| (file.path(), file.file_name()))?;
        let name = name.to_string_lossy();
        if name.starts_with("libqualify-") && name.ends_with(".rlib") {
            found.push((fs::metadata(&file)?.modified()?, file));
        }
    }
    // Others are left from earlier builds.
    let (_, newest) = found.into_iter().max().context("qualify is not built")?;
    Ok((newest, folder))
}

/// What the compiler says to a crate of this code that depends on `qualify`; nothing where it compiles.
fn refused(name: &str, code: &str) -> Result<Option<String>> {
    let (qualify, folder) = linked()?;
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = out.join(format!("{name}.rs"));
    fs::write(&source, code)?;
    let option = |name: &str, path: &Path| {
        let mut option = OsString::from(name);
        option.push(path);
        option
    };
    let output = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"))
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=metadata",
            "--out-dir",
        ])
        .args([out, &source])
        .arg("--extern")
        .arg(option("qualify=", &qualify))
        .arg(option("-Ldependency=", &folder))
        .output()
        .context("rustc does not start")?;
    let said = String::from_utf8(output.stderr)?;
    Ok((!output.status.success()).then_some(said))
}

#[test]
fn no_other_crate_can_name_the_meter() -> Result<()> {
    // What differs is the module alone, so that it is refused for no other reason.
    let control = refused("names_the_stage", "pub use qualify::Qualify;")?;
    assert_eq!(control, None);
    for name in ["Charge", "Meter"] {
        let said = refused("names_the_meter", &format!("pub use qualify::meter::{name};"))?;
        let said = said.context("it compiles")?;
        assert!(said.contains("error[E0603]: module `meter` is private"), "{said}");
    }
    Ok(())
}

/// What one charge writes to its part of the usage table, in write units: an entry of up to 2 KB and a total of up to 1 KB,
/// each counted twice in a transaction. Source: DynamoDB's prices of transactional writes.
const UNITS_A_CHARGE: u64 = 2 * (2 + 1);

/// What one partition takes, in write units a second. Source: DynamoDB's limits.
const UNITS_A_PARTITION: u64 = 1000;

/// Charges a second of one org.
const CHARGES_A_SECOND: u64 = 1000;

/// How long a transaction holds its items, and how soon a refused one is sent again, in ms; both are on the long side.
const HELD_MS: u64 = 20;
const AGAIN_MS: u64 = 5;

/// How often the guard sends a transaction again before it leaves the work to the queue.
const SENDS_MAX: u64 = 8;

fn part_of(number: u64, spread: u64) -> Result<u64> {
    let ticket = TicketRef {
        org: OrgId::parse("acme")?,
        provider: Provider::Zendesk,
        number: TicketNumber::parse(number.to_string())?,
    };
    Ok(home_part(&ticket.bug(), spread))
}

/// A second of charges: the units of the busiest part, and how many charges met others for too long and came back.
fn second(from: u64, spread: u64) -> Result<(u64, u64)> {
    let mut units: BTreeMap<u64, u64> = BTreeMap::new();
    let mut sends: BTreeSet<(u64, u64, u64)> = BTreeSet::new();
    let mut held_until: BTreeMap<u64, u64> = BTreeMap::new();
    for at_ms in 0..CHARGES_A_SECOND {
        sends.insert((at_ms, from + at_ms, 1));
    }
    let mut came_back = 0;
    while let Some((at_ms, number, send)) = sends.pop_first() {
        let part = part_of(number, spread)?;
        let held = held_until.entry(part).or_default();
        if *held <= at_ms {
            *held = at_ms + HELD_MS;
            *units.entry(part).or_default() += UNITS_A_CHARGE;
        } else if send < SENDS_MAX {
            sends.insert((at_ms + AGAIN_MS, number, send + 1));
        } else {
            came_back += 1;
        }
    }
    Ok((units.into_values().max().unwrap_or(0), came_back))
}

#[test]
fn a_thousand_charges_a_second_fit_into_the_parts_of_one_org() -> Result<()> {
    let (mut busiest, mut came_back) = (0, 0);
    for number in 0..20 {
        let (units, again) = second(number * CHARGES_A_SECOND, SPREAD_MAX)?;
        busiest = busiest.max(units);
        came_back += again;
    }
    assert!(
        busiest * 4 < UNITS_A_PARTITION,
        "busiest part: {busiest} units a second"
    );
    let of = 20 * CHARGES_A_SECOND;
    assert!(
        came_back * 50 < of,
        "{came_back} of {of} came back through the queue"
    );
    Ok(())
}

/// What all tables of a region give an account in a second, in read units of an on-demand table, unless it asks for more, and
/// what one partition gives. Source: DynamoDB's quotas.
const READS_A_TABLE: u64 = 40_000;
const READS_A_PARTITION: u64 = 3000;

#[test]
fn what_a_cap_reads_for_a_thousand_charges_a_second_is_given() {
    // Each charge reads the total of every part as of a moment ago, which is half a unit.
    const HALVES_OF_A_PART: u64 = CHARGES_A_SECOND;
    const { assert!(HALVES_OF_A_PART < 2 * READS_A_PARTITION) };
    const { assert!(HALVES_OF_A_PART * SPREAD_MAX < 2 * READS_A_TABLE) };
}

/// Model calls of a bug: extraction, mapping, patch, root cause. Each counts its tokens in the part of the bug's charge.
const CALLS_A_BUG: u64 = 4;

/// What one of them writes there, in write units: an entry of up to 1 KB and a total, each counted twice.
const UNITS_A_CALL: u64 = 2 * (1 + 1);

#[test]
fn the_tokens_of_a_thousand_charges_a_second_fit_into_the_same_number_of_parts() -> Result<()> {
    let mut busiest = 0;
    for from in 0..20 {
        let mut bugs: BTreeMap<u64, u64> = BTreeMap::new();
        for number in 0..CHARGES_A_SECOND {
            let part = part_of(from * CHARGES_A_SECOND + number, SPREAD_MAX)?;
            *bugs.entry(part).or_default() += 1;
        }
        busiest = busiest.max(bugs.into_values().max().unwrap_or(0));
    }
    let units = busiest * CALLS_A_BUG * UNITS_A_CALL;
    assert!(units < UNITS_A_PARTITION, "busiest part: {units} units a second");
    Ok(())
}

#[test]
fn one_part_alone_would_not_take_them() -> Result<()> {
    const { assert!(CHARGES_A_SECOND * UNITS_A_CHARGE > 5 * UNITS_A_PARTITION) };
    let (_, came_back) = second(0, 1)?;
    assert!(came_back * 2 > CHARGES_A_SECOND, "{came_back}");
    Ok(())
}
