//! The publish-rca stage.
