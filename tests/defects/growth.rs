//! What grows, and by what: by what has come and is of use, and by nothing that is only announced.

use pushscope::id::Kind;
use pushscope::limits::{self, Limits};
use pushscope::wire::cursor::Parse;
use pushscope::wire::head::{self, Scan};
use pushscope::wire::ws_frame::Role;
use pushscope::wire::ws_message::{Assembler, MessageError};

use crate::support::{Client, Dress, World, frames, masked, request};

/// While a head comes byte by byte, what was looked at once is not looked at again, but for the
/// line that has just ended: whatever stands there is not noticed.
#[test]
fn a_byte_of_an_unfinished_head_is_looked_at_once() {
    let field = "X-Long: y\r\n".repeat(40) + &format!("Cookie: {}\r\n", "z".repeat(8_000));
    let bytes = format!("GET /c/n/sse?{} HTTP/1.1\r\nHost: h\r\n{field}\r\n", "q".repeat(4_000));
    let bytes = bytes.as_bytes();
    let mut scan = Scan::default();
    let (mut seen, mut visits, mut line) = (Vec::new(), 0, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        seen.push(byte);
        // What is to be looked at now: the line that ends here, or the last bytes of one.
        let from = if byte == b'\n' { line } else { at.saturating_sub(VERSION_BYTES).max(line) };
        let mut room = head::room();
        if at + 1 == bytes.len() {
            assert!(matches!(head::parse(bytes, &mut scan, &mut room), Ok(Parse::Complete(..))));
            break;
        }
        seen[from..].copy_from_slice(&bytes[from..=at]);
        let parsed = head::parse(&seen, &mut scan, &mut room);
        assert_eq!(parsed.map(|_| ()), Ok(()), "byte {at} was looked at again");
        // An end of a line is wrong in all these places, and what a search would stop at.
        seen.fill(b'\n');
        visits += if byte == b'\n' { at + 1 - line } else { 1 };
        line = if byte == b'\n' { at + 1 } else { line };
    }
    assert!(visits <= 2 * bytes.len(), "{visits} visits of {} bytes", bytes.len());
}

/// Nothing is kept for a fragment but its content, and there are only so many.
#[test]
fn a_hundred_thousand_fragments_are_refused_and_keep_nothing() {
    let mut assembler = Assembler::new(Role::Client);
    let first = masked(0x02, b"");
    assert!(assembler.receive(&first, &Limits::default()).is_ok());
    let (empty, mut taken) = (masked(0x00, b""), 1);
    let error = loop {
        match assembler.receive(&empty, &Limits::default()) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(assembler.heap_bytes() < 256, "{} bytes", assembler.heap_bytes());
        assert!(taken < 100_000);
    };
    assert_eq!((error, taken), (MessageError::FragmentsTooMany, limits::FRAGMENTS_MAX));
    assert_eq!(assembler.heap_bytes(), 0, "who has failed keeps nothing");

    let mut world = World::new();
    let client = Client::open(&mut world, Kind::WebSocket, "n", "latest");
    let said = world.said(&client.name).len();
    world.tell(&client.name, [first, empty.repeat(100_000)].concat());
    let told = frames(&world.said(&client.name)[said..]);
    assert_eq!(told, [(0x88, [&1008_u16.to_be_bytes()[..], b"fragments_too_many"].concat())]);
}

/// Who announces as much as it may, and says a byte of it, holds no more than others.
#[test]
fn what_is_announced_takes_no_memory() {
    let long = limits::MESSAGE_BYTES_MAX;
    let post = "POST /c/n HTTP/1.1\r\nHost: h\r\n";
    let mut frame = vec![0x82, 0x80 | 127];
    frame.extend_from_slice(&(long as u64).to_be_bytes());
    frame.extend_from_slice(b"\x01\x02\x03\x04x");
    for (what, opening, said) in [
        ("a length", String::new(), format!("{post}Content-Length: {long}\r\n\r\nx").into_bytes()),
        (
            "a chunk",
            String::new(),
            format!("{post}Transfer-Encoding: chunked\r\n\r\n{long:x}\r\nx").into_bytes(),
        ),
        ("a frame", request(Kind::WebSocket, "/c/n/ws"), frame),
    ] {
        let mut world = World::new();
        world.tell("a", opening);
        world.tell("a", said);
        let held = world.conn("a").expect("it is awaited").held_bytes();
        assert!(held < 2_048, "{what}: {held} bytes are held");
    }
}

/// Who pings and does not read is not read any more: its pongs have a bound, and so have the
/// pieces that they are.
#[test]
fn pongs_that_nobody_reads_have_a_bound() {
    for (payload, kind) in [(0, 0x89), (1, 0x89), (125, 0x89), (0, 0x8a)] {
        let mut world = World::new();
        let client = Client::open(&mut world, Kind::WebSocket, "n", "latest");
        world.narrow(&client.name, 0);
        let pings = masked(kind, &vec![b'p'; payload]).repeat(1_000);
        for _ in 0..100 {
            world.tell(&client.name, &pings);
        }
        let conn = world.conn(&client.name).expect("it has time to read");
        let bound = (limits::QUEUE_BYTES_PAUSE + 2 * limits::READ_BUFFER_BYTES) as u64;
        assert!(conn.queue.bytes() <= bound, "{payload}: {} bytes", conn.queue.bytes());
        assert!(conn.held_bytes() <= 2 * bound, "{payload}: {} held", conn.held_bytes());
        assert_eq!(world.is_unread(&client.name), kind == 0x89, "{payload}");
        world.advance(limits::STALL_US_MAX);
        assert_eq!(world.conn(&client.name).is_none(), kind == 0x89, "its reader does not read");
    }
}

/// Messages that carry next to nothing are memory, too: what is queued is bounded by what it
/// takes, and not by its bytes on the wire alone.
#[test]
fn messages_of_no_bytes_that_nobody_reads_have_a_bound() {
    let limits = Limits {
        queue_bytes_max: 16 * 1024,
        message_bytes_max: 1024,
        queue_soft_bytes: 8 * 1024,
        ..Limits::default()
    };
    let mut world = World::with(limits);
    let slow = Client::dressed(&mut world, Kind::WebSocket, "n", "latest", Dress::Bare);
    world.narrow(&slow.name, 0);
    let (mut held, mut published) = (0, 0);
    while world.subscribers("n") == 1 {
        world.publish("n", "");
        published += 1;
        assert!(published <= limits.queue_bytes_max, "the queue has no bound");
        held = world.conn(&slow.name).map_or(held, |conn| conn.held_bytes().max(held));
    }
    let bound = 2 * limits.queue_bytes_max as u64;
    assert!(held <= bound, "{held} bytes are held of {published} messages");
}

/// The end of a request line, which is looked at as a whole.
const VERSION_BYTES: usize = 10;
