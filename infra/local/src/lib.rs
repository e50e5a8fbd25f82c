//! The cloud on a laptop.

pub mod aws;
pub mod chaos;
pub mod cloud;
pub mod demo;
pub mod emulators;
pub mod mapping;
pub mod process;
pub mod runtime_api;
pub mod sandbox;
mod schedules;
pub mod serve;
mod settings;
pub mod sqs;
pub mod stand;
pub mod template;
pub mod up;
pub mod watch;
