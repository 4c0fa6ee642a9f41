//! Request heads: httparse finds the tokens, and every refusal that it leaves to us is here.

use httparse::Status;

use crate::limits::{EMPTY_LINES_MAX, METHOD_BYTES_MAX};
use crate::wire::cursor::Parse;
pub use crate::wire::field::{BOUNDS, Bounds, Content, FieldError, Fields, Room, Version, room};
use crate::wire::field::{Framing, Lines, REQUEST_LINE_BYTES, fields, is, is_tchar, lists};
pub use crate::wire::method::Method;
use crate::wire::span::{Recorder, Silent};
use crate::wire::target;

/// A request head, borrowed from the bytes that it was parsed from.
///
/// Wire: `method SP request-target SP HTTP-version CRLF *( field-line CRLF ) CRLF`.
///
/// Clause: RFC 9112 §2–3, RFC 9110 §7. Cost: 12 bytes beside method and target.
///
/// Departs: a bare LF ends no line; the framing never depends on the method; two Content-Length
/// fields are refused even if they agree, and so is every transfer coding but `chunked`; a target
/// is visible ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head<'b, 'r> {
    /// The method.
    pub method: Method,
    /// The request target as it was sent: visible ASCII, see [`target::Target::parse`].
    pub target: &'b str,
    /// The protocol version.
    pub version: Version,
    /// The framing of the content, whatever the method.
    pub content: Content,
    /// Whether the connection outlives this exchange. Clause: RFC 9112 §9.3.
    pub keep_alive: bool,
    /// The client waits for a 100 before it sends its content. Clause: RFC 9110 §10.1.1.
    pub expect_continue: bool,
    /// Upgrade lists `websocket`, and Connection lists `upgrade`. Clause: RFC 6455 §4.2.1.
    pub upgrade_websocket: bool,
    host: &'b [u8],
    fields: Fields<'b, 'r>,
}

impl<'b, 'r> Head<'b, 'r> {
    /// The authority of an absolute-form, else the Host field; empty if HTTP/1.0 has neither.
    pub fn host(&self) -> &'b str {
        // It was found to be ASCII.
        str::from_utf8(self.host).unwrap_or_default()
    }

    /// The value of the first field called `name`, without the white space around it.
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.first(name)
    }

    /// The same as text; `None` also when it is not UTF-8, or holds a control character.
    pub fn text(&self, name: &str) -> Option<&'b str> {
        self.fields.text(name)
    }

    /// The values of all fields called `name`.
    pub fn fields(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.fields.all(name)
    }

    /// Whether the comma-separated list called `name` has this member, compared without case.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.fields.lists(name, token)
    }

    /// Each field line: its name as it was sent, and its value.
    pub fn lines(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> + use<'b, 'r> {
        self.fields.iter()
    }
}

/// Parses the head at the front of `bytes`.
///
/// `bytes` begin with the head each time, and hold more of it each time; `scan` is new for each
/// head. A head that is whole at once is looked at once. Otherwise each byte is scanned once as it
/// comes, which refuses what is wrong without waiting for the rest, and the head is parsed when its
/// blank line is there.
///
/// ```
/// use pushscope::wire::cursor::Parse;
/// use pushscope::wire::head::{self, Method, Scan};
///
/// let bytes = b"GET /c/news/sse HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 17-4\r\n\r\n";
/// let (mut scan, mut room) = (Scan::default(), head::room());
/// let parsed = head::parse(bytes, &mut scan, &mut room);
/// let Ok(Parse::Complete(head, taken)) = parsed else { panic!() };
/// assert_eq!((head.method, head.target, taken), (Method::Get, "/c/news/sse", bytes.len()));
/// assert_eq!(head.text("last-event-id"), Some("17-4"));
/// ```
///
/// # Errors
/// What the first wrong byte is, however the bytes were cut.
pub fn parse<'b, 'r>(
    bytes: &'b [u8],
    scan: &mut Scan,
    room: &'r mut Room<'b>,
) -> Result<Parse<Head<'b, 'r>>, HeadError> {
    parse_within(bytes, &BOUNDS, scan, room, &mut Silent)
}

/// The same, said to a recorder, line by line as they come; after an error, up to the line or the
/// part of the request line that is wrong.
pub fn parse_recorded<'b, 'r, R: Recorder>(
    bytes: &'b [u8],
    scan: &mut Scan,
    room: &'r mut Room<'b>,
    rec: &mut R,
) -> Result<Parse<Head<'b, 'r>>, HeadError> {
    parse_within(bytes, &BOUNDS, scan, room, rec)
}

/// The same, of a head that may be so much.
pub fn parse_within<'b, 'r, R: Recorder>(
    bytes: &'b [u8],
    bounds: &Bounds,
    scan: &mut Scan,
    room: &'r mut Room<'b>,
    rec: &mut R,
) -> Result<Parse<Head<'b, 'r>>, HeadError> {
    let mut head = bounds.window(bytes);
    let is_new = *scan == Scan::default() && !matches!(bytes.first(), Some(b'\r' | b'\n'));
    // The scan alone tells what it finds.
    let first = is_new && !R::ON;
    if !first {
        match scan.advance(bytes, bounds, rec)? {
            Some(end) => head = head.get(..end).unwrap_or(head),
            None => return Ok(Parse::Partial),
        }
    }
    let parsed = parse_whole(head, bounds, room);
    if first && !matches!(parsed, Ok(Parse::Complete(..))) {
        // The scan alone says what is wrong, and where first: so cuts change nothing.
        if scan.advance(bytes, bounds, rec)?.is_none() {
            return Ok(Parse::Partial);
        }
    }
    parsed
}

/// Where the scan of an unfinished head stands; one for each head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scan {
    pub(super) lines: Lines,
    pub(super) place: Place,
}

impl Scan {
    /// Scans what has come since; `Some` is where the head ends.
    fn advance(
        &mut self,
        bytes: &[u8],
        bounds: &Bounds,
        rec: &mut impl Recorder,
    ) -> Result<Option<usize>, HeadError> {
        let window = bounds.window(bytes);
        if self.place == Place::First {
            self.method(window, rec)?;
        }
        if self.place == Place::Target {
            self.target(window, bounds, rec)?;
        }
        if self.place == Place::Version {
            self.version(window, rec)?;
        }
        if self.place != Place::Fields {
            return Ok(None);
        }
        let end = self.lines.advance(window, bounds, rec)?;
        if end.is_some() {
            rec.leave();
        }
        Ok(end)
    }

    fn method(&mut self, window: &[u8], rec: &mut impl Recorder) -> Result<(), HeadError> {
        let Lines { at, from, .. } = &mut self.lines;
        while let Some(&byte) = window.get(*at) {
            match byte {
                // RFC 9112 §2.2: "a server that is expecting to receive and parse a request-line
                // SHOULD ignore at least one empty line (CRLF) received prior to the request-line."
                b'\r' if at == from => {
                    match window.get(*at + 1) {
                        Some(b'\n') => *at += 2,
                        Some(_) => return Err(HeadError::Field(FieldError::CrBare)),
                        None => return Ok(()),
                    }
                    *from = *at;
                    rec.take(2, &fields::EMPTY_LINE);
                    if *from > EMPTY_LINES_MAX * 2 {
                        return Err(HeadError::EmptyLinesTooMany);
                    }
                }
                b'\n' => return Err(HeadError::Field(FieldError::LfBare)),
                b' ' if at > from => {
                    rec.enter(&fields::REQUEST);
                    rec.take(*at - *from, &fields::METHOD);
                    rec.take(1, &fields::SPACE);
                    *at += 1;
                    *from = *at;
                    self.place = Place::Target;
                    return Ok(());
                }
                _ if !is_tchar(byte) => return Err(HeadError::MethodInvalid),
                _ if *at - *from == METHOD_BYTES_MAX => return Err(HeadError::MethodTooLong),
                _ => *at += 1,
            }
        }
        Ok(())
    }

    fn target(
        &mut self,
        window: &[u8],
        bounds: &Bounds,
        rec: &mut impl Recorder,
    ) -> Result<(), HeadError> {
        let Lines { at, from, .. } = &mut self.lines;
        let come = window.get(*at..).unwrap_or_default();
        *at += come.iter().take_while(|byte| byte.is_ascii_graphic()).count();
        // RFC 9112 §3: "A server that receives a request-target longer than any URI it wishes to
        // parse MUST respond with a 414 (URI Too Long) status code".
        if *at - *from > bounds.target_bytes {
            return Err(HeadError::TargetTooLong);
        }
        match window.get(*at) {
            None => Ok(()),
            Some(b' ') if at == from => Err(HeadError::TargetMissing),
            Some(b' ') => {
                rec.take(*at - *from, &fields::TARGET);
                rec.take(1, &fields::SPACE);
                *at += 1;
                *from = *at;
                self.place = Place::Version;
                Ok(())
            }
            Some(b'\r' | b'\n') => Err(HeadError::VersionMissing),
            Some(_) => Err(HeadError::TargetInvalid),
        }
    }

    fn version(&mut self, window: &[u8], rec: &mut impl Recorder) -> Result<(), HeadError> {
        let line = window.get(self.lines.from..).unwrap_or_default();
        for (index, (&byte, &right)) in line.iter().zip(VERSION_LINE).enumerate() {
            if byte == right || (index == 7 && byte == b'0') {
                continue;
            }
            return Err(match (index, byte) {
                (5 | 7, b'0'..=b'9') => HeadError::VersionUnsupported,
                (8, b'\n') => HeadError::Field(FieldError::LfBare),
                (9, _) => HeadError::Field(FieldError::CrBare),
                _ => HeadError::VersionInvalid,
            });
        }
        if line.len() >= VERSION_LINE.len() {
            self.lines.at = self.lines.from + VERSION_LINE.len();
            self.lines.from = self.lines.at;
            rec.take(VERSION_LINE.len() - 2, &fields::VERSION);
            rec.take(2, &fields::LINE_END);
            self.place = Place::Fields;
        }
        Ok(())
    }
}

/// The part of a head that the scan has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Place {
    /// Before or in the method, or in a response's status line. Next: Target, or Fields.
    #[default]
    First,
    /// In the request target. Next: Version.
    Target,
    /// In the version and the end of its line. Next: Fields.
    Version,
    /// Behind the first line. Next: the head is whole.
    Fields,
}

/// What a peer did wrong in a request head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum HeadError {
    /// More than two empty lines come before the request line. RFC 9112 §2.2.
    EmptyLinesTooMany,
    /// The first bytes are no method: perhaps another protocol, such as TLS. RFC 9110 §9.1.
    MethodInvalid,
    /// The method is longer than any that exists. RFC 9112 §3 wants 501.
    MethodTooLong,
    /// Nothing, or another space, stands where the target begins. RFC 9112 §3.
    TargetMissing,
    /// The target holds a byte that is not visible ASCII. RFC 9112 §3.2.
    TargetInvalid,
    /// The target is longer than [`Bounds::target_bytes`]. RFC 9112 §3 wants 414.
    TargetTooLong,
    /// The request line ends behind the target, as in HTTP/0.9. RFC 9112 §3.
    VersionMissing,
    /// What stands behind the target is no HTTP-version, or more than that. RFC 9112 §2.3.
    VersionInvalid,
    /// It is a version other than 1.0 and 1.1, HTTP/2's preface included. RFC 9110 §15.6.6.
    VersionUnsupported,
    /// HTTP/1.1 came without Host. RFC 9112 §3.2.
    HostMissing,
    /// Host came twice. RFC 9112 §3.2.
    HostRepeated,
    /// The host is no `uri-host [ ":" port ]`, or an absolute-form has none. RFC 9110 §7.2, §4.2.1.
    HostInvalid,
    /// Expect asks for something else than `100-continue`. RFC 9110 §10.1.1 wants 417.
    ExpectationUnknown,
    /// The field lines are wrong.
    Field(FieldError),
}

impl HeadError {
    /// Every variant of its own; those of the field lines are in [`FieldError::ALL`].
    pub const ALL: &[Self] = &[
        Self::EmptyLinesTooMany,
        Self::MethodInvalid,
        Self::MethodTooLong,
        Self::TargetMissing,
        Self::TargetInvalid,
        Self::TargetTooLong,
        Self::VersionMissing,
        Self::VersionInvalid,
        Self::VersionUnsupported,
        Self::HostMissing,
        Self::HostRepeated,
        Self::HostInvalid,
        Self::ExpectationUnknown,
    ];
}

impl From<FieldError> for HeadError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

/// Parses a head that is expected to be whole, and folds its fields in one pass.
fn parse_whole<'b, 'r>(
    bytes: &'b [u8],
    bounds: &Bounds,
    room: &'r mut Room<'b>,
) -> Result<Parse<Head<'b, 'r>>, HeadError> {
    let mut request = httparse::Request::new(&mut []);
    let room = room.get_mut(..bounds.fields).unwrap_or_default();
    let taken = match request.parse_with_uninit_headers(bytes, room) {
        Ok(Status::Complete(taken)) => taken,
        Ok(Status::Partial) => return Ok(Parse::Partial),
        // The scan has a name for whatever this is.
        Err(_) => return Err(HeadError::MethodInvalid),
    };
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Ok(Parse::Partial);
    };
    if method.len() > METHOD_BYTES_MAX {
        return Err(HeadError::MethodTooLong);
    }
    if target.len() > bounds.target_bytes {
        return Err(HeadError::TargetTooLong);
    }
    if !target.is_ascii() {
        return Err(HeadError::TargetInvalid);
    }
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let fields = Fields::new(request.headers);
    let said = Said::fold(&fields, bytes.get(..taken).unwrap_or(bytes))?;
    let host = said.host(target, version)?;
    let head = Head {
        method: Method::of(method),
        target,
        version,
        content: said.framing.content(version)?,
        keep_alive: said.framing.keep_alive(version),
        // RFC 9110 §10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0
        // request MUST ignore that expectation."
        expect_continue: said.expect_continue && version == Version::Http11,
        // RFC 9110 §7.8: "A server MUST ignore an Upgrade header field that is received in an
        // HTTP/1.0 request."
        upgrade_websocket: said.websocket && said.framing.upgrade && version == Version::Http11,
        host,
        fields,
    };
    Ok(Parse::Complete(head, taken))
}

/// What the field lines say to the server itself.
#[derive(Default)]
struct Said<'b> {
    framing: Framing,
    host: Option<&'b [u8]>,
    expect_continue: bool,
    websocket: bool,
}

impl<'b> Said<'b> {
    fn fold(fields: &Fields<'b, '_>, head: &[u8]) -> Result<Self, HeadError> {
        let mut said = Self::default();
        for line in fields.checked(head) {
            let (name, value) = line?;
            if may_concern(name) {
                said.take(name, value)?;
            }
        }
        // What the last line and the blank line end in.
        if head.ends_with(b"\r\n\r\n") { Ok(said) } else { Err(FieldError::LfBare.into()) }
    }

    /// Takes a line; few come here.
    #[inline(never)]
    fn take(&mut self, name: &str, value: &'b [u8]) -> Result<(), HeadError> {
        if is(name, "Host") {
            // RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code … to any
            // request message that contains more than one Host header field line".
            if self.host.replace(value).is_some() {
                return Err(HeadError::HostRepeated);
            }
        } else if is(name, "Expect") {
            // RFC 9110 §10.1.1: "A server that receives an Expect field value containing a member
            // other than 100-continue MAY respond with a 417".
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(HeadError::ExpectationUnknown);
            }
            self.expect_continue = true;
        } else if is(name, "Upgrade") {
            self.websocket |= lists(value, b"websocket");
        } else {
            self.framing.take(name, value)?;
        }
        Ok(())
    }

    #[inline]
    fn host(&self, target: &'b str, version: Version) -> Result<&'b [u8], HeadError> {
        let host = match self.host {
            Some(value) if target::is_host(value) => value,
            Some(_) => return Err(HeadError::HostInvalid),
            // RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any
            // HTTP/1.1 request message that lacks a Host header field".
            None if version == Version::Http11 => return Err(HeadError::HostMissing),
            None => b"",
        };
        if target.starts_with('/') { Ok(host) } else { authority(target, host) }
    }
}

/// The host of a target that is no path: its own, or that of the Host field.
#[cold]
fn authority<'b>(target: &'b str, host: &'b [u8]) -> Result<&'b [u8], HeadError> {
    // RFC 9112 §3.2.2: "the origin server MUST ignore the received Host header field (if any) and
    // instead use the host information of the request-target."
    match target::absolute(target) {
        // RFC 9110 §4.2.1: "A recipient that processes such a URI reference", one with an empty
        // host, "MUST reject it as invalid."
        Some((authority, _)) if authority.is_empty() || authority.starts_with(':') => {
            Err(HeadError::HostInvalid)
        }
        Some((authority, _)) if !target::is_host(authority.as_bytes()) => {
            Err(HeadError::HostInvalid)
        }
        Some((authority, _)) => Ok(authority.as_bytes()),
        None => Ok(host),
    }
}

/// Whether a field may be one that the server itself has to look at: length and first letter tell
/// it from what else browsers send.
#[inline]
fn may_concern(name: &str) -> bool {
    let first = name.bytes().next().map(|byte| byte | 0x20);
    first.is_some() && first.as_ref() == FIRST_LETTERS.get(name.len())
}

/// By its length, the first letter of each name that [`Said::take`] knows.
const FIRST_LETTERS: [u8; 18] = {
    let mut letters = [0; 18];
    let mut names: &[&str] =
        &["host", "expect", "upgrade", "connection", "content-length", "transfer-encoding"];
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while let [name, rest @ ..] = names {
        assert!(letters[name.len()] == 0, "two names have one length");
        letters[name.len()] = name.as_bytes()[0];
        names = rest;
    }
    letters
};

/// The end of a request line in HTTP/1.1; the digit before CR may also be 0.
const VERSION_LINE: &[u8] = b"HTTP/1.1\r\n";

// Whatever is too long in the first line is refused before the head is.
const _: () = assert!(BOUNDS.target_bytes + REQUEST_LINE_BYTES <= BOUNDS.head_bytes);

#[cfg(test)]
mod tests;
