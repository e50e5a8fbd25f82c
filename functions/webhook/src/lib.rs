//! The webhook stage.
