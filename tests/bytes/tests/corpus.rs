//! The corpus comes to decisions, a bounded search over it breaks nothing, and no changed bit is taken for genuine.

use std::collections::BTreeMap;

use ratchet_bytes::search::{Report, search, watch_panics};
use ratchet_bytes::{TARGETS, Target, corpus, one_bit_changes};

/// The same inputs in every run.
const SEED: u64 = 20_260_115;

fn inputs(target: &Target) -> anyhow::Result<Vec<Vec<u8>>> {
    Ok(corpus::of(target)?.into_values().collect())
}

fn sound(target: &Target, report: &Report) {
    for violation in &report.violations {
        println!(
            "{}\n  input {:?}",
            violation.what,
            String::from_utf8_lossy(&violation.input)
        );
    }
    assert_eq!(report.violations.len(), 0, "{}", target.name);
}

/// One test for all targets: the panic that is watched is the process's.
#[test]
fn corpus_and_its_changes_break_no_promise() {
    watch_panics();
    let mut total = 0;
    for target in TARGETS {
        let corpus = inputs(&target).unwrap();
        assert!(corpus.len() >= 3, "{} has no corpus", target.name);
        let report = search(&target, &corpus, SEED, target.inputs);
        sound(&target, &report);
        let classes = report.classes.len();
        println!(
            "{}: inputs {}, classes {classes}, violations 0",
            target.name, report.inputs
        );
        assert!(
            classes >= 3,
            "{} decides too little: {:?}",
            target.name,
            report.classes
        );
        total += report.inputs;
    }
    assert!(total >= 20_000, "{total}");

    // The search bites: a door that breaks a promise for one input in a few hundred is found out.
    let fussy = Target {
        name: "message",
        run: |input| match input.iter().filter(|byte| **byte == 0xff).count() {
            0 => Ok("text".to_owned()),
            _ => Err("a byte that is no text".to_owned()),
        },
        inputs: 2_000,
    };
    assert_ne!(
        search(&fussy, &inputs(&fussy).unwrap(), SEED, fussy.inputs).violations,
        vec![]
    );
    let panics = Target {
        run: |input| Ok(format!("{}", input[input.len() / 2])),
        ..fussy
    };
    let report = search(&panics, &[vec![1], vec![]], SEED, 0);
    assert_eq!(report.violations.len(), 1, "{report:?}");
}

#[test]
fn search_with_the_same_seed_tries_the_same_inputs() {
    let target = TARGETS.iter().find(|target| target.name == "message").unwrap();
    let corpus = inputs(target).unwrap();
    assert_eq!(search(target, &corpus, 7, 300), search(target, &corpus, 7, 300));
    assert_ne!(search(target, &corpus, 7, 300), search(target, &corpus, 8, 300));
}

#[test]
fn every_one_bit_change_of_a_signed_request_is_refused() {
    let mut bodies = Vec::new();
    for target in TARGETS {
        let Some(vendor) = target.name.strip_prefix("webhook-") else {
            continue;
        };
        let plain = corpus::of(&target).unwrap();
        bodies.extend(
            plain
                .into_values()
                .filter(|body| body.starts_with(b"{") && body.len() < 600)
                .take(3)
                .map(|body| (vendor, body)),
        );
    }
    let refused = one_bit_changes(&bodies).unwrap();
    println!("one-bit changes refused: {refused:?}");
    let least = BTreeMap::from([("github", 5_000), ("intercom", 5_000), ("zendesk", 5_000)]);
    for (vendor, least) in least {
        assert!(refused[vendor] >= least, "{vendor}: {refused:?}");
    }
}
