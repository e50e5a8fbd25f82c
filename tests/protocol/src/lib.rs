#![doc = include_str!("../README.md")]

pub mod bill;
pub mod cases;
pub mod fan_out;
pub mod guard;
pub mod intake;
pub mod order;
pub mod protocol;
pub mod redrive;
pub mod search;
