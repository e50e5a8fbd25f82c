//! The map stage.
