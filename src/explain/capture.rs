//! Captures of packets, as tcpdump, dumpcap and Wireshark write them: pcap and pcapng.
//!
//! ```text
//! pcap    magic 4 · version 4 · zone 4 · accuracy 4 · snap length 4 · link type 4
//!         then per packet: seconds 4 · fraction 4 · length here 4 · length on the wire 4 · bytes
//! pcapng  blocks: type 4 · length 4 · body · length 4; a section header says the byte order, an
//!         interface description the link type, and an enhanced packet has the bytes
//! ```

mod connections;
mod packet;
mod stream;

use std::io;

use super::{Audience, ExplainError, Telling};
use crate::dissect::Protocol;
use crate::limits::{EXPLAIN_BLOCK_BYTES_MAX, EXPLAIN_INTERFACES_MAX};
use crate::prose::{counted, number};
use crate::wire::cursor::Cursor;
use connections::Connections;
use packet::Other;

/// Reads a capture as it comes.
#[derive(Debug)]
pub(super) struct Capture {
    /// What came of a header, a packet or a block that is not whole.
    bytes: Vec<u8>,
    /// Bytes in front of those.
    at: u64,
    /// Bytes that belong to a block of no interest.
    skip: u64,
    format: Format,
    connections: Connections,
    packets: u64,
    /// Packets that are no TCP.
    others: u64,
    /// Packets that are parts of others.
    fragments: u64,
    /// Packets that were cut before the end of their heads.
    cut: u64,
    /// Packets of link types that are not known.
    unlinked: u64,
    /// The first of those.
    link: Option<u32>,
    /// It cannot be read on.
    is_damaged: bool,
}

/// How the file is written.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Format {
    /// Its header has not come.
    Open,
    /// pcap, of one link type.
    Pcap(Order, u32),
    /// pcapng, with the link type of each interface.
    Pcapng(Order, Vec<u32>),
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn u32(self, cursor: &mut Cursor<'_>) -> Option<u32> {
        let bytes = cursor.array()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        })
    }

    fn u16(self, cursor: &mut Cursor<'_>) -> Option<u16> {
        let bytes = cursor.array()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        })
    }
}

/// What the next bytes are.
enum Step {
    /// More of them are needed.
    Wait,
    /// So many bytes of no interest.
    Skip(u64),
    /// A packet.
    Packet(Packet),
}

/// Where a packet is in what comes next.
struct Packet {
    /// Its link type.
    link: u32,
    /// Where it begins.
    start: usize,
    /// How many bytes of it were kept.
    length: usize,
    /// Where what comes behind it begins.
    end: usize,
}

impl Capture {
    /// Of connections that begin with this, with a server at this port; what is none is guessed.
    pub(super) fn new(protocol: Option<Protocol>, port: Option<u16>) -> Self {
        Self {
            bytes: Vec::new(),
            at: 0,
            skip: 0,
            format: Format::Open,
            connections: Connections::new(protocol, port),
            packets: 0,
            others: 0,
            fragments: 0,
            cut: 0,
            unlinked: 0,
            link: None,
            is_damaged: false,
        }
    }

    /// Whether bytes begin as a capture does.
    pub(super) fn is_one(bytes: &[u8]) -> bool {
        let magic = bytes.first_chunk::<4>();
        magic.is_some_and(|magic| *magic == SECTION || pcap_order(*magic).is_some())
    }

    /// Takes bytes of the file.
    pub(super) fn receive<A: Audience>(
        &mut self,
        bytes: &[u8],
        telling: &mut Telling<A>,
    ) -> Result<(), ExplainError> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        self.at += skipped as u64;
        self.bytes.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
        let mut taken = 0;
        loop {
            let rest = self.bytes.get(taken..).unwrap_or_default();
            match step(rest, &mut self.format) {
                Err(why) => {
                    self.is_damaged = true;
                    return Err(ExplainError::Capture(self.at + taken as u64, why));
                }
                Ok(Step::Wait) => break,
                Ok(Step::Skip(bytes)) => {
                    let here = usize::try_from(bytes).unwrap_or(usize::MAX).min(rest.len());
                    self.skip = bytes - here as u64;
                    taken += here;
                }
                Ok(Step::Packet(Packet { link, start, length, end })) => {
                    let packet = rest.get(start..start + length).unwrap_or_default().to_vec();
                    self.packet(link, &packet, telling)?;
                    taken += end;
                }
            }
        }
        self.bytes.drain(..taken);
        self.at += taken as u64;
        Ok(())
    }

    /// The file ends.
    pub(super) fn end<A: Audience>(
        &mut self,
        telling: &mut Telling<A>,
    ) -> Result<(), ExplainError> {
        self.connections.end(telling)?;
        telling.findings.joined = self.connections.joined();
        if let (Some(link), true) = (self.link, self.unlinked == self.packets) {
            return Err(ExplainError::Link(link));
        }
        if self.is_damaged {
            return Ok(());
        }
        if !self.bytes.is_empty() || self.skip > 0 {
            telling.note(0, "unfinished: the capture ends within a packet")?;
        }
        for (number, what) in [
            (self.fragments, "fragment of IP packets is not read"),
            (self.cut, "packet was kept too short to be read"),
            (self.unlinked, "packet is not read: its link type is not known"),
            (self.connections.strays(), "packet belongs to no connection that is kept"),
        ] {
            if number > 0 {
                telling.note(0, &plural(number, what))?;
            }
        }
        if telling.findings.units > 0 {
            return Ok(());
        }
        let (packets, others) = (counted(self.packets, "packet"), number(self.others));
        Err(ExplainError::Nothing(match self.connections.unknown() {
            Some(looks) => format!("its connections have bytes, and {looks}"),
            None => format!("{packets}, {others} of them no TCP, and none with bytes to read"),
        }))
    }

    /// Bytes that are kept for connections whose turn has not come.
    pub(super) const fn held(&self) -> usize {
        self.connections.held()
    }

    fn packet<A: Audience>(
        &mut self,
        link: u32,
        packet: &[u8],
        telling: &mut Telling<A>,
    ) -> io::Result<()> {
        self.packets += 1;
        match packet::parse(link, packet) {
            Ok(segment) => self.connections.receive(&segment, telling)?,
            Err(Other::Protocol) => self.others += 1,
            Err(Other::Fragment) => self.fragments += 1,
            Err(Other::Cut) => self.cut += 1,
            Err(Other::Link) => {
                self.unlinked += 1;
                self.link.get_or_insert(link);
            }
        }
        Ok(())
    }
}

/// What the next bytes of a file are.
fn step(bytes: &[u8], format: &mut Format) -> Result<Step, &'static str> {
    let mut cursor = Cursor::new(bytes);
    let step = match format {
        Format::Open => header(&mut cursor, format),
        Format::Pcap(order, link) => pcap_packet(&mut cursor, *order, *link),
        Format::Pcapng(order, links) => block(&mut cursor, order, links),
    };
    step.unwrap_or(Ok(Step::Wait))
}

/// The header of a file: it says how the rest is written.
fn header(cursor: &mut Cursor<'_>, format: &mut Format) -> Option<Result<Step, &'static str>> {
    let magic = cursor.array::<4>()?;
    if magic == SECTION {
        *format = Format::Pcapng(Order::Little, Vec::new());
        return Some(Ok(Step::Skip(0)));
    }
    let Some(order) = pcap_order(magic) else { return Some(Err("this is no capture")) };
    // Version, zone, accuracy, snap length.
    cursor.bytes(16)?;
    // The upper bits say whether a checksum follows each packet.
    let link = order.u32(cursor)? & 0xffff;
    *format = Format::Pcap(order, link);
    Some(Ok(Step::Skip(24)))
}

fn pcap_packet(
    cursor: &mut Cursor<'_>,
    order: Order,
    link: u32,
) -> Option<Result<Step, &'static str>> {
    cursor.bytes(8)?;
    let length = usize::try_from(order.u32(cursor)?).unwrap_or(usize::MAX);
    order.u32(cursor)?;
    if length > EXPLAIN_BLOCK_BYTES_MAX {
        return Some(Err(TOO_LONG));
    }
    cursor.bytes(length)?;
    Some(Ok(Step::Packet(Packet { link, start: 16, length, end: 16 + length })))
}

/// A block of a pcapng file.
fn block(
    cursor: &mut Cursor<'_>,
    order: &mut Order,
    links: &mut Vec<u32>,
) -> Option<Result<Step, &'static str>> {
    let mut kind = *cursor;
    let kind = kind.array::<4>()?;
    if kind == SECTION {
        let mut ahead = *cursor;
        ahead.bytes(8)?;
        *order = match ahead.array::<4>()? {
            [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
            [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
            _ => return Some(Err("the section header has no byte order")),
        };
        links.clear();
    }
    let kind = order.u32(cursor)?;
    let length = order.u32(cursor)?;
    if length < 12 || length % 4 != 0 {
        return Some(Err("the length of a block is wrong"));
    }
    let is_packet = matches!(kind, INTERFACE | OLD_PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
    if !is_packet {
        return Some(Ok(Step::Skip(u64::from(length))));
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > EXPLAIN_BLOCK_BYTES_MAX {
        return Some(Err(TOO_LONG));
    }
    let mut body = Cursor::new(cursor.bytes(length - 8)?);
    let read = match kind {
        INTERFACE => interface(&mut body, *order, links),
        _ => packet_of(kind, &mut body, *order, links),
    };
    Some(match read {
        Some(Ok(packet)) if packet.length > length.saturating_sub(packet.start) => {
            Err("a packet is longer than its block")
        }
        Some(Ok(packet)) => Ok(Step::Packet(Packet { end: length, ..packet })),
        Some(Err(why)) => Err(why),
        None if kind == INTERFACE => Ok(Step::Skip(length as u64)),
        None => Err("a block is shorter than what it must have"),
    })
}

fn interface(
    body: &mut Cursor<'_>,
    order: Order,
    links: &mut Vec<u32>,
) -> Option<Result<Packet, &'static str>> {
    if links.len() >= EXPLAIN_INTERFACES_MAX {
        return Some(Err("it has too many interfaces"));
    }
    links.push(order.u16(body).map_or(u32::MAX, u32::from));
    None
}

/// The packet in the body of a block, which ends somewhere behind it.
fn packet_of(
    kind: u32,
    body: &mut Cursor<'_>,
    order: Order,
    links: &[u32],
) -> Option<Result<Packet, &'static str>> {
    let number = match kind {
        ENHANCED_PACKET => order.u32(body)?,
        OLD_PACKET => {
            let number = u32::from(order.u16(body)?);
            body.bytes(2)?;
            number
        }
        _ => 0,
    };
    let length = if kind == SIMPLE_PACKET {
        let length = usize::try_from(order.u32(body)?).unwrap_or(usize::MAX);
        // The padding and the length behind it.
        length.min(body.left().saturating_sub(4))
    } else {
        body.bytes(8)?;
        let length = order.u32(body)?;
        order.u32(body)?;
        usize::try_from(length).unwrap_or(usize::MAX)
    };
    let link = usize::try_from(number).ok().and_then(|number| links.get(number));
    let Some(link) = link else { return Some(Err("a packet is of no interface")) };
    Some(Ok(Packet { link: *link, start: 8 + body.taken(), length, end: 0 }))
}

/// The byte order that the first bytes of a pcap file say, in microseconds or nanoseconds.
const fn pcap_order(magic: [u8; 4]) -> Option<Order> {
    match magic {
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => Some(Order::Big),
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => Some(Order::Little),
        _ => None,
    }
}

/// So many of something, which is a word and what it does.
fn plural(number: u64, what: &str) -> String {
    let (word, does) = what.split_once(' ').unwrap_or((what, ""));
    let does = match (number, does.split_once(' ')) {
        (1, _) | (_, None) => does.to_owned(),
        _ => does
            .replace("was ", "were ")
            .replace("belongs ", "belong ")
            .replace("is not", "are not"),
    };
    format!("{} {does}", counted(number, word))
}

/// The type of a section header, the same in both byte orders.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const TOO_LONG: &str = "a packet is longer than any: the capture is damaged";
