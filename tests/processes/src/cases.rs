//! Every point of a ticket's life, met by every fault of a process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use local::runtime_api::{Instance, InvokeError, Signal};
use ratchet_domain::stage::Stage;
use serde_json::Value;

use crate::invariants::{broken, receipts};
use crate::outside::{Command, Held, When};
use crate::world::{Binaries, Site, WEBHOOK, World, wait};

/// How often a sweep may be needed until everything is done.
const SWEEPS_MAX: u64 = 12;

/// How long a zombie may take to finish, in ms.
const ZOMBIE_MS: u64 = 10_000;

/// What befalls a process at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Killed while its call is under way, which never lands.
    KilledBefore,
    /// Killed after its call landed, before the answer.
    KilledAfter,
    /// Stopped after its call landed; continued, with the answer, when another process has done all the work.
    StoppedThenAnswered,
    /// Stopped with its call under way, which is lost; continued when another process has done all the work, it tries
    /// the call again.
    StoppedThenReset,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::KilledBefore,
        Self::KilledAfter,
        Self::StoppedThenAnswered,
        Self::StoppedThenReset,
    ];

    fn when(self) -> When {
        match self {
            Self::KilledBefore | Self::StoppedThenReset => When::Before,
            Self::KilledAfter | Self::StoppedThenAnswered => When::After,
        }
    }

    fn is_kill(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }
}

/// One fault at one point.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    site: Site,
    point: u64,
    fault: Fault,
}

/// What the cases came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Points of a ticket's life.
    pub points: u64,
    /// Cases that ran, by fault.
    pub cases: BTreeMap<Fault, u64>,
    /// Zombies that made a call after they were continued.
    pub zombies_that_called: u64,
    /// Late results of zombies that the fence kept out, and that are on record beside the one that counts.
    pub receipts: u64,
    /// Sweeps that were needed.
    pub sweeps: u64,
    /// Broken promises, each with its case.
    pub violations: Vec<String>,
}

impl Report {
    /// Cases that ran.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cases.values().sum()
    }
}

/// Which cases.
#[derive(Debug, Clone, Copy)]
pub struct Menu {
    /// Worlds side by side.
    pub worlds: usize,
    /// How long an invocation may take, in ms; its lease is a little longer.
    pub timeout_ms: u64,
    /// Every which point, from 1.
    pub step: usize,
    /// How many cases at most.
    pub cases_max: usize,
}

/// Runs the cases of the menu.
///
/// # Errors
/// When a process does not start, or the life without faults does not come to its end.
pub async fn run(binaries: &Binaries, menu: &Menu) -> Result<Report> {
    let mut first = World::start(binaries, menu.timeout_ms).await?;
    let sites = first.plain_life().await?;
    let plain = broken(&first.report().await?);
    if !plain.is_empty() {
        bail!("the life without faults breaks {plain:?}");
    }
    let report = Mutex::new(Report {
        points: sites.iter().map(|site| site.calls).sum(),
        ..Report::default()
    });
    let cases = Mutex::new(cases(&sites, menu));
    let mut worlds = vec![first];
    for _ in 1..menu.worlds {
        let mut world = World::start(binaries, menu.timeout_ms).await?;
        world.plain_life().await?;
        worlds.push(world);
    }
    let runs = worlds.into_iter().map(|world| work(world, &cases, &report));
    for ended in futures::future::join_all(runs).await {
        ended?;
    }
    Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn cases(sites: &[Site], menu: &Menu) -> VecDeque<Case> {
    let mut all = VecDeque::new();
    for site in sites {
        for point in 1..=site.calls {
            all.extend(Fault::ALL.map(|fault| Case {
                site: site.clone(),
                point,
                fault,
            }));
        }
    }
    all.into_iter()
        .step_by(menu.step.max(1))
        .take(menu.cases_max)
        .collect()
}

/// Takes cases until none is left.
async fn work(mut world: World, cases: &Mutex<VecDeque<Case>>, report: &Mutex<Report>) -> Result<()> {
    loop {
        let next = cases.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(case) = next else { return Ok(()) };
        let ran = world.run(&case).await.with_context(|| format!("{case:?}"))?;
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        *report.cases.entry(case.fault).or_default() += 1;
        report.zombies_that_called += u64::from(ran.zombie_called);
        report.sweeps += ran.sweeps;
        report.receipts += ran.receipts;
        let name = format!(
            "{} point {} {:?} at {}",
            case.site.name, case.point, case.fault, ran.at
        );
        for broken in ran.broken {
            let violation = format!("{name}: {broken}");
            // Said at once too: a run that is cut off has told what it found.
            println!("{violation}");
            report.violations.push(violation);
        }
    }
}

/// What a case came to.
#[derive(Debug, Default)]
struct Ran {
    at: String,
    zombie_called: bool,
    sweeps: u64,
    receipts: u64,
    broken: Vec<String>,
}

impl World {
    async fn run(&mut self, case: &Case) -> Result<Ran> {
        self.load(&case.site.name).await?;
        let payload = self.given(&case.site).await?;
        let arm = Command::Arm {
            n: case.point,
            when: case.fault.when(),
        };
        self.outside.ask(&arm).await?;
        let mut ran = Ran::default();
        let zombie = self.meet(case, &payload, &mut ran).await?;
        if ran.at.is_empty() {
            // The invocation made fewer calls than in the plain life; it is settled as it ended, by the drain.
            "no such call".clone_into(&mut ran.at);
        }
        self.outside.ask(&Command::Redeliver).await?;
        if case.site.function == WEBHOOK {
            self.deliver().await?;
        }
        ran.sweeps += self.finish().await?;
        if let Some(zombie) = zombie {
            ran.zombie_called = self.rise(zombie).await?;
            ran.sweeps += self.finish().await?;
        }
        let report = self.report().await?;
        ran.receipts = receipts(&report);
        ran.broken = broken(&report);
        Ok(ran)
    }

    /// What the function is invoked with.
    async fn given(&mut self, site: &Site) -> Result<Vec<u8>> {
        if site.function == WEBHOOK {
            let event = self.outside.ask(&Command::Delivery).await?;
            return Ok(serde_json::to_vec(&event)?);
        }
        let stage = Stage::from_name(&site.function).context("no such stage")?;
        let event = self.poll(stage).await?.context("the stage has no message")?;
        Ok(serde_json::to_vec(&event)?)
    }

    /// Invokes the function until the fault meets it; the stopped process, if the fault is to stop it.
    async fn meet(&mut self, case: &Case, payload: &[u8], ran: &mut Ran) -> Result<Option<Instance>> {
        let deadline_ms = self.deadline_ms();
        let Self { outside, hosts, .. } = self;
        let host = hosts.get_mut(&case.site.function).context("no such function")?;
        let instance = host.instance().await?;
        let process = instance.process();
        {
            let mut invocation = std::pin::pin!(instance.invoke(payload, deadline_ms));
            loop {
                tokio::select! {
                    biased;
                    answer = &mut invocation => {
                        if !matches!(answer, Ok(_) | Err(InvokeError::TimedOut)) {
                            bail!("the function ended by itself: {answer:?}");
                        }
                        break;
                    }
                    () = wait(2) => {}
                }
                let reached = outside.ask(&Command::Reached).await?;
                if let Value::String(name) = reached {
                    ran.at = name;
                    break;
                }
            }
        }
        if ran.at.is_empty() {
            outside
                .ask(&Command::Arm {
                    n: 0,
                    when: When::Before,
                })
                .await?;
            return Ok(None);
        }
        let signal = if case.fault.is_kill() {
            Signal::Kill
        } else {
            Signal::Stop
        };
        process.signal(signal).context("the process is gone")?;
        if case.fault.is_kill() {
            instance.ended().await?;
        }
        let held = match case.fault {
            Fault::KilledBefore | Fault::StoppedThenReset => Held::Dropped,
            Fault::KilledAfter | Fault::StoppedThenAnswered => Held::Answered,
        };
        outside.ask(&Command::Release { held }).await?;
        let abandoned = host.abandon();
        Ok(abandoned.filter(|_| !case.fault.is_kill()))
    }

    /// Runs everything to its end, with as many sweeps as that takes; how many.
    async fn finish(&mut self) -> Result<u64> {
        self.drain().await?;
        for sweeps in 0..SWEEPS_MAX {
            if broken(&self.report().await?).is_empty() {
                return Ok(sweeps);
            }
            wait(200).await;
            self.sweep().await?;
            self.drain().await?;
        }
        Ok(SWEEPS_MAX)
    }

    /// Continues a stopped process and waits until it has ended what it was at; whether it made a call.
    async fn rise(&mut self, mut zombie: Instance) -> Result<bool> {
        let before = self.calls().await?;
        zombie
            .process()
            .signal(Signal::Continue)
            .context("the zombie is gone")?;
        let deadline_ms = self.deadline_ms() + ZOMBIE_MS;
        // It takes this only when it is done with the other: an empty batch, or what is no request.
        match zombie.invoke(br#"{"Records":[]}"#, deadline_ms).await {
            Ok(_) | Err(InvokeError::FunctionError(_)) => {}
            Err(error) => bail!("the zombie does not come back: {error}"),
        }
        Ok(self.calls().await? > before)
    }
}
