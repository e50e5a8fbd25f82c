//! The fan-out stage.
