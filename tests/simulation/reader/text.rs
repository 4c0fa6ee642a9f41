//! Event streams, lines and scripts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Parting, Place, Said, Told};

/// An event stream, line by line (HTML §9.2.6).
#[derive(Debug, Default)]
pub(super) struct EventStream {
    id: Option<String>,
    kind: String,
    data: Option<String>,
}

impl EventStream {
    /// Whether no event has begun.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.id.is_none() && self.kind.is_empty() && self.data.is_none()
    }

    pub(super) fn line(&mut self, line: &str, into: &mut Vec<Said>) -> Told {
        if line.contains('\r') {
            return Err("a CR ends a line, too".into());
        }
        if line.is_empty() {
            return self.dispatch(into);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" => into.push(Said::Beat),
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.kind),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "retry" => into.push(Said::Goodbye(Parting::Drained)),
            _ => return Err(format!("a field named {name:?}")),
        }
        Ok(())
    }

    fn dispatch(&mut self, into: &mut Vec<Said>) -> Told {
        let id = self.id.take();
        let kind = std::mem::take(&mut self.kind);
        let place = match &id {
            Some(id) => Some(Place::parse(id).ok_or_else(|| format!("an id of {id:?}"))?),
            None => None,
        };
        match (kind.as_str(), self.data.take()) {
            (_, None) => into.extend(place.map(Said::Stands)),
            ("end", Some(_)) => into.push(Said::Goodbye(Parting::Deleted)),
            ("gap", Some(data)) => {
                json(&data, into)?;
                into.extend(place.map(Said::Stands));
            }
            ("envelope", Some(data)) => {
                json(&data, into)?;
                let inner = match into.last() {
                    Some(Said::Message { place, .. }) => *place,
                    _ => None,
                };
                if inner != place {
                    return Err(format!("an envelope of {inner:?} under the id {place:?}"));
                }
            }
            ("", Some(data)) if place.is_some() => {
                into.push(Said::Message { place, payload: data.into_bytes() });
            }
            (kind, data) => return Err(format!("an event of {kind:?}: {data:?}")),
        }
        Ok(())
    }
}

/// A line of an endless answer in JSON.
pub(super) fn ndjson(line: &str, into: &mut Vec<Said>) -> Told {
    json(line, into)
}

/// A line of an endless document.
pub(super) fn script(line: &str, into: &mut Vec<Said>) -> Told {
    if line.starts_with("<!doctype html>") || line == "<!---->" {
        into.push(Said::Beat);
        return Ok(());
    }
    let call = line.strip_prefix("<script>parent.pushscope.");
    let call = call.and_then(|rest| rest.strip_suffix(")</script>"));
    let (name, argument) =
        call.and_then(|call| call.split_once('(')).ok_or_else(|| format!("no script: {line:?}"))?;
    if argument.contains(['<', '>', '\u{2028}', '\u{2029}']) {
        return Err(format!("a script that could end early: {argument:?}"));
    }
    match name {
        "message" | "gap" => json(argument, into),
        "open" => {
            let place = argument.trim_matches('"');
            let place = Place::parse(place).ok_or_else(|| format!("open at {place:?}"))?;
            into.push(Said::Stands(place));
            Ok(())
        }
        "end" => {
            into.push(Said::Goodbye(parting(argument.trim_matches('"'))?));
            Ok(())
        }
        _ => Err(format!("a script calls {name:?}")),
    }
}

/// An object of ours, wherever it stands.
pub(super) fn json(text: &str, into: &mut Vec<Said>) -> Told {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text:?}"))?;
    object(&value, into)
}

pub(super) fn object(value: &Value, into: &mut Vec<Said>) -> Told {
    if value.get("heartbeat").is_some() {
        into.push(Said::Beat);
    } else if let Some(end) = value.get("end").and_then(Value::as_str) {
        into.push(Said::Goodbye(parting(end)?));
    } else if let Some(missed) = value.get("gap").and_then(Value::as_u64) {
        let epoch_changed = value.get("epoch_changed").is_some_and(|changed| changed == true);
        into.push(Said::Gap { missed, epoch_changed });
    } else if let Some(next) = value.get("next").and_then(Value::as_str) {
        into.push(Said::Stands(Place::parse(next).ok_or_else(|| format!("next: {next:?}"))?));
    } else if value.get("padding").is_some() {
        into.push(Said::Beat);
    } else {
        into.push(message(value)?);
    }
    Ok(())
}

fn parting(word: &str) -> Result<Parting, String> {
    match word {
        "drain" => Ok(Parting::Drained),
        "deleted" => Ok(Parting::Deleted),
        _ => Err(format!("an end for {word:?}")),
    }
}

/// A message in its envelope.
fn message(value: &Value) -> Result<Said, String> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let place = text("id").and_then(Place::parse).ok_or_else(|| format!("no id: {value}"))?;
    let payload = match (text("data"), text("base64")) {
        (Some(data), None) => data.as_bytes().to_vec(),
        (None, Some(data)) => STANDARD.decode(data).map_err(|error| error.to_string())?,
        _ => return Err(format!("neither text nor bytes: {value}")),
    };
    Ok(Said::Message { place: Some(place), payload })
}

/// What a poll is answered with.
pub(crate) fn poll(value: &Value, into: &mut Vec<Said>) -> Told {
    if let Some(missed) = value.get("gap").and_then(Value::as_u64) {
        let epoch_changed = value.get("epoch_changed").is_some_and(|changed| changed == true);
        into.push(Said::Gap { missed, epoch_changed });
    }
    let messages = value.get("messages").and_then(Value::as_array).ok_or("no messages")?;
    for value in messages {
        into.push(message(value)?);
    }
    let next = value.get("next").and_then(Value::as_str).and_then(Place::parse);
    into.push(Said::Stands(next.ok_or("no next")?));
    Ok(())
}
