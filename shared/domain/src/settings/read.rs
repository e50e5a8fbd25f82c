//! The document as a whole: each part is read by the file that knows it.

use super::billing::billing;
use super::controls::controls;
use super::providers::{github, intercom, model, slack, tracker, zendesk};
use super::reader::Reader;
use super::{Rca, RcaPublish, Settings, Thresholds};
use crate::ids::OrgId;

pub(super) fn settings(reader: &mut Reader<'_>) -> Option<Settings> {
    reader.only(&[
        "org",
        "thresholds",
        "billing",
        "zendesk",
        "intercom",
        "github",
        "model",
        "slack",
        "tracker",
        "rca",
        "controls",
    ]);
    let org = org(reader);
    let thresholds = reader.object("thresholds", thresholds).unwrap_or_default();
    let billing = reader.object("billing", billing).unwrap_or_default();
    let zendesk = reader.object("zendesk", zendesk);
    let intercom = reader.object("intercom", intercom);
    let github = reader.object("github", github);
    let model = reader.object("model", model);
    let slack = reader.object("slack", slack);
    let tracker = reader.object("tracker", tracker);
    let rca = reader.object("rca", rca).unwrap_or_default();
    let controls = reader.object("controls", controls).unwrap_or_default();
    Some(Settings {
        org: org?,
        thresholds,
        billing,
        zendesk,
        intercom,
        github,
        model,
        slack,
        tracker,
        rca,
        controls,
    })
}

fn org(reader: &mut Reader<'_>) -> Option<OrgId> {
    let text = reader.text("org")?;
    match OrgId::parse(text) {
        Ok(org) => Some(org),
        Err(error) => {
            reader.problem("org", &error.to_string());
            None
        }
    }
}

fn thresholds(reader: &mut Reader<'_>) -> Option<Thresholds> {
    reader.only(&["ai_confidence", "location_confidence"]);
    let default = Thresholds::default();
    let ai_confidence = reader.share("ai_confidence", default.ai_confidence);
    let location_confidence = reader.share("location_confidence", default.location_confidence);
    Some(Thresholds {
        ai_confidence: ai_confidence?,
        location_confidence: location_confidence?,
    })
}

fn rca(reader: &mut Reader<'_>) -> Option<Rca> {
    reader.only(&["publish", "visibility"]);
    let publish = match reader.value("publish") {
        None => Some(RcaPublish::default()),
        Some(_) => reader.word(
            "publish",
            &[
                ("on_pr", RcaPublish::OnPr),
                ("on_merge", RcaPublish::OnMerge),
                ("on_deploy", RcaPublish::OnDeploy),
                ("manual", RcaPublish::Manual),
            ],
        ),
    };
    let public = match reader.value("visibility") {
        None => Some(false),
        Some(_) => reader.word("visibility", &[("internal", false), ("public", true)]),
    };
    Some(Rca {
        publish: publish?,
        public: public?,
    })
}
