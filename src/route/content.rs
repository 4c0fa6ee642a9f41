//! What the fields of a request say about content: its own, and that of the answer.

use super::Announced;
use crate::fault::Fault;
use crate::wire::head::Head;

/// Whether a client wants an event stream (RFC 9110 §12.5.1).
pub(super) fn accepts_event_stream(head: &Head<'_, '_>) -> bool {
    head.fields("Accept").any(|value| {
        value.split(|byte| *byte == b',').any(|range| {
            let media_type = range.split(|byte| *byte == b';').next().unwrap_or_default();
            media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
        })
    })
}

/// Reads `Content-Type` (RFC 9110 §8.3): text is UTF-8 or refused, whatever is no text is binary.
pub(super) fn announced(head: &Head<'_, '_>) -> Result<Announced, Fault> {
    let Some(value) = head.field("Content-Type") else { return Ok(Announced::Unsaid) };
    let value = str::from_utf8(value).map_err(|_| Fault::ContentTypeRefused)?;
    let mut parameters = value.split(';').map(str::trim);
    let media_type = parameters.next().unwrap_or_default().to_ascii_lowercase();
    let is_text = media_type.starts_with("text/")
        || TEXT_TYPES.contains(&media_type.as_str())
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml");
    if !is_text {
        return Ok(Announced::Binary);
    }
    let charset = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim_matches('"').to_ascii_lowercase());
    match charset.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(Announced::Text),
        Some(_) => Err(Fault::ContentTypeRefused),
    }
}

/// Text, though its name does not begin with `text/`.
const TEXT_TYPES: [&str; 4] = [
    "application/json",
    "application/xml",
    "application/javascript",
    "application/x-www-form-urlencoded",
];
