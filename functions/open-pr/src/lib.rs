//! The open-pr stage.
