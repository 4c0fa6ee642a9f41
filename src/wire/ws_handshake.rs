//! The opening handshake of a WebSocket, both sides of it (RFC 6455 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha1::{Digest, Sha1};

use crate::wire::field::{is_control, is_tchar, members};
use crate::wire::head::{Content, Head, Method, Version};
use crate::wire::response::Answer;

/// A request for a WebSocket that may be answered.
///
/// Wire:
///
/// | field | value |
/// |---|---|
/// | `Upgrade` | lists `websocket` |
/// | `Connection` | lists `Upgrade` |
/// | `Sec-WebSocket-Version` | `13` |
/// | `Sec-WebSocket-Key` | 16 bytes in base64: 24 characters |
/// | `Sec-WebSocket-Protocol` | the subprotocols on offer, the preferred one first |
///
/// Clause: RFC 6455 §4.1, §4.2.1.
/// Departs: an offer of extensions is not looked at; who may connect (`Origin`, §10.2) is not
/// decided here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake<'h> {
    /// The key as it was sent, from which the answer is made.
    pub key: &'h str,
    head: &'h Head<'h, 'h>,
}

impl Handshake<'_> {
    /// The first subprotocol on offer that is known; names are compared with case.
    ///
    /// Clause: RFC 6455 §4.2.2.
    pub fn protocol(&self, known: &[&'static str]) -> Option<&'static str> {
        let mut offered = self.head.fields("Sec-WebSocket-Protocol").flat_map(members);
        offered.find_map(|name| known.iter().copied().find(|known| known.as_bytes() == name))
    }
}

/// Checks that a request asks for a WebSocket, and that it can be answered.
///
/// Clause: RFC 6455 §4.2.1.
///
/// ```
/// use pushscope::wire::cursor::Parse;
/// use pushscope::wire::head::{self, Scan};
/// use pushscope::wire::ws_handshake::check;
///
/// let bytes = b"GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// let mut room = head::room();
/// let Ok(Parse::Complete(head, _)) = head::parse(bytes, &mut Scan::default(), &mut room) else {
///     panic!()
/// };
/// assert_eq!(check(&head).unwrap().key, "dGhlIHNhbXBsZSBub25jZQ==");
/// ```
pub fn check<'h>(head: &'h Head<'_, '_>) -> Result<Handshake<'h>, HandshakeError> {
    // "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1."
    if head.method != Method::Get {
        return Err(HandshakeError::MethodNotGet);
    }
    if head.version != Version::Http11 {
        return Err(HandshakeError::HttpTooOld);
    }
    if !head.lists("Upgrade", "websocket") {
        return Err(HandshakeError::UpgradeMissing);
    }
    if !head.lists("Connection", "Upgrade") {
        return Err(HandshakeError::ConnectionMissing);
    }
    // The bytes behind the head are frames: content in front of them could be taken for some.
    if !matches!(head.content, Content::None | Content::Length(0)) {
        return Err(HandshakeError::ContentAnnounced);
    }
    // "If this version does not match a version understood by the server, the server MUST abort
    // the WebSocket handshake described in this section and instead send an appropriate HTTP error
    // code (such as 426 Upgrade Required) and a |Sec-WebSocket-Version| header field indicating
    // the version(s) the server is capable of understanding."
    let mut versions = head.fields("Sec-WebSocket-Version");
    if versions.next() != Some(VERSION) || versions.next().is_some() {
        return Err(HandshakeError::VersionNot13);
    }
    let mut keys = head.fields("Sec-WebSocket-Key");
    let key = keys.next().ok_or(HandshakeError::KeyMissing)?;
    // "The |Sec-WebSocket-Key| header field MUST NOT appear more than once in an HTTP request."
    if keys.next().is_some() {
        return Err(HandshakeError::KeyRepeated);
    }
    let key = str::from_utf8(key).ok().filter(|key| is_key(key));
    Ok(Handshake { key: key.ok_or(HandshakeError::KeyInvalid)?, head })
}

/// What proves that a server has read the key: SHA-1 of the key and a constant, in base64.
///
/// Clause: RFC 6455 §4.2.2.
///
/// ```
/// use pushscope::wire::ws_handshake::accept;
/// assert_eq!(&accept("dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept(key: &str) -> [u8; 28] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = [0; 28];
    let written = STANDARD.encode_slice(digest, &mut text);
    debug_assert!(written.is_ok(), "20 bytes are 28 characters");
    text
}

/// The head that answers a request and opens the WebSocket behind it.
///
/// A field of `extra` that would split the head is left out whole, as in
/// [`ResponseHead::field`](crate::wire::response::ResponseHead::field).
///
/// Wire: status 101, `Upgrade`, `Connection`, `Sec-WebSocket-Accept`, and the subprotocol chosen.
/// Clause: RFC 6455 §4.2.2.
/// Cost: 129 bytes, and 26 more than a subprotocol's name.
/// Departs: no extension is accepted, which is said by silence; there is no Date, which a 101
/// need not have (RFC 9110 §6.6.1).
pub fn encode_answer(
    handshake: &Handshake<'_>,
    protocol: Option<&'static str>,
    extra: &[(&str, &str)],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES_USUAL);
    bytes.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\n\
          Upgrade: websocket\r\n\
          Connection: Upgrade\r\n\
          Sec-WebSocket-Accept: ",
    );
    bytes.extend_from_slice(&accept(handshake.key));
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in protocol.map(|name| (PROTOCOL, name)).iter().chain(extra) {
        encode_field(name, value, &mut bytes);
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// The head with which a client asks for a WebSocket.
///
/// Of the target, what cannot stand in a request line is percent-encoded; a host, a subprotocol or
/// a field of `extra` that would split the head is left out.
///
/// Wire: see [`Handshake`].
/// Clause: RFC 6455 §4.1.
/// Departs: it offers no extension, and at most one subprotocol.
///
/// ```
/// use pushscope::wire::ws_handshake::encode_request;
/// assert_eq!(
///     encode_request("h:80", "/c/news/ws", "dGhlIHNhbXBsZSBub25jZQ==", None, &[]),
///     b"GET /c/news/ws HTTP/1.1\r\nHost: h:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
/// );
/// ```
pub fn encode_request(
    host: &str,
    target: &str,
    key: &str,
    protocol: Option<&str>,
    extra: &[(&str, &str)],
) -> Vec<u8> {
    debug_assert!(is_key(key), "a key is 16 bytes in base64");
    let mut bytes = Vec::with_capacity(HEAD_BYTES_USUAL);
    bytes.extend_from_slice(b"GET ");
    for piece in utf8_percent_encode(target, NOT_IN_TARGET) {
        bytes.extend_from_slice(piece.as_bytes());
    }
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    encode_field("Host", host, &mut bytes);
    bytes.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\n");
    encode_field("Sec-WebSocket-Key", key, &mut bytes);
    bytes.extend_from_slice(b"Sec-WebSocket-Version: 13\r\n");
    if let Some(protocol) = protocol {
        encode_field(PROTOCOL, protocol, &mut bytes);
    }
    for (name, value) in extra {
        encode_field(name, value, &mut bytes);
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Checks, for the client that sent `key`, that an answer opens the WebSocket.
///
/// Clause: RFC 6455 §4.1 (what the client must validate).
/// Departs: the subprotocol is for the caller to compare, who knows what it offered.
pub fn check_answer(answer: &Answer<'_, '_>, key: &str) -> Result<(), HandshakeError> {
    if answer.status != 101 {
        return Err(HandshakeError::StatusNot101);
    }
    // "If the response lacks an |Upgrade| header field or the |Upgrade| header field contains a
    // value that is not an ASCII case-insensitive match for the value "websocket", the client MUST
    // _Fail the WebSocket Connection_."
    if !answer.field("Upgrade").is_some_and(|name| name.eq_ignore_ascii_case(b"websocket")) {
        return Err(HandshakeError::UpgradeMissing);
    }
    if !answer.lists("Connection", "Upgrade") {
        return Err(HandshakeError::ConnectionMissing);
    }
    if answer.field("Sec-WebSocket-Accept") != Some(&accept(key)) {
        return Err(HandshakeError::AcceptWrong);
    }
    // "If the response includes a |Sec-WebSocket-Extensions| header field and this header field
    // indicates the use of an extension that was not present in the client's handshake …, the
    // client MUST _Fail the WebSocket Connection_."
    if answer.field("Sec-WebSocket-Extensions").is_some() {
        return Err(HandshakeError::ExtensionUnasked);
    }
    Ok(())
}

/// What a peer did wrong in its half of the opening handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum HandshakeError {
    /// The method is not GET (RFC 6455 §4.2.1).
    MethodNotGet,
    /// The request is not HTTP/1.1 (RFC 6455 §4.2.1).
    HttpTooOld,
    /// Upgrade does not name `websocket` (RFC 6455 §4.2.1, §4.1).
    UpgradeMissing,
    /// Connection does not list `Upgrade` (RFC 6455 §4.2.1, §4.1).
    ConnectionMissing,
    /// The request announces content, behind which no frame can be told (ours).
    ContentAnnounced,
    /// Sec-WebSocket-Version is not once 13 (RFC 6455 §4.2.2, §4.4 want 426).
    VersionNot13,
    /// There is no Sec-WebSocket-Key (RFC 6455 §4.2.1).
    KeyMissing,
    /// Sec-WebSocket-Key came twice (RFC 6455 §11.3.1).
    KeyRepeated,
    /// Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455 §4.2.1).
    KeyInvalid,
    /// The answer has another status than 101 (RFC 6455 §4.1).
    StatusNot101,
    /// Sec-WebSocket-Accept is missing, or was not made from our key (RFC 6455 §4.1).
    AcceptWrong,
    /// The answer uses an extension, though none was offered (RFC 6455 §4.1).
    ExtensionUnasked,
}

impl HandshakeError {
    /// All of them, in the order of their declaration.
    pub const ALL: &[Self] = &[
        Self::MethodNotGet,
        Self::HttpTooOld,
        Self::UpgradeMissing,
        Self::ConnectionMissing,
        Self::ContentAnnounced,
        Self::VersionNot13,
        Self::KeyMissing,
        Self::KeyRepeated,
        Self::KeyInvalid,
        Self::StatusNot101,
        Self::AcceptWrong,
        Self::ExtensionUnasked,
    ];
}

fn encode_field(name: &str, value: &str, into: &mut Vec<u8>) {
    if name.is_empty() || !name.bytes().all(is_tchar) || value.bytes().any(is_control) {
        return;
    }
    into.extend_from_slice(name.as_bytes());
    into.extend_from_slice(b": ");
    into.extend_from_slice(value.as_bytes());
    into.extend_from_slice(b"\r\n");
}

fn is_key(text: &str) -> bool {
    let mut bytes = [0; 18];
    text.len() == 24 && STANDARD.decode_slice(text, &mut bytes) == Ok(16)
}

/// What is hashed behind the key (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION: &[u8] = b"13";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";
/// What would end a request target; characters beyond ASCII are always encoded.
const NOT_IN_TARGET: &AsciiSet = &CONTROLS.add(b' ');
/// Bytes that a head seldom exceeds, so that its buffer grows once.
const HEAD_BYTES_USUAL: usize = 256;

#[cfg(test)]
mod tests;
