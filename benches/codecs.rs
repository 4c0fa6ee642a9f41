//! What does a codec cost by itself?
//!
//! Unit: time per head, and bytes per second for frames. Heads are compared with httparse alone,
//! which does the tokens for us; unmasking is compared with a copy of the same bytes.
//!
//! ```text
//! cargo bench --bench codecs
//! ```
#![allow(missing_docs, reason = "criterion's macros define items without")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot run must stop")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pushscope::wire::event_stream;
use pushscope::wire::head::{self, Scan};
use pushscope::wire::ws_frame;

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("request head");
    for (name, bytes) in [("curl", CURL), ("browser", BROWSER)] {
        group.bench_function(BenchmarkId::new("httparse alone", name), |b| {
            b.iter(|| {
                let mut fields = [httparse::EMPTY_HEADER; 16];
                let mut request = httparse::Request::new(&mut fields);
                black_box(request.parse(black_box(bytes.as_bytes())).unwrap());
            });
        });
        group.bench_function(BenchmarkId::new("ours", name), |b| {
            b.iter(|| {
                let mut room = head::room();
                let parsed =
                    head::parse(black_box(bytes.as_bytes()), &mut Scan::default(), &mut room);
                black_box(parsed.is_ok())
            });
        });
    }
    group.finish();
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("payload");
    for size in [64, 4 * 1024, 64 * 1024] {
        group.throughput(Throughput::Bytes(size as u64));
        let text = "x".repeat(size);
        let mut payload = text.clone().into_bytes();
        let mut into = Vec::with_capacity(2 * size + 64);
        group.bench_function(BenchmarkId::new("copy", size), |b| {
            b.iter(|| {
                into.clear();
                into.extend_from_slice(black_box(text.as_bytes()));
                black_box(&into);
            });
        });
        group.bench_function(BenchmarkId::new("unmask", size), |b| {
            b.iter(|| ws_frame::mask(black_box(&mut payload), [1, 2, 3, 4], 0));
        });
        group.bench_function(BenchmarkId::new("event stream", size), |b| {
            b.iter(|| {
                into.clear();
                let id = Some("1763712345678-1");
                black_box(event_stream::encode(id, None, black_box(&text), &mut into)).unwrap();
            });
        });
    }
    group.finish();
}

const CURL: &str = "GET /healthz HTTP/1.1\r\nHost: localhost:7777\r\nUser-Agent: curl/8.5.0\r\n\
                    Accept: */*\r\n\r\n";
const BROWSER: &str = "GET /c/10086/sse?since=1763712345678-1 HTTP/1.1\r\n\
    Host: localhost:7777\r\nConnection: keep-alive\r\nCache-Control: no-cache\r\n\
    sec-ch-ua: \"Chromium\";v=\"156\", \"Not A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Accept: text/event-stream\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Dest: empty\r\nReferer: http://localhost:7777/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n";

criterion_group!(benches, heads, frames);
criterion_main!(benches);
