//! Authorities that look at no signature: they let every image in, or refuse every image.
//!
//! As ClusterImagePolicy's `static`. What passes so proves nothing, and a verdict says so.

use super::authority::StaticAction;
use super::reader::Field;

/// The action of a `static` field.
pub(super) fn read_static(field: &Field<'_>) -> Option<StaticAction> {
    let mut fields = field.fields()?;
    let action = fields
        .need("action")
        .and_then(|action| action.one_of(&[("pass", true), ("fail", false)]));
    let message = match fields.take("message") {
        None => Some(None),
        Some(message) => message.text().map(|text| Some((message, text.to_owned()))),
    };
    fields.finish(&["action", "message"]);
    match (action?, message?) {
        (true, None) => {
            field.warning(
                "this lets in every image that the policy covers, signed or not; verdicts call it \
                 unproven",
            );
            Some(StaticAction::PassUnproven)
        }
        (true, Some((message, _))) => {
            message.problem("expected a message of the action fail alone: pass refuses nothing");
            None
        }
        (false, message) => Some(StaticAction::Fail {
            message: message.map(|(_, text)| text),
        }),
    }
}
