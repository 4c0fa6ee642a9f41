//! # pushscope
//!
//! Every way a server can push to a browser or a device, on one hand-written reactor, without a
//! framework and without an async runtime. Read [`mech::sse`] and [`mech::websocket`] side by side
//! first: each mechanism is one file in one mould.
//!
//! ## The path of a byte
//!
//! ```text
//!   kernel                                                                  kernel
//!     │ read                                                 writev, once a turn ▲
//!     ▼                                                                        │
//!   reactor ── token ──▶ engine ──▶ conn ──▶ wire parser ──▶ mechanism       queue ◀─┐
//!                          ▲                (borrowed view)    │ acts          ▲      │
//!                          │                                   ▼               │      │
//!                          └───────────────── settle ◀──── Subscribe,        head     │
//!                                               │           Publish, Done     answer  │
//!                                               ▼                                     │
//!                                     hub: log gives the offset ──▶ deliver ──▶ frames┘
//!                                          dense list of subscribers   (encoded once)
//! ```
//!
//! A turn of the loop is: poll, accept, receive, tick, settle, flush, sweep. What is published in
//! a turn is handed over at its end, a batch per channel, so that sixteen messages cost a
//! subscriber one piece of output and one system call.
//!
//! A server has such a loop for each core, each on a thread of its own with its own listener, slab
//! and hub. What they share is [`order`]: who publishes takes the message's place in its log there,
//! under a lock that no delivery needs, and every loop is told in the same order. What is asked of
//! all of them is on the [`board`], where each adds its part in a turn of its own.
//!
//! ## The order of files
//!
//! A file uses only what stands below it; `tests/tidy.rs` reads this list and checks every `use`.
//!
//! ```text
//! outside: these alone may name sockets, threads or a clock
//!   lab         the experiment: starts a server, drives real sockets, reads ledger and kernel
//!   client      blocking client, on the same codecs
//!   reactor     mio's poll, tokens, the fixed turn
//!   listener    listening sockets, accept, descriptor exhaustion
//!   keyring     tokens, in words and in files
//!   sys         calls without a safe interface: the only unsafe code
//! the house: driven by a test, a fuzzer or a simulator as well as by the reactor
//!   fuzz        bodies of the fuzz targets
//!   engine      slab of connections: open, receive, tick, settle, gather, sent, sweep
//!   conn        one connection: head, body, mechanism, lingering
//!   metrics     a statement of account as Prometheus reads it
//!   statement   the shape in which the ledger is read
//!   board       what only all loops together can answer, and what they have answered
//!   api         what is answered at once: publishing, asking, counting
//!   envelopes   one message as every mechanism sends it, dissected
//!   access      who may do what
//!   route       what stands at an address
//!   site        the pages
//!   origin      whose pages may connect
//!   host        by which names the server may be called
//!   inspect     what the inspector sees of live connections, while somebody looks
//!   explain     a file, a dump or a capture, told to people: text, JSON, a page
//!   dissect     what each byte of a conversation is for, said by the codecs that serve
//! mechanisms
//!   mech        the closed list of them, and CARDS
//!   mould       the trait, the card, what a mechanism is given and what it leaves
//! shared state without protocol
//!   answer      how one peer is answered
//!   ledger      accounts by owner, receipts by message, and the runs that time is booked by
//!   fault       the reason table, and how often each reason was given
//!   hub         channels, dense lists of subscribers
//!   order       one order of messages for several loops, and how they are told
//!   history     one bounded log, replay after a cursor
//!   slow        what becomes of a reader that does not keep up
//!   queue       output of one connection
//!   timer       deadlines
//!   commons     what several loops count together
//!   alike       what many have alike, there once
//!   admission   whom the listener lets in, and what an address may
//!   received    what clients said where nobody publishes it
//! wire: pure codecs
//!   wire        head, body, chunked, event_stream, ws_frame, ws_message, json, …
//! words
//!   frame event cost limits id clock prose
//! ```
//!
//! ## Invariants
//!
//! - Time and bytes are arguments: nothing below *outside* knows a socket. The ledger is handed its
//!   clocks as functions; tests hand it some that stand still.
//! - `brought + made = taken + queued + dropped` and `received = parsed + waiting` for every
//!   connection, after every call; the ledger's rows add up to the same.
//! - One log, one cursor: `<epoch>-<offset>` is the same in every mechanism; what a log no longer
//!   has is announced with its count.
//! - Every loop has every message, in one order, and has it before its publisher has its id; but
//!   for a channel for which it has no room.
//! - A message is encoded at most once per encoding, batch and loop, and shared by reference count.
//! - Every state of a connection has a deadline, and every queue a bound in [`limits`].
//! - A request that needs a token is refused before its content is read; of a token nothing but a
//!   digest is kept.
//! - Nothing an outsider sends reaches `unwrap`, an index, or a narrowing cast.
//!
//! ## What is deliberately absent
//!
//! HTTP/2 and HTTP/3, TLS, compression, authentication of users, clustering, a durable log.

pub mod access;
pub mod admission;
pub mod alike;
pub mod answer;
pub mod api;
pub mod board;
pub mod client;
pub mod clock;
pub mod commons;
pub mod conn;
pub mod cost;
pub mod dissect;
pub mod engine;
pub mod envelopes;
pub mod event;
pub mod explain;
pub mod fault;
pub mod frame;
#[doc(hidden)]
pub mod fuzz;
pub mod history;
pub mod host;
pub mod hub;
pub mod id;
pub mod inspect;
pub mod keyring;
pub mod lab;
pub mod ledger;
pub mod limits;
pub mod listener;
pub mod mech;
pub mod metrics;
pub mod order;
pub mod origin;
pub mod prose;
pub mod queue;
pub mod reactor;
pub mod received;
pub mod route;
pub mod site;
pub mod slow;
pub mod statement;
pub mod sys;
pub mod timer;
pub mod wire;
