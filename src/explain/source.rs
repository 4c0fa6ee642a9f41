//! What was pushed: bytes of one side, a recording, or a capture; perhaps as a hex dump.

use super::capture::Capture;
use super::conversation::{Conversation, is_tls};
use super::hex::Hex;
use super::{Audience, ExplainError, Findings, Telling};
use crate::dissect::Protocol;
use crate::dissect::shape::{FORMAT, Recording, role_named};
use crate::limits::{EXPLAIN_GUESS_BYTES, EXPLAIN_RECORDING_BYTES_MAX};
use crate::wire::ws_frame::Role;

/// What is known about the bytes before the first of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// They are a hex dump.
    pub is_hex: bool,
    /// What they begin with; none is guessed.
    pub protocol: Option<Protocol>,
    /// Who has sent them; none is guessed.
    pub from: Option<Role>,
    /// The port of the server, in a capture; none is guessed.
    pub port: Option<u16>,
}

/// Explains bytes as they come.
///
/// ```
/// use std::io;
/// use pushscope::explain::{Audience, Explainer, Settings, Told};
///
/// struct Names(Vec<String>);
/// impl Audience for Names {
///     fn tell(&mut self, told: &Told<'_>) -> io::Result<()> {
///         if let Told::Unit { unit, .. } = told {
///             self.0.push(format!("{}: {}", unit.name, unit.summary));
///         }
///         Ok(())
///     }
/// }
///
/// let mut explainer = Explainer::new(Settings::default(), Names(Vec::new()));
/// explainer.receive(b"\x81\x02hi").unwrap();
/// let (findings, names) = explainer.end();
/// assert_eq!((findings.unwrap().units, &names.0[..]), (1, &["frame: text hi".to_owned()][..]));
/// ```
#[derive(Debug)]
pub struct Explainer<A> {
    settings: Settings,
    hex: Option<Hex>,
    form: Form,
    telling: Telling<A>,
}

/// What the bytes are.
#[derive(Debug)]
enum Form {
    /// Too few came to say.
    Open(Vec<u8>),
    /// What one side has sent.
    Bytes(Box<Conversation>, Role),
    /// A recording: it is read when it is whole.
    Recording(Vec<u8>),
    /// A capture of packets.
    Capture(Box<Capture>),
}

impl<A: Audience> Explainer<A> {
    /// Of bytes of which so much is known, for somebody.
    pub fn new(settings: Settings, audience: A) -> Self {
        let hex = settings.is_hex.then(Hex::default);
        Self { settings, hex, form: Form::Open(Vec::new()), telling: Telling::new(audience) }
    }

    /// Takes bytes. After an error there is nothing to be told any more.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), ExplainError> {
        let Some(hex) = &mut self.hex else { return self.take(bytes) };
        let mut decoded = Vec::new();
        let outcome = hex.receive(bytes, &mut decoded);
        self.take(&decoded)?;
        Ok(outcome?)
    }

    /// Whether nothing that comes can be read any more: one side alone has broken a rule.
    pub const fn is_over(&self) -> bool {
        let Findings { broken, bound, .. } = &self.telling.findings;
        matches!(self.form, Form::Bytes(..)) && (broken.is_some() || bound.is_some())
    }

    /// Bytes of a capture that wait for their turn, or for others that are missing.
    pub(crate) const fn held(&self) -> usize {
        match &self.form {
            Form::Capture(capture) => capture.held(),
            _ => 0,
        }
    }

    /// Nothing more comes: what was found, and whom it was told to.
    pub fn end(mut self) -> (Result<Findings, ExplainError>, A) {
        let ended = self.finish();
        (ended.map(|()| self.telling.findings), self.telling.audience)
    }

    fn finish(&mut self) -> Result<(), ExplainError> {
        if let Some(hex) = &mut self.hex {
            let mut decoded = Vec::new();
            let outcome = hex.end(&mut decoded);
            self.take(&decoded)?;
            outcome?;
        }
        if let Form::Open(bytes) = &self.form {
            if bytes.is_empty() {
                return Err(ExplainError::Empty);
            }
            self.decide()?;
        }
        match &mut self.form {
            Form::Open(_) => {}
            Form::Bytes(conversation, from) => {
                conversation.end(*from, &mut self.telling)?;
            }
            Form::Recording(bytes) => {
                let bytes = std::mem::take(bytes);
                self.replay(&bytes)?;
            }
            Form::Capture(capture) => capture.end(&mut self.telling)?,
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ExplainError> {
        match &mut self.form {
            Form::Open(early) => {
                early.extend_from_slice(bytes);
                if early.len() >= EXPLAIN_GUESS_BYTES { self.decide() } else { Ok(()) }
            }
            Form::Bytes(conversation, from) => {
                Ok(conversation.receive(*from, bytes, &mut self.telling)?)
            }
            Form::Recording(text) => {
                text.extend_from_slice(bytes);
                match text.len() {
                    0..=EXPLAIN_RECORDING_BYTES_MAX => Ok(()),
                    _ => Err(ExplainError::Recording(format!(
                        "it has more than {} MiB",
                        EXPLAIN_RECORDING_BYTES_MAX >> 20
                    ))),
                }
            }
            Form::Capture(capture) => capture.receive(bytes, &mut self.telling),
        }
    }

    /// Decides by its first bytes what it is, and takes them.
    fn decide(&mut self) -> Result<(), ExplainError> {
        let Form::Open(early) = &mut self.form else { return Ok(()) };
        let early = std::mem::take(early);
        self.form = self.form_of(&early)?;
        self.take(&early)
    }

    fn form_of(&self, bytes: &[u8]) -> Result<Form, ExplainError> {
        let Settings { protocol, from, port, .. } = self.settings;
        if Capture::is_one(bytes) {
            return Ok(Form::Capture(Box::new(Capture::new(protocol, port))));
        }
        if is_recording(bytes) {
            return Ok(Form::Recording(Vec::new()));
        }
        let guess = Protocol::guess(bytes);
        let Some(protocol) = protocol.or(guess.map(|(protocol, _)| protocol)) else {
            return Err(ExplainError::Unknown(hint(bytes)));
        };
        let from = from.unwrap_or_else(|| sender(protocol, bytes));
        Ok(Form::Bytes(Box::new(Conversation::alone(protocol)), from))
    }

    /// Explains a recording.
    fn replay(&mut self, bytes: &[u8]) -> Result<(), ExplainError> {
        let unreadable = |why: String| ExplainError::Recording(why);
        let recording: Recording =
            serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if recording.format != FORMAT {
            return Err(unreadable(format!("its format is not `{FORMAT}`")));
        }
        let mut conversation = Conversation::new(1, self.settings.protocol);
        for (number, piece) in (1..).zip(&recording.pieces) {
            let Some(from) = role_named(&piece.from) else {
                return Err(unreadable(format!("piece {number} is from nobody that is known")));
            };
            let mut hex = Hex::default();
            let mut decoded = Vec::new();
            hex.receive(piece.hex.as_bytes(), &mut decoded)
                .and_then(|()| hex.end(&mut decoded))
                .map_err(|error| unreadable(format!("piece {number}: {error}")))?;
            conversation.receive(from, &decoded, &mut self.telling)?;
        }
        let unknown = conversation.close(&mut self.telling)?;
        match self.telling.findings.units {
            0 => {
                let why = unknown.map_or_else(String::new, |looks| format!(": {looks}"));
                Err(unreadable(format!("none of its bytes can be read{why}")))
            }
            _ => Ok(()),
        }
    }
}

fn is_recording(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
        && memchr::memmem::find(bytes, RECORDING.as_bytes()).is_some()
}

/// Who sends what begins like this.
fn sender(protocol: Protocol, bytes: &[u8]) -> Role {
    match protocol {
        Protocol::Http if bytes.starts_with(b"HTTP/") => Role::Server,
        Protocol::Http => Role::Client,
        Protocol::Chunked | Protocol::EventStream => Role::Server,
        Protocol::WebSocket => match bytes.get(1) {
            Some(second) if second & 0x80 != 0 => Role::Client,
            _ => Role::Server,
        },
    }
}

/// What bytes may be that look like nothing that is known.
fn hint(bytes: &[u8]) -> &'static str {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace();
    match bytes {
        [0x1f, 0x8b, ..] => "it is compressed: gunzip -c FILE | pushscope explain -",
        _ if is_tls(bytes) => "it is encrypted with TLS, and only whoever has the keys can read it",
        _ if bytes.trim_ascii_start().starts_with(b"\\x") || bytes.iter().take(9).all(is_hex) => {
            "if it is a hex dump, --hex says so"
        }
        _ => "--as says what it is, --hex that it is a hex dump",
    }
}

/// What every format of a recording begins with.
const RECORDING: &str = "\"pushscope recording ";
