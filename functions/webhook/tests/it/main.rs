//! The intake from the outside: requests in, answers, rows and messages out.

// The attribute tells the lints that helpers, too, are tests.
#[cfg(test)]
mod answers;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod line;
#[cfg(test)]
mod log;
#[cfg(test)]
mod post;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod world;
