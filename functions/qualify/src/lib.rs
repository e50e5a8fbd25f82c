//! The qualify stage.
