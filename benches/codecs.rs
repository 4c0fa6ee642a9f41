//! What does a codec cost beside that which it cannot do without?
//!
//! Unit: time per head, and bytes per second for payloads. Each is measured beside something that
//! does less, in the same process:
//!
//! - a request head beside httparse alone, which finds the tokens for us: as its documentation
//!   calls it, and as we do, without writing into room that no field takes;
//! - an event, a chunk and a frame beside a copy of the same bytes, which nothing that frames them
//!   can do without; an event of one line also beside a copy behind one search for CR and LF, since
//!   neither may pass;
//! - unmasking, in place, beside the same copy;
//! - the check of a text that comes in pieces of 16 KiB beside the standard library's of the whole.
//!
//! Whatever stands in front of a payload, it lies where a page begins and lands half a page from
//! there, for all alike: see `appended`. Other people's codecs, which do as much as ours, are in
//! `benches/peers`.
//!
//! ```text
//! cargo bench --bench codecs
//! cargo bench --bench codecs -- 'request head'
//! cargo bench --bench codecs -- 'payload/.*/4096'
//! cargo bench --bench codecs -- ratios           # the last table alone: some seconds
//! ```
//!
//! criterion measures one after the other. What has a bound is therefore measured once more, beside
//! what bounds it and in turns: the last table tells the median of the ratios of neighbours, the
//! quartiles, and whether they keep to the bound.
//!
//! Where the time went, by `valgrind --tool=callgrind --toggle-collect` around one call, and what
//! became of it (instructions are exact, of slightly other heads, and what they are now stands in
//! `benches/instructions.txt`; ratios are of the least times of one run, on a busy machine):
//!
//! - A head beside httparse cost 1720 instructions against 1098 (curl), 5190 against 4076
//!   (Chromium). A sixth was Host, of which two walks were made, the second to know it to be UTF-8:
//!   whoever wants text now says so. The rest was a chain of comparisons for each line: length and
//!   first letter now rule out all lines but those that frame the message, in one look at a table.
//!   What is rare is out of the way since, so that what is common saves no registers: 1511 and
//!   4741. That is 1.04 to 1.13 of httparse as its documentation calls it, 1.08 for Chromium's and
//!   for forty fields. Without the zeros that httparse writes first it is 1.6 (curl), 1.25 and
//!   1.15: to know a Host to be one, to hand 80 bytes over and to look at the whole costs some 400
//!   instructions, as many as httparse takes for a request line, and a head of three lines has
//!   little to spread them over.
//! - A handshake costs 3998, of which 3210 are httparse's. The others are 19 for each of its 12
//!   lines (8 make sure that it ends in CRLF, which httparse does not; the others rule it out), 130
//!   for Host, 100 to take three lines, and what every head costs. 1.14 of httparse as documented,
//!   1.3 of it without zeros: its lines are short, so that what is paid for each weighs more.
//! - The head of a frame cost 118: a cursor that went through memory. 68 with slices, but of the
//!   time a third was jumps around errors, which now stand behind what is right. 2.5 ns where the
//!   length is short, 3.4 where it takes 2 or 8 bytes, by criterion's least times; 3.9, 5.3 and 5.8
//!   by the medians of the last table, whose loop is longer. It seemed to be 4 to 7: the bench
//!   moved what was parsed, 16 bytes at a time, right behind the narrow stores that had written it.
//! - An event of one line and 4 KiB cost 5618: it was searched for CR, and for LF with the slower
//!   search of the standard library. Now its least byte is found, 64 at a time, which costs 700
//!   beside the 420 of the copy, where one search for both ends of lines takes 1000. All of it is
//!   1400, and 22 of that were saved by looking at an id once, not three times: 0.53 of the speed
//!   of a copy, and as fast as the search and the copy together.
//! - A chunk, and a frame, of 4 KiB take 5 to 7 ns and 3 to 5 ns more than the copy's 52 to 57, by
//!   the least times: 0.88 to 0.92 of its speed, and 1.0 at 64 KiB. While others use the machine
//!   a run may say 0.7.
//! - To undo a chunk of 4 KiB took 1136: what kind of byte frames it was found by a chain of
//!   comparisons. A table says so now: 995, which is 18 less for each of 8 bytes.
//! - A byte of JSON cost 9, one by one in a table of escapes. Runs that need none are now found 16
//!   bytes at a time and copied: 64 bytes in an object cost 1059, not 2355, and 4 KiB in 64 lines,
//!   each with an escape, 22,385, not 37,917.
//! - A text in pieces was checked by whoever kept it, behind two copies; by itself the check takes
//!   4 ns more for each piece than the standard library's, which takes 9 to 13 more to begin again:
//!   0.95 to 0.98 of its speed where both run alike. They need not: its loop does 16 bytes of ASCII
//!   in one cycle or in two, by where the linker has put it, and a run may show 0.5 as well as 2.
//! - A copy itself takes 60 ns or 1.4 µs for 4 KiB, by where its two ends lie: see `appended`.
#![allow(missing_docs, reason = "criterion's macros define items without")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run must stop")]
#![allow(clippy::print_stdout, reason = "criterion has no table of ratios")]

#[path = "codecs/beside.rs"]
mod beside;
#[path = "codecs/heads.rs"]
mod heads;

use std::hint::black_box;
use std::iter;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use httparse::Status;
use memchr::memchr2;
use pushscope::wire::chunked;
use pushscope::wire::cursor::Parse;
use pushscope::wire::event_stream;
use pushscope::wire::head::{self, Scan};
use pushscope::wire::utf8::Checker;
use pushscope::wire::ws_frame::{self, FrameHead, Opcode, Role};

use beside::{alone, beside};
use heads::{CHROMIUM, CURL, HANDSHAKE};

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("request head");
    let forty = forty_fields();
    for (name, bytes) in REQUESTS.iter().chain([&("forty fields", forty.as_str())]) {
        let bytes = bytes.as_bytes();
        group.bench_function(BenchmarkId::new("httparse alone", name), |b| {
            b.iter(|| httparse_as_documented(bytes));
        });
        group.bench_function(BenchmarkId::new("httparse alone, unwritten room", name), |b| {
            b.iter(|| httparse_in_unwritten_room(bytes));
        });
        group.bench_function(BenchmarkId::new("ours", name), |b| b.iter(|| ours(bytes)));
    }
    group.finish();
}

fn httparse_as_documented(bytes: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(black_box(bytes));
    assert!(matches!(parsed, Ok(Status::Complete(_))));
    black_box(&request);
}

/// As we call it: nothing is written into room that no field takes.
fn httparse_in_unwritten_room(bytes: &[u8]) {
    let mut room = head::room();
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(black_box(bytes), &mut room);
    assert!(matches!(parsed, Ok(Status::Complete(_))));
    black_box(&request);
}

fn ours(bytes: &[u8]) {
    let mut room = head::room();
    let parsed = head::parse(black_box(bytes), &mut Scan::default(), &mut room);
    assert!(matches!(parsed, Ok(Parse::Complete(..))));
    black_box(&parsed);
}

fn frame_heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame head");
    for (from, masking_key) in [(Role::Client, Some([1, 2, 3, 4])), (Role::Server, None)] {
        for length in [16, 4 * 1024, 64 * 1024] {
            let bytes = frame_head(masking_key, length);
            let name = if from == Role::Client { "parse, masked" } else { "parse" };
            group.bench_function(BenchmarkId::new(name, length), |b| {
                b.iter(|| parse_frame_head(&bytes, from));
            });
        }
    }
    group.finish();
}

fn frame_head(masking_key: Option<[u8; 4]>, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = FrameHead { fin: true, opcode: Opcode::Text, masking_key, length };
    ws_frame::encode(head, &mut bytes);
    let from = if masking_key.is_some() { Role::Client } else { Role::Server };
    assert!(matches!(ws_frame::parse(&bytes, from), Ok(Parse::Complete(..))));
    bytes
}

fn parse_frame_head(bytes: &[u8], from: Role) {
    // Looked at where it lies: to copy it, all at once, what was written part by part, takes as
    // long as to parse.
    let parsed = ws_frame::parse(black_box(bytes), from);
    black_box(&parsed);
}

fn payloads(c: &mut Criterion) {
    let mut group = c.benchmark_group("payload");
    for size in [64, 4 * 1024, 64 * 1024] {
        group.throughput(Throughput::Bytes(size as u64));
        let line = Placed::of(&"x".repeat(size));
        let lines = Placed::of(&format!("{}\n", "x".repeat(63)).repeat(size / 64));
        let mut add = |name: &str, payload: &Placed, append: Append| {
            let mut appends = appends(payload, append);
            group.bench_function(BenchmarkId::new(name, size), |b| b.iter(&mut appends));
        };
        add("copy", &line, copy);
        // What nobody can do without who must not let a line end pass.
        add("search for CR and LF, and copy", &line, |payload, into| {
            assert_eq!(memchr2(b'\r', b'\n', payload.as_bytes()), None);
            copy(payload, into);
        });
        add("event stream, one line", &line, event);
        add("event stream, lines of 64", &lines, event);
        add("chunk", &line, chunk);
        add("frame", &line, |payload, into| {
            ws_frame::encode_frame(Opcode::Text, payload.as_bytes(), into);
        });
        let mut payload = line.text().to_owned().into_bytes();
        group.bench_function(BenchmarkId::new("unmask", size), |b| {
            b.iter(|| ws_frame::mask(black_box(&mut payload), black_box([1, 2, 3, 4]), 0));
        });
    }
    group.finish();
}

/// What makes bytes of a payload, behind others.
type Append = fn(&str, &mut Vec<u8>);

fn copy(payload: &str, into: &mut Vec<u8>) {
    into.extend_from_slice(payload.as_bytes());
}

fn event(payload: &str, into: &mut Vec<u8>) {
    event_stream::encode(Some(ID), None, payload, into).unwrap();
}

fn chunk(payload: &str, into: &mut Vec<u8>) {
    chunked::encode(payload.as_bytes(), into);
}

/// Appends a payload to a buffer that never grows, each time that it is called.
///
/// Whatever stands in front of it, the payload lands half a page from where it lies: where the low
/// bits of both addresses nearly agree, a processor that takes a load for one of the stores before
/// it copies ten times slower, and the allocator would decide the bench.
fn appends(payload: &Placed, append: Append) -> impl FnMut() {
    let mut tried = Vec::new();
    append(payload.text(), &mut tried);
    let in_front = tried.iter().position(|&byte| byte == b'x').unwrap();
    let mut into: Vec<u8> = Vec::with_capacity(tried.len() + 2 * PAGE_BYTES);
    let before = into.as_ptr().align_offset(PAGE_BYTES) + PAGE_BYTES / 2 - in_front;
    into.resize(before, 0);
    move || {
        into.truncate(before);
        append(black_box(payload.text()), &mut into);
        black_box(&into);
    }
}

/// A text that begins where a page does.
struct Placed {
    padded: String,
    from: usize,
}

impl Placed {
    fn of(text: &str) -> Self {
        let mut padded = String::with_capacity(text.len() + PAGE_BYTES);
        let from = padded.as_ptr().align_offset(PAGE_BYTES);
        padded.extend(iter::repeat_n(' ', from));
        padded.push_str(text);
        Self { padded, from }
    }

    fn text(&self) -> &str {
        &self.padded[self.from..]
    }
}

fn texts(c: &mut Criterion) {
    let mut group = c.benchmark_group("text");
    for (name, word) in WORDS {
        let text = word.repeat(TEXT_BYTES / word.len());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("the standard library, whole", name), |b| {
            b.iter(|| check_whole(&text));
        });
        group.bench_function(BenchmarkId::new("ours, in pieces", name), |b| {
            b.iter(|| check_in_pieces(&text));
        });
    }
    group.finish();
}

fn check_whole(text: &str) {
    assert!(str::from_utf8(black_box(text.as_bytes())).is_ok());
}

fn check_in_pieces(text: &str) {
    let mut checker = Checker::default();
    let mut pieces = black_box(text.as_bytes()).chunks(READ_BYTES);
    assert!(pieces.all(|piece| checker.receive(piece).is_ok()) && checker.is_whole());
}

/// What is bounded, beside what bounds it: in turns, since criterion measures one after the other.
fn verdicts() {
    for (name, bytes) in REQUESTS {
        let bytes = bytes.as_bytes();
        let mut ours = || ours(bytes);
        beside(&format!("head, {name}: httparse"), 1.15, &mut ours, || {
            httparse_as_documented(bytes);
        });
        beside(&format!("head, {name}: httparse, unwritten room"), 1.15, &mut ours, || {
            httparse_in_unwritten_room(bytes);
        });
    }
    let line = Placed::of(&"x".repeat(4 * 1024));
    beside("event, 4 KiB: copy", 1.0 / 0.5, appends(&line, event), appends(&line, copy));
    beside("chunk, 4 KiB: copy", 1.0 / 0.9, appends(&line, chunk), appends(&line, copy));
    let long = Placed::of(&"x".repeat(TEXT_BYTES));
    let mut payload = long.text().to_owned().into_bytes();
    let unmask = || ws_frame::mask(black_box(&mut payload), black_box([1, 2, 3, 4]), 0);
    beside("unmask, 64 KiB: copy", 1.0 / 0.8, unmask, appends(&long, copy));
    for (name, word) in WORDS {
        let text = word.repeat(TEXT_BYTES / word.len());
        let question = format!("UTF-8 in pieces, {name}: whole");
        beside(&question, 1.0 / 0.9, || check_in_pieces(&text), || check_whole(&text));
    }
    for length in [16, 4 * 1024, 64 * 1024] {
        let bytes = frame_head(Some([1, 2, 3, 4]), length);
        alone(&format!("frame head, {length} B"), 5.0, || parse_frame_head(&bytes, Role::Client));
    }
}

fn forty_fields() -> String {
    let fields: String =
        (0..39).map(|at| format!("X-Field-{at}: value of field {at}\r\n")).collect();
    format!("GET /c/news/poll HTTP/1.1\r\nHost: localhost:7777\r\n{fields}\r\n")
}

/// What one read brings.
const READ_BYTES: usize = 16 * 1024;
const PAGE_BYTES: usize = 4 * 1024;
const TEXT_BYTES: usize = 64 * 1024;
const WORDS: [(&str, &str); 2] = [("ASCII", "push"), ("mixed", "aé€b ")];
const REQUESTS: [(&str, &str); 3] =
    [("curl", CURL), ("chromium", CHROMIUM), ("handshake", HANDSHAKE)];
const ID: &str = "1763712345678-1";

criterion_group!(benches, heads, frame_heads, payloads, texts);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    verdicts();
}
