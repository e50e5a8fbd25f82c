//! Invocations, polled call by call on one thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use anyhow::{Result, bail};
use ratchet_guard::clock::Millis;

use super::points::{Points, Run};

/// An invocation to come.
pub struct Invocation<T> {
    /// The function's name.
    pub name: String,
    /// When it is cut off.
    pub deadline_ms: Millis,
    /// What it does.
    pub future: Pin<Box<dyn Future<Output = Result<T>>>>,
}

impl<T> std::fmt::Debug for Invocation<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invocation")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Picks whose call is next among those that wait; none stops them all.
pub type Turns<'t> = &'t mut dyn FnMut(&[usize]) -> Option<usize>;

/// One call each, in the order in which they came.
pub fn in_turns() -> impl FnMut(&[usize]) -> Option<usize> {
    let mut last = usize::MAX;
    move |waiting| {
        let next = waiting
            .iter()
            .find(|at| last == usize::MAX || **at > last)
            .or(waiting.first())
            .copied();
        last = next.unwrap_or(usize::MAX);
        next
    }
}

impl<S: Clone + Default, L: Clone> Points<S, L> {
    /// Polls invocations until all of them are answered or gone; none stands for one that is gone. A single one runs
    /// through; of several, each call asks first and `turns` picks whose turn it is.
    ///
    /// # Errors
    /// When an invocation fails of itself, or waits for something that is no outside call.
    pub fn drive<T>(&self, invocations: Vec<Invocation<T>>, turns: Turns<'_>) -> Result<Vec<Option<T>>> {
        let mut told: Vec<Option<T>> = Vec::new();
        let mut futures = Vec::new();
        {
            let gated = invocations.len() > 1;
            let mut inner = self.lock();
            inner.runs.clear();
            for one in invocations {
                let number = inner.at.invocation;
                inner.at.invocation += 1;
                inner.runs.push(Run {
                    name: one.name,
                    number,
                    deadline_ms: one.deadline_ms,
                    gated,
                    ..Run::default()
                });
                futures.push(Some(one.future));
                told.push(None);
            }
        }
        let mut pick: Vec<usize> = (0..futures.len()).collect();
        loop {
            for at in pick.drain(..) {
                let Some(slot) = futures.get_mut(at) else { continue };
                let Some(future) = slot else { continue };
                match self.poll(at, future)? {
                    Turn::Over(answer) => {
                        if let Some(told) = told.get_mut(at) {
                            *told = answer;
                        }
                        *slot = None;
                    }
                    Turn::Asks => {}
                }
            }
            let open = |(at, slot): (usize, &Option<_>)| slot.is_some().then_some(at);
            let waiting: Vec<usize> = futures.iter().enumerate().filter_map(open).collect();
            if waiting.is_empty() {
                break;
            }
            let Some(next) = turns(&waiting) else { break };
            if let Some(run) = self.lock().runs.get_mut(next) {
                run.go = true;
            }
            pick.push(next);
        }
        self.lock().current = usize::MAX;
        Ok(told)
    }

    fn poll<T>(&self, at: usize, future: &mut Pin<Box<dyn Future<Output = Result<T>>>>) -> Result<Turn<T>> {
        self.lock().current = at;
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let (dead, asks) = {
            let inner = self.lock();
            let run = inner.runs.get(at);
            run.map_or((true, false), |run| (run.dead, run.waiting.is_some()))
        };
        match polled {
            Poll::Ready(answer) => Ok(Turn::Over(Some(answer?))),
            Poll::Pending if dead => Ok(Turn::Over(None)),
            Poll::Pending if asks => Ok(Turn::Asks),
            Poll::Pending => bail!("an invocation waits for something that is no outside call"),
        }
    }
}

/// What a poll came to.
enum Turn<T> {
    /// Answered, or gone.
    Over(Option<T>),
    /// It wants to make a call.
    Asks,
}
