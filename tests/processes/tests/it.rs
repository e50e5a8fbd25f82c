//! A part of the cases, as far as `cargo test` has time for them; `.ci/run` runs the whole on the release binaries.

use std::path::PathBuf;

use ratchet_processes::{Binaries, cases, kills};

fn binaries() -> Binaries {
    Binaries {
        outside: PathBuf::from(env!("CARGO_BIN_EXE_outside")),
        functions: PathBuf::from(env!("CARGO_BIN_EXE_function")),
        steps: PathBuf::from(env!("CARGO_BIN_EXE_steps")),
        log: None,
    }
}

#[tokio::test]
async fn processes_killed_and_stopped_at_named_points_do_everything_once() {
    let menu = cases::Menu {
        worlds: 4,
        timeout_ms: 2_500,
        // No divisor of the four faults, so that each of them comes, all over the life.
        step: 17,
        cases_max: 20,
    };
    let report = cases::run(&binaries(), &menu).await.unwrap();
    println!("{report:?}");
    assert_eq!(report.violations, Vec::<String>::new());
    assert!(report.points >= 75, "{report:?}");
    assert_eq!(report.count(), 20);
    assert_eq!(report.cases.len(), cases::Fault::ALL.len(), "{report:?}");
    assert!(
        report.zombies_that_called > 0,
        "no zombie did anything: {report:?}"
    );
}

#[tokio::test]
async fn steps_killed_at_random_instants_repeat_nothing_and_lose_nothing() {
    let mut menu = kills::Menu {
        units: 40,
        kills: 10,
        processes: 3,
        seed: 1,
        unguarded: false,
    };
    let report = kills::run(&binaries(), &menu).await.unwrap();
    assert_eq!((report.repeated, report.lost), (0, 0), "{report:?}");
    assert_eq!((report.steps, report.kills), (200, 10));

    // The kills hit: without the guard's probe every fourth or so repeats an effect, so some of these do.
    menu.unguarded = true;
    (menu.units, menu.kills) = (100, 25);
    let control = kills::run(&binaries(), &menu).await.unwrap();
    assert!(control.repeated > 0, "{control:?}");
}
