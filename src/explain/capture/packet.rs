//! A packet: what its link, its network and its transport wrap around bytes of a connection.
//!
//! ```text
//! Ethernet 14 (+ 4 for a VLAN tag, + 8 for PPPoE) | Linux cooked 16 or 20 | loopback 4 | nothing
//! IPv4 20 to 60 | IPv6 40 and extension headers
//! TCP 20 to 60: ports 2 + 2 · sequence 4 · acknowledgment 4 · offset and flags 2 · …
//! ```

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::wire::cursor::Cursor;

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'b> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) sequence: u32,
    pub(super) flags: Flags,
    pub(super) payload: &'b [u8],
    /// Bytes of the payload that were on the wire, and were not kept.
    pub(super) cut: usize,
}

/// What a segment says besides its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const fn is_fin(self) -> bool {
        self.0 & 0x01 != 0
    }

    pub(super) const fn is_syn(self) -> bool {
        self.0 & 0x02 != 0
    }

    pub(super) const fn is_reset(self) -> bool {
        self.0 & 0x04 != 0
    }

    pub(super) const fn is_ack(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// Why a packet has no segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Other {
    /// It is of another protocol.
    Protocol,
    /// It is a part of a packet.
    Fragment,
    /// It was kept too short.
    Cut,
    /// Nobody knows what the link wraps around it.
    Link,
}

/// Finds the segment in a packet of this link type.
pub(super) fn parse(link: u32, packet: &[u8]) -> Result<Segment<'_>, Other> {
    let mut cursor = Cursor::new(packet);
    unlink(link, &mut cursor)?;
    let version = peek(&cursor).ok_or(Other::Cut)? >> 4;
    match version {
        4 => ipv4(&mut cursor),
        6 => ipv6(&mut cursor),
        _ => Err(Other::Protocol),
    }
}

/// Takes what the link wraps around an IP packet.
fn unlink(link: u32, cursor: &mut Cursor<'_>) -> Result<(), Other> {
    let kind = match link {
        // BSD loopback says the address family, in the order of whoever has captured it.
        0 | 108 => {
            cursor.bytes(4).ok_or(Other::Cut)?;
            return Ok(());
        }
        1 => {
            cursor.bytes(12).ok_or(Other::Cut)?;
            let mut kind = cursor.u16().ok_or(Other::Cut)?;
            while matches!(kind, 0x8100 | 0x88a8 | 0x9100) {
                cursor.bytes(2).ok_or(Other::Cut)?;
                kind = cursor.u16().ok_or(Other::Cut)?;
            }
            if kind == PPPOE {
                cursor.bytes(6).ok_or(Other::Cut)?;
                kind = match cursor.u16().ok_or(Other::Cut)? {
                    PPP_IPV4 => IPV4,
                    PPP_IPV6 => IPV6,
                    _ => return Err(Other::Protocol),
                };
            }
            kind
        }
        12 | 14 | 101 | 228 | 229 => return Ok(()),
        113 => {
            cursor.bytes(14).ok_or(Other::Cut)?;
            cursor.u16().ok_or(Other::Cut)?
        }
        276 => {
            let kind = cursor.u16().ok_or(Other::Cut)?;
            cursor.bytes(18).ok_or(Other::Cut)?;
            kind
        }
        _ => return Err(Other::Link),
    };
    if matches!(kind, IPV4 | IPV6) { Ok(()) } else { Err(Other::Protocol) }
}

fn ipv4<'b>(cursor: &mut Cursor<'b>) -> Result<Segment<'b>, Other> {
    let head = cursor.array::<20>().ok_or(Other::Cut)?;
    let [first, _, high, low, _, _, fragment, offset, _, protocol, ..] = head;
    let head_bytes = usize::from(first & 0xf) * 4;
    let options = head_bytes.checked_sub(20).ok_or(Other::Protocol)?;
    if protocol != TCP {
        return Err(Other::Protocol);
    }
    if fragment & 0x3f != 0 || offset != 0 {
        return Err(Other::Fragment);
    }
    cursor.bytes(options).ok_or(Other::Cut)?;
    let [.., a, b, c, d, e, f, g, h] = head;
    let source = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    let destination = IpAddr::V4(Ipv4Addr::new(e, f, g, h));
    // What the network card cuts into packets has no length yet.
    let length = match usize::from(u16::from_be_bytes([high, low])) {
        0 => cursor.left(),
        length => length.checked_sub(head_bytes).ok_or(Other::Protocol)?,
    };
    tcp(cursor, source, destination, length)
}

fn ipv6<'b>(cursor: &mut Cursor<'b>) -> Result<Segment<'b>, Other> {
    cursor.bytes(4).ok_or(Other::Cut)?;
    let length = usize::from(cursor.u16().ok_or(Other::Cut)?);
    let mut next = cursor.u8().ok_or(Other::Cut)?;
    cursor.u8().ok_or(Other::Cut)?;
    let [source, destination] = [cursor.array::<16>(), cursor.array::<16>()]
        .map(|bytes| bytes.map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))));
    let (source, destination) = source.zip(destination).ok_or(Other::Cut)?;
    let begin = cursor.taken();
    // Hop-by-hop options, routing, destination options: each says how long it is.
    while matches!(next, 0 | 43 | 60 | FRAGMENT) {
        let kind = next;
        next = cursor.u8().ok_or(Other::Cut)?;
        let units = cursor.u8().ok_or(Other::Cut)?;
        let rest = if kind == FRAGMENT { 6 } else { 6 + 8 * usize::from(units) };
        let bytes = cursor.bytes(rest).ok_or(Other::Cut)?;
        // The first and only fragment is a whole packet.
        if let (FRAGMENT, [high, low, ..]) = (kind, bytes)
            && u16::from_be_bytes([*high, *low]) & 0xfff9 != 0
        {
            return Err(Other::Fragment);
        }
    }
    if next != TCP {
        return Err(Other::Protocol);
    }
    let length = match length {
        0 => cursor.left(),
        length => length.checked_sub(cursor.taken() - begin).ok_or(Other::Protocol)?,
    };
    tcp(cursor, source, destination, length)
}

/// A segment of so many bytes, of which fewer may have been kept.
fn tcp<'b>(
    cursor: &mut Cursor<'b>,
    source: IpAddr,
    destination: IpAddr,
    length: usize,
) -> Result<Segment<'b>, Other> {
    let begin = cursor.taken();
    let source = SocketAddr::new(source, cursor.u16().ok_or(Other::Cut)?);
    let destination = SocketAddr::new(destination, cursor.u16().ok_or(Other::Cut)?);
    let sequence = cursor.array().map(u32::from_be_bytes).ok_or(Other::Cut)?;
    cursor.bytes(4).ok_or(Other::Cut)?;
    let [offset, flags] = cursor.array().ok_or(Other::Cut)?;
    cursor.bytes(6).ok_or(Other::Cut)?;
    let options = (usize::from(offset >> 4) * 4).checked_sub(20).ok_or(Other::Protocol)?;
    cursor.bytes(options).ok_or(Other::Cut)?;
    let payload = length.checked_sub(cursor.taken() - begin).ok_or(Other::Protocol)?;
    // Behind it there may be padding of a short frame.
    let kept = payload.min(cursor.left());
    let bytes = cursor.bytes(kept).unwrap_or_default();
    let flags = Flags(flags);
    Ok(Segment { source, destination, sequence, flags, payload: bytes, cut: payload - kept })
}

fn peek(cursor: &Cursor<'_>) -> Option<u8> {
    let mut ahead = *cursor;
    ahead.u8()
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// A session of PPP over Ethernet (RFC 2516 §4).
const PPPOE: u16 = 0x8864;
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const TCP: u8 = 6;
const FRAGMENT: u8 = 44;
