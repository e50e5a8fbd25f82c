//! The sealer in the whole deployment: bills that the pipeline made, and what somebody does to them.

mod anchors;
mod stops;
