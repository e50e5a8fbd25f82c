//! `infra/template.yaml` is the cloud; these tests hold it against the code and against the design's rules.

mod alarms;
pub(crate) mod cloud;
mod environment;
mod metrics;
mod permissions;
mod resources;
mod timing;

/// Functions that the template announces and the workspace does not have yet; the list may only shrink.
const ANNOUNCED: [&str; 0] = [];
