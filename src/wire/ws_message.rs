//! WebSocket messages, put together from the bytes of one connection (RFC 6455 §5.4–5.6, §8.1).

mod text;

use std::mem;

use crate::cost::Bytes;
use crate::limits::{FRAGMENTS_MAX, Limits};
use crate::wire::cursor::Parse;
use crate::wire::short::Short;
use crate::wire::span::{Field, Recorder, Silent};
use crate::wire::ws_frame::{
    self, CONTROL_BYTES_MAX, CloseCode, FrameError, FrameHead, Opcode, Role, mask, parse_close,
    unmasked,
};
use text::Text;

/// Puts the messages of one direction of one connection together, as their bytes arrive.
///
/// Between two messages it owns no heap: each message takes its buffer with it. A buffer grows
/// with the bytes that have come, never with those that are announced.
///
/// Wire: frames (see [`FrameHead`]); a message is one final frame, or a first fragment,
/// continuations and a final continuation, with control frames anywhere between them.
/// Clause: RFC 6455 §5.4–5.6, §8.1.
/// Departs: a message is handed over whole, and has a limit of bytes and of fragments.
///
/// ```
/// use pushscope::cost::Bytes;
/// use pushscope::wire::ws_frame::Role;
/// use pushscope::wire::ws_message::{Assembler, Message, Received};
///
/// let mut assembler = Assembler::new(Role::Server);
/// let bytes = b"\x01\x03Hel\x80\x02lo\x81";
/// let received = assembler.receive(bytes, 1024);
/// let message = Some(Message::Text("Hello".into()));
/// assert_eq!(received, Ok(Received { taken: 9, parsed: Bytes::wrapped(9, 5), message }));
/// ```
#[derive(Debug)]
pub struct Assembler {
    from: Role,
    keep: Keep,
    failed: Option<MessageError>,
    /// What nobody needs whose messages come in one piece: most connections never have it.
    unfinished: Option<Box<Unfinished>>,
}

impl Assembler {
    /// An assembler of what one side sends.
    pub const fn new(from: Role) -> Self {
        Self { from, keep: Keep::Messages, failed: None, unfinished: None }
    }

    /// One for whoever wants to know what bytes are, and not what they say: it checks the same, and
    /// keeps nothing, so that a message may have any length and any number of fragments. What it
    /// hands over is empty, unless it came at once.
    pub const fn keeping_nothing(from: Role) -> Self {
        Self { from, keep: Keep::Nothing, failed: None, unfinished: None }
    }

    /// Whether the payload of a frame has not come to its end.
    pub fn is_within_frame(&self) -> bool {
        self.unfinished.as_ref().is_some_and(|unfinished| unfinished.frame.is_some())
    }

    /// Bytes of heap that an unfinished message holds.
    pub fn heap_bytes(&self) -> usize {
        self.unfinished.as_ref().map_or(0, |unfinished| unfinished.heap_bytes())
    }

    /// Takes bytes until a message or a control frame is complete, or nothing is left to take.
    ///
    /// Bytes that are not taken must come again, in front of what follows them: without a message
    /// they are the unfinished head of a frame, at most 13 bytes. After an error every call
    /// answers with the same error.
    ///
    /// Clause: RFC 6455 §5.4, §5.5, §8.1.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        bounds: impl Into<Bounds>,
    ) -> Result<Received, MessageError> {
        self.receive_recorded(bytes, bounds, &mut Silent)
    }

    /// The same, said to a recorder, a group for each frame.
    pub fn receive_recorded(
        &mut self,
        bytes: &[u8],
        bounds: impl Into<Bounds>,
        rec: &mut impl Recorder,
    ) -> Result<Received, MessageError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.take_frames(bytes, bounds.into(), rec).inspect_err(|&error| {
            *self = Self { failed: Some(error), keep: self.keep, ..Self::new(self.from) };
        })
    }

    fn take_frames(
        &mut self,
        bytes: &[u8],
        bounds: Bounds,
        rec: &mut impl Recorder,
    ) -> Result<Received, MessageError> {
        let mut rest = bytes;
        let mut parsed = Bytes::ZERO;
        loop {
            let arriving = self.unfinished.as_mut().and_then(|unfinished| unfinished.frame.take());
            let (mut frame, head_bytes) = match arriving {
                Some(frame) => (frame, 0),
                None => match ws_frame::parse_recorded(rest, self.from, rec)? {
                    Parse::Partial => {
                        let taken = bytes.len() - rest.len();
                        return Ok(Received { taken, parsed, message: None });
                    }
                    Parse::Complete(head, taken) => {
                        rest = rest.get(taken..).unwrap_or_default();
                        (self.open_frame(head, bounds)?, taken)
                    }
                },
            };
            let (payload, after) = rest.split_at_checked(frame.left).unwrap_or((rest, &[]));
            rest = after;
            frame.left -= payload.len();
            parsed += frame.bytes(head_bytes, payload.len());
            rec.take(payload.len(), payload_field(self.from));
            if frame.left == 0 {
                rec.leave();
            }
            let message = self.take_payload(frame, payload)?;
            self.unfinished.take_if(|unfinished| unfinished.is_over());
            if message.is_some() || rest.is_empty() {
                return Ok(Received { taken: bytes.len() - rest.len(), parsed, message });
            }
        }
    }

    /// Decides on a frame by its head alone, before anything is kept for it.
    fn open_frame(&self, head: FrameHead, bounds: Bounds) -> Result<Frame, MessageError> {
        let FrameHead { fin, opcode, masking_key, length } = head;
        let key = masking_key.unwrap_or(UNMASKED);
        if opcode.is_control() {
            // "Control frames MAY be injected in the middle of a fragmented message."
            let left = usize::try_from(length).map_err(|_| FrameError::ControlTooLong)?;
            return Ok(Frame { left, key, opcode, fin });
        }
        match (opcode, self.content()) {
            (Opcode::Continuation, Content::Nothing) => {
                return Err(MessageError::ContinuationUnexpected);
            }
            (Opcode::Continuation, _) | (_, Content::Nothing) => {}
            // "The fragments of one message MUST NOT be interleaved between the fragments of
            // another message unless an extension has been negotiated."
            _ => return Err(MessageError::MessageInterrupted),
        }
        let fragments = self.unfinished.as_ref().map_or(0, |unfinished| unfinished.fragments);
        if fragments as usize >= bounds.fragments && self.keep == Keep::Messages {
            return Err(MessageError::FragmentsTooMany);
        }
        let room = bounds.message_bytes.saturating_sub(self.content().len());
        let left = usize::try_from(length).ok().filter(|&length| length <= room);
        let left = left.ok_or(MessageError::MessageTooLong)?;
        if left > bounds.frame_bytes {
            return Err(MessageError::FrameTooLong);
        }
        Ok(Frame { left, key, opcode, fin })
    }

    /// Takes a part of a frame's payload, or the last of it, and hands over what it completes.
    fn take_payload(
        &mut self,
        frame: Frame,
        payload: &[u8],
    ) -> Result<Option<Message>, MessageError> {
        if frame.left == 0 && self.is_whole(&frame) {
            return whole_message(&frame, payload).map(Some);
        }
        let unfinished = self.unfinished.get_or_insert_default();
        if frame.left == 0 {
            return unfinished.end_frame(frame, payload, self.keep);
        }
        unfinished.keep(frame, payload, self.keep)?;
        Ok(None)
    }

    /// Whether a frame is a whole message of which nothing is kept: it needs no second copy.
    fn is_whole(&self, frame: &Frame) -> bool {
        match frame.opcode {
            Opcode::Continuation => false,
            Opcode::Text | Opcode::Binary => {
                frame.fin && matches!(self.content(), Content::Nothing)
            }
            Opcode::Ping | Opcode::Pong | Opcode::Close => {
                self.unfinished.as_ref().is_none_or(|unfinished| unfinished.control.is_none())
            }
        }
    }

    fn content(&self) -> &Content {
        self.unfinished.as_ref().map_or(&Content::Nothing, |unfinished| &unfinished.content)
    }
}

const _: () = assert!(size_of::<Assembler>() <= 16, "every idle connection has one");

/// What becomes of payloads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keep {
    /// They are put together.
    Messages,
    /// They are looked at, and forgotten.
    Nothing,
}

/// A message of which more is to come, and the frame that is arriving.
#[derive(Debug, Default)]
struct Unfinished {
    /// Frames of the message that have ended.
    fragments: u32,
    /// The frame whose payload is arriving.
    frame: Option<Frame>,
    /// The payload of an unfinished control frame.
    control: Option<Box<Control>>,
    content: Content,
}

impl Unfinished {
    fn heap_bytes(&self) -> usize {
        let control = if self.control.is_some() { size_of::<Control>() } else { 0 };
        let content = match &self.content {
            Content::Nothing => 0,
            Content::Text(text) => text.heap_bytes(),
            Content::Binary(bytes) => bytes.capacity(),
        };
        size_of::<Self>() + control + content
    }

    /// Keeps a part of a frame's payload; more of it is to come.
    fn keep(&mut self, mut frame: Frame, payload: &[u8], keep: Keep) -> Result<(), MessageError> {
        if !payload.is_empty() {
            self.append(&frame, payload, keep)?;
            frame.key.rotate_left(payload.len() % 4);
        }
        self.frame = Some(frame);
        Ok(())
    }

    /// Keeps the last part of a frame's payload and hands over what is complete with it.
    fn end_frame(
        &mut self,
        frame: Frame,
        payload: &[u8],
        keep: Keep,
    ) -> Result<Option<Message>, MessageError> {
        self.append(&frame, payload, keep)?;
        if frame.opcode.is_control() {
            let payload = self.control.take().map(|payload| *payload);
            return control_message(frame.opcode, payload.unwrap_or_default()).map(Some);
        }
        if !frame.fin {
            self.fragments = self.fragments.saturating_add(1);
            return Ok(None);
        }
        Ok(match mem::take(&mut self.content) {
            Content::Nothing => None,
            Content::Text(text) => Some(Message::Text(text.end()?)),
            Content::Binary(bytes) => Some(Message::Binary(bytes)),
        })
    }

    fn append(&mut self, frame: &Frame, payload: &[u8], keep: Keep) -> Result<(), MessageError> {
        match (frame.opcode, &self.content) {
            (Opcode::Text, Content::Nothing) => self.content = Content::Text(Text::default()),
            (Opcode::Binary, Content::Nothing) => self.content = Content::Binary(Vec::new()),
            _ => {}
        }
        match &mut self.content {
            _ if frame.opcode.is_control() => {
                self.control.get_or_insert_default().append(payload, frame.key);
            }
            Content::Nothing => {}
            Content::Text(text) => text.append(frame, payload, keep)?,
            Content::Binary(_) if keep == Keep::Nothing => {}
            Content::Binary(bytes) => {
                bytes.reserve_exact(frame.room(payload.len(), bytes.capacity()));
                append_unmasked(payload, frame.key, bytes);
            }
        }
        Ok(())
    }

    /// Whether nothing more is to come, neither of a message nor of a frame.
    const fn is_over(&self) -> bool {
        self.frame.is_none() && self.control.is_none() && matches!(self.content, Content::Nothing)
    }
}

/// The message, or the control frame, whose payload is all at hand.
fn whole_message(frame: &Frame, payload: &[u8]) -> Result<Message, MessageError> {
    if frame.opcode.is_control() {
        let mut control = Control::default();
        control.append(payload, frame.key);
        return control_message(frame.opcode, control);
    }
    let bytes = unmasked(payload, frame.key);
    if frame.opcode == Opcode::Binary {
        return Ok(Message::Binary(bytes));
    }
    String::from_utf8(bytes).map(Message::Text).map_err(|error| {
        match error.utf8_error().error_len() {
            None => MessageError::TextCutOff,
            Some(_) => MessageError::TextNotUtf8,
        }
    })
}

fn control_message(opcode: Opcode, payload: Control) -> Result<Message, MessageError> {
    Ok(match opcode {
        Opcode::Ping => Message::Ping(payload),
        Opcode::Pong => Message::Pong(payload),
        _ => Message::Close(parse_close(payload.as_slice())?.map(|(code, reason)| {
            let mut kept = Control::default();
            kept.append(reason.as_bytes(), UNMASKED);
            (code, kept)
        })),
    })
}

/// What the payload of a frame is on the wire.
const fn payload_field(from: Role) -> &'static Field {
    match from {
        Role::Client => &ws_frame::fields::MASKED,
        Role::Server => &ws_frame::fields::PAYLOAD,
    }
}

fn append_unmasked(payload: &[u8], key: [u8; 4], into: &mut Vec<u8>) {
    into.reserve(payload.len());
    for masked in payload.chunks(PIECE_BYTES) {
        let start = into.len();
        into.extend_from_slice(masked);
        mask(into.get_mut(start..).unwrap_or_default(), key, 0);
    }
}

/// What one call took, and what was complete with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Bytes taken from the front of those given.
    pub taken: usize,
    /// The same bytes by kind: heads of data frames, masking keys included, are framing; control
    /// frames are control, head and payload.
    pub parsed: Bytes,
    /// The message or control frame that the last of them completed.
    pub message: Option<Message>,
}

/// A whole message, or a control frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A text message (§5.6).
    Text(String),
    /// A binary message (§5.6).
    Binary(Vec<u8>),
    /// A ping, with what the pong must repeat (§5.5.2).
    Ping(Control),
    /// A pong, with what it repeats (§5.5.3).
    Pong(Control),
    /// A Close frame: its status code, and its reason in UTF-8 (§5.5.1).
    Close(Option<(CloseCode, Control)>),
}

/// The payload of a control frame.
pub type Control = Short<CONTROL_BYTES_MAX>;

/// A frame whose payload is arriving.
#[derive(Debug)]
struct Frame {
    /// Payload bytes that are still to come.
    left: usize,
    /// The masking-key, turned so that it begins with the next byte's.
    key: [u8; 4],
    opcode: Opcode,
    fin: bool,
}

impl Frame {
    /// What bytes of its head and of its payload are for.
    const fn bytes(&self, head: usize, payload: usize) -> Bytes {
        if self.opcode.is_control() {
            Bytes::control(head + payload)
        } else {
            Bytes::wrapped(head + payload, payload)
        }
    }

    /// For how many bytes to make room behind those that are there, of which these have come: not
    /// beyond the frame's end, nor for more than as many again, whatever its head promises.
    fn room(&self, come: usize, capacity: usize) -> usize {
        come + self.left.min(capacity.max(come))
    }
}

/// What an unfinished message has brought so far.
#[derive(Debug, Default)]
enum Content {
    #[default]
    Nothing,
    Text(Text),
    Binary(Vec<u8>),
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// How much one message may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Bytes of its frames' payloads together.
    pub message_bytes: usize,
    /// Bytes of the payload of one frame.
    pub frame_bytes: usize,
    /// Frames.
    pub fragments: usize,
}

impl From<usize> for Bounds {
    /// So many bytes, in one frame or in several.
    fn from(bytes: usize) -> Self {
        Self { message_bytes: bytes, frame_bytes: bytes, fragments: FRAGMENTS_MAX }
    }
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            message_bytes: limits.message_bytes_max,
            frame_bytes: limits.payload_bytes_max(),
            fragments: limits.fragments_max,
        }
    }
}

/// What a peer did wrong within a message or one of its frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum MessageError {
    /// One of its frames is wrong.
    Frame(FrameError),
    /// A continuation frame comes without a message to continue (RFC 6455 §5.4).
    ContinuationUnexpected,
    /// A message begins within a fragmented one (RFC 6455 §5.4).
    MessageInterrupted,
    /// A message has more frames than [`Bounds::fragments`] (ours; RFC 6455 §10.4 asks for limits).
    FragmentsTooMany,
    /// A message announces more bytes than are accepted (RFC 6455 §7.4.1, 1009; §10.4).
    MessageTooLong,
    /// One of its frames announces more bytes than a frame may have (RFC 6455 §10.4).
    FrameTooLong,
    /// A text has a byte that is not UTF-8 (RFC 6455 §8.1).
    TextNotUtf8,
    /// A text ends within a character (RFC 6455 §8.1).
    TextCutOff,
}

impl MessageError {
    /// Every variant of its own; those of its frames are in [`FrameError::ALL`].
    pub const ALL: &[Self] = &[
        Self::ContinuationUnexpected,
        Self::MessageInterrupted,
        Self::FragmentsTooMany,
        Self::MessageTooLong,
        Self::FrameTooLong,
        Self::TextNotUtf8,
        Self::TextCutOff,
    ];
}

impl From<FrameError> for MessageError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

/// The key that changes nothing.
const UNMASKED: [u8; 4] = [0; 4];
/// Bytes that are copied, unmasked and validated at a time: they stay in the first-level cache.
const PIECE_BYTES: usize = 4 * 1024;
const _: () = assert!(PIECE_BYTES.is_multiple_of(4), "the key begins anew with each piece");

#[cfg(test)]
mod tests;
