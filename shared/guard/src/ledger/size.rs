//! What fits into a row. The store refuses larger ones, and would do so after the effect.

use serde::Serialize;

use crate::error::StageError;
use crate::outcome::Why;
use crate::work::Work;

/// Most bytes of a row's texts. Source: the store's item limit of 400 KB, less 8 KB for the attributes' names, the
/// numbers, and the fault.
pub(super) const ROW_BYTES_MAX: usize = (400 - 8) * 1024;

/// Most bytes of what a claim writes, so that a result of 128 KB has room beside it.
pub(super) const WORK_BYTES_MAX: usize = ROW_BYTES_MAX - 128 * 1024;

/// Most bytes of a partition key. Source: the store's own limit.
const SUBJECT_BYTES_MAX: usize = 2048;

/// Most bytes of a sort key. Source: the store's own limit of 1024, less room for the suffix of a late receipt.
const STEP_BYTES_MAX: usize = 1024 - 32;

/// Most bytes of a recorded fault.
const DETAIL_BYTES_MAX: usize = 2048;

/// Checks that the store takes the row of this work, before anything is done for it.
pub(super) fn check_work(work: &Work) -> Result<(), StageError> {
    let refused = |code: &'static str, bytes: usize| {
        Err(StageError::Poison {
            code,
            detail: format!("work does not fit into a row bytes=`{bytes}`"),
        })
    };
    let (subject, step) = (work.key.subject().len(), work.key.step().len());
    if subject == 0 || subject > SUBJECT_BYTES_MAX {
        return refused("bad_subject", subject);
    }
    if step == 0 || step > STEP_BYTES_MAX {
        return refused("bad_step", step);
    }
    let texts = [&work.content, &work.intent, &work.stage, &work.message];
    let bytes = texts.iter().map(|text| text.len()).sum::<usize>();
    if bytes > WORK_BYTES_MAX {
        return refused("work_too_large", bytes);
    }
    Ok(())
}

/// How many bytes a result may take beside these texts of its row.
pub(super) fn room_beside(texts: [&str; 6]) -> usize {
    ROW_BYTES_MAX.saturating_sub(texts.iter().map(|text| text.len()).sum())
}

/// The result as a record's body; nothing for a result that serialises to `null`.
/// The body may take `room` bytes.
pub(super) fn body_of<T: Serialize>(result: &T, room: usize) -> Result<String, Why> {
    let body = serde_json::to_string(result)
        .map_err(|error| Why::new("result_unwritable", format!("result is no JSON: {error}")))?;
    if body == "null" {
        return Ok(String::new());
    }
    if body.len() > room {
        let detail = format!(
            "result does not fit into a row bytes=`{}` room=`{room}`",
            body.len()
        );
        return Err(Why::new("result_too_large", detail));
    }
    Ok(body)
}

/// The fault as it goes on record, cut to its bound.
pub(super) fn bounded(detail: &str) -> String {
    let end = detail.floor_char_boundary(DETAIL_BYTES_MAX.min(detail.len()));
    detail.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_any_length_is_cut_at_a_character() {
        assert_eq!(bounded("short"), "short");
        let long = "é".repeat(DETAIL_BYTES_MAX);
        assert_eq!(bounded(&long).len(), DETAIL_BYTES_MAX);
        assert_eq!(bounded(&format!("a{long}")).len(), DETAIL_BYTES_MAX - 1);
    }
}
