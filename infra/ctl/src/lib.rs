//! The operator's command line, as a library that its tests call.
//!
//! A noun is a module of [`verbs`], a verb a file below it: its arguments, and a `run` that turns them into a
//! [`report::Report`] or a [`failure::Failure`]. Neither prints: [`run`] makes the text or the JSON of it, and `main`
//! writes that out. Only a verb whose result has no bound writes as it goes, to [`out::Out`]. What a verb needs from outside it asks [`world::Worlds`] for, and only when its input is sound: a bad
//! file is refused without a region or a credential.

pub mod cli;
pub mod failure;
pub mod out;
pub mod reach;
pub mod report;
pub mod settings;
pub mod stack;
pub mod text;
pub mod verbs;
pub mod world;

use std::io::{Read, Write};

use cli::{Cli, Noun};
use failure::Failure;
use out::Out;
use report::{Answer, Report};
use world::Worlds;

/// What a verb is given besides its arguments.
pub struct App<'a> {
    /// Opens the deployment.
    pub worlds: &'a dyn Worlds,
    /// What `-` reads.
    pub stdin: &'a mut dyn Read,
    /// Where a verb writes as it goes.
    pub out: Out<'a>,
}

impl std::fmt::Debug for App<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

/// Runs one command and says what to print and how to exit. What it writes as it goes is on `stdout` by then, and the
/// answer's own output stands behind it.
pub async fn run(cli: &Cli, worlds: &dyn Worlds, stdin: &mut dyn Read, stdout: &mut dyn Write) -> Answer {
    let out = Out::new(stdout, cli.json);
    let mut app = App { worlds, stdin, out };
    let answer = match dispatch(&mut app, &cli.noun).await {
        Ok(report) => Answer::of_report(report, cli.json),
        Err(failure) => Answer::of_failure(&failure, cli.json),
    };
    app.out.rest(answer)
}

async fn dispatch(app: &mut App<'_>, noun: &Noun) -> Result<Report, Failure> {
    match noun {
        Noun::Org(verb) => verbs::org::run(app, verb).await,
        Noun::Replay(verb) => verbs::replay::run(app, verb).await,
        Noun::Reconcile(verb) => verbs::reconcile::run(app, verb).await,
        Noun::Review(verb) => verbs::review::run(app, verb).await,
        Noun::Ticket(verb) => verbs::ticket::run(app, verb).await,
        Noun::Pause(args) => verbs::control::run(app, args, true).await,
        Noun::Resume(args) => verbs::control::run(app, args, false).await,
        Noun::Effects(verb) => verbs::effects::run(app, verb).await,
        Noun::Forget(args) => verbs::forget::run(app, args).await,
        Noun::Usage(verb) => verbs::usage::run(app, verb).await,
    }
}
