//! What must be on record before a message may be deleted.

use ratchet_domain::message::{Body, Envelope};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;

use crate::shadow::Shadow;

/// Whether what this message asks for is on record: done, parked, or known to be poison.
pub(crate) fn is_durable(shadow: &Shadow, stage: Stage, message: &str) -> bool {
    let Ok(envelope) = Envelope::parse(stage, message) else {
        return shadow
            .0
            .keys()
            .any(|(subject, _)| *subject == format!("poison#{stage}"));
    };
    let subject = envelope.body.ticket().subject();
    let settled = |step: &str| {
        shadow
            .0
            .get(&(subject.clone(), step.to_owned()))
            .is_some_and(|row| matches!(row.state.as_str(), "sealed" | "parked"))
    };
    let any = |prefix: &str| {
        shadow.0.iter().any(|((of, step), row)| {
            *of == subject && step.starts_with(prefix) && matches!(row.state.as_str(), "sealed" | "parked")
        })
    };
    match &envelope.body {
        // The ticket itself decides which content is extracted, so any of them counts.
        Body::Extract(_) => any("extract#") || settled(step::BILL),
        Body::Map(at) => settled(&step::map(&at.content)),
        Body::PullMerged(told) => settled(&step::merged(&told.repo)),
        Body::PullClosed(told) => settled(&step::closed(&told.repo)),
        Body::Credit(claim) => settled(&step::credit_claim(&claim.id())),
        Body::Qualify(at) => settled(&step::qualify(&at.content)),
        Body::FanOut(_) => settled(step::BILL),
        Body::OpenPr(at) => {
            settled(&step::pr(&at.repo))
                || shadow
                    .0
                    .get(&(subject.clone(), step::patch(&at.repo)))
                    .is_some_and(|row| row.state == "parked")
        }
        Body::PublishRca(_) => settled(step::RCA_COMMENT) || any(step::RCA),
        Body::Notify(_) => any("slack#"),
    }
}
