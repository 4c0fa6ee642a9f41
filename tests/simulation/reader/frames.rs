//! Frames of a WebSocket, as a client reads them (RFC 6455 §5.2).

use super::{Said, text};
use crate::simulation::plan::Way;

/// What has come of frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    is_closed: bool,
}

impl Frames {
    /// Takes the next frame from `rest`; whether there was one.
    pub(super) fn hear(
        &mut self,
        rest: &mut Vec<u8>,
        way: Way,
        into: &mut Vec<Said>,
    ) -> Result<bool, String> {
        let Some((first, head, length)) = measure(rest)? else { return Ok(false) };
        if rest.len() < head + length {
            return Ok(false);
        }
        if self.is_closed {
            return Err("a frame behind a close frame".into());
        }
        let payload = rest[head..head + length].to_vec();
        rest.drain(..head + length);
        if first & 0x80 == 0 {
            return Err("the server never sends fragments".into());
        }
        match first & 0x7f {
            1 => {
                let text = str::from_utf8(&payload).map_err(|_| "a text is UTF-8")?;
                if way == Way::WsEnvelope {
                    text::json(text, into)?;
                } else {
                    into.push(Said::Message { place: None, payload });
                }
            }
            2 if way == Way::Ws => into.push(Said::Message { place: None, payload }),
            8 => {
                self.is_closed = true;
                into.push(close(&payload)?);
            }
            9 if length <= 125 => into.push(Said::Ping(payload)),
            10 if length <= 125 => into.push(Said::Pong),
            other => return Err(format!("a frame of {other:#x}, {length} bytes")),
        }
        Ok(true)
    }
}

/// The first byte, the head's length and the payload's, when they have come.
fn measure(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, String> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err("the server masks nothing".into());
    }
    let (head, length) = match second {
        126 if bytes.len() < 4 => return Ok(None),
        126 => (4, u64::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        127 if bytes.len() < 10 => return Ok(None),
        127 => (10, u64::from_be_bytes(bytes[2..10].try_into().expect("eight"))),
        length => (2, u64::from(length)),
    };
    let least = match head {
        4 => 126,
        10 => 65_536,
        _ => 0,
    };
    if length < least {
        return Err(format!("{length} fits into a shorter head"));
    }
    Ok(Some((first, head, usize::try_from(length).map_err(|_| "a frame too long")?)))
}

fn close(payload: &[u8]) -> Result<Said, String> {
    match payload {
        [] => Ok(Said::Close(None, String::new())),
        [high, low, reason @ ..] => {
            let reason = str::from_utf8(reason).map_err(|_| "a reason is UTF-8")?;
            Ok(Said::Close(Some(u16::from_be_bytes([*high, *low])), reason.to_owned()))
        }
        _ => Err("half a close code".into()),
    }
}
