//! Every bound of the server, with its unit, its reason and what trusted servers do.
//!
//! Constants hold for every server; [`Limits`] are those that a flag may set, and begin as the
//! constants of the same name, or without one as 0: no bound of their own. The unit stands in each
//! name: bytes, microseconds, or a count.

mod settings;

pub use settings::{Limits, Measure, SETTINGS, Setting};

use crate::clock::SECOND_US;

/// A bound that no flag sets: a line of `pushscope serve --print-limits`.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The constant's name, unit last.
    pub name: &'static str,
    /// Its value, in the unit that the name ends with.
    pub value: u64,
}

/// Bytes of a request head: cookies fit, and 20,000 heads are 312 MiB. Beyond: 431.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a request target: RFC 9112 §3 asks for at least 8,000. Beyond: 414.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;
/// Field lines of a head: a fixed array, no allocation (hyper, h2o and HAProxy agree). Beyond: 431.
pub const FIELDS_MAX: usize = 100;
/// Empty lines before a request line: some clients send one behind the content before.
pub const EMPTY_LINES_MAX: usize = 2;
/// Bytes of a method; the longest registered one (RFC 9110 §16.1.1), `UPDATEREDIRECTREF`, has 17.
pub const METHOD_BYTES_MAX: usize = 24;
/// Segments of a path: the deepest address has three. Beyond: 404.
pub const SEGMENTS_MAX: usize = 4;
/// Hexadecimal digits of a chunk size: 15 are 60 bits, which no sum of them overflows. Beyond: 400.
pub const CHUNK_SIZE_DIGITS_MAX: usize = 15;
/// Bytes of a message, published or received: 413, or 1009, at the announcement.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Needless bytes of the chunks of one body - leading zeros, white space, extensions - before 400:
/// honest sizes are no overhead, or 1 MiB in chunks of 64 bytes would be refused.
pub const CHUNK_OVERHEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a trailer section, which is read and dropped. Beyond: 431.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// Field lines of a trailer section. Beyond: 431.
pub const TRAILER_FIELDS_MAX: usize = 32;
/// Bytes of a channel's name.
pub const CHANNEL_BYTES_MAX: usize = 255;
/// Bytes of an event type: it is a word, not a text.
pub const EVENT_NAME_BYTES_MAX: usize = 255;
/// Parameters of a query that are looked at. Beyond: 400.
pub const QUERY_PAIRS_MAX: usize = 64;

/// Time for a whole request head, from accept or from its first byte (h2o 10 s). Beyond: 408.
/// An inactivity timer would not stop one byte every 50 ms.
pub const HEAD_US_MAX: u64 = 10 * SECOND_US;
/// Time between two reads of a body. Beyond: 408.
pub const BODY_PAUSE_US_MAX: u64 = 10 * SECOND_US;
/// Bytes a second that a body must bring once [`BODY_PAUSE_US_MAX`] has passed. Slower: 408.
pub const BODY_BYTES_PER_S_MIN: usize = 4 * 1024;
/// Time that a kept-alive connection may stay silent (nginx 75 s).
pub const KEEP_ALIVE_US_MAX: u64 = 60 * SECOND_US;
/// Bytes that a refused peer may still send, dropped unread (RFC 9112 §9.6).
pub const LINGER_BYTES_MAX: u64 = 1024 * 1024;
/// Time for which they are dropped.
pub const LINGER_US_MAX: u64 = 2 * SECOND_US;
/// Time in which queued bytes must make some progress (NATS 10 s, EMQX 15 s). Beyond: closed.
pub const STALL_US_MAX: u64 = 15 * SECOND_US;
/// Bytes queued for one connection that make a slow reader of it at once (Centrifugo 1 MiB, Redis
/// 32 MB): no message is added beyond.
pub const QUEUE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes queued for one connection that make a slow reader of it after [`QUEUE_SOFT_US_MAX`].
pub const QUEUE_SOFT_BYTES: usize = 256 * 1024;
/// Time for which so much may be queued (Redis 60 s, for 8 MB).
pub const QUEUE_SOFT_US_MAX: u64 = 10 * SECOND_US;
/// Bytes queued for all connections: the bound of one, times 20,000, is 20 GiB. Beyond, the longest
/// queue is closed (Redis `maxmemory-clients`).
pub const QUEUE_ALL_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Bytes queued for the one who was just read from that leave at once, in the cache as they are;
/// less waits for the end of the turn, and leaves with what else it brings.
pub const QUEUE_BYTES_WARM: usize = 8 * 1024;
/// Bytes queued beyond which a connection is not read: 30,000 unread requests must cost nothing.
pub const QUEUE_BYTES_PAUSE: usize = 64 * 1024;
/// Bytes of later requests kept behind a parked one before the connection is not read.
pub const PIPELINE_BYTES_MAX: usize = 64 * 1024;
/// Bytes that a peer may send on a one-way stream, where they mean nothing, before it is closed.
pub const STREAM_INPUT_BYTES_MAX: usize = 64 * 1024;

/// Time for which a long poll is parked: below the 30 s of idle proxies.
pub const PARK_US: u64 = 25 * SECOND_US;
/// The longest park that `?timeout=` may ask for.
pub const PARK_US_MAX: u64 = 120 * SECOND_US;
/// Silence of an SSE, iframe or XHR stream before a heartbeat (WHATWG: about 15 s).
pub const HEARTBEAT_US: u64 = 15 * SECOND_US;
/// Deadlines of heartbeats are rounded down to this, so that thousands share one wake-up.
pub const HEARTBEAT_GRAIN_US: u64 = SECOND_US;
/// Silence of a WebSocket before a ping (socket.io, Centrifugo 25 s): under 60 s of proxies.
pub const PING_US: u64 = 25 * SECOND_US;
/// Time for an answer to a ping, from the first that has none: two of them may stay unanswered.
pub const PONG_US_MAX: u64 = 2 * PING_US;
/// Time for the peer's half of a closing handshake.
pub const CLOSE_US_MAX: u64 = 2 * SECOND_US;
/// Fragments of one WebSocket message: an empty one costs CPU and carries nothing. Beyond: 1008.
pub const FRAGMENTS_MAX: usize = 4_096;
/// The reconnection time that SSE announces when the server drains.
pub const RETRY_MS: u64 = 3_000;
/// `Retry-After` of a 503.
pub const RETRY_AFTER_S: u64 = 3;
/// Time in which an order's stream must see data before the server ends it.
pub const ORDER_US: u64 = 3 * SECOND_US;
/// How far back an order's stream looks when it opens: its client may be between two connections.
pub const ORDER_RESUME_US: u64 = 3 * SECOND_US;
/// Bytes of padding before an iframe or XHR stream: browsers hold back about 1 KiB to sniff.
pub const PADDING_BYTES: usize = 2 * 1024;

/// Messages kept per channel.
pub const HISTORY_MESSAGES_MAX: usize = 256;
/// Payload bytes kept per channel; the newest message is kept whatever its size.
pub const HISTORY_BYTES_MAX: usize = 1024 * 1024;
/// Age of a kept message.
pub const HISTORY_US_MAX: u64 = 3_600 * SECOND_US;
/// Payload bytes kept in all channels; beyond, the longest idle channel forgets first.
pub const HISTORY_ALL_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Channels. Beyond: the longest idle one without subscribers is forgotten, else 503.
pub const CHANNELS_MAX: usize = 100_000;
/// Time after which a channel that was only ever named is forgotten.
pub const CHANNEL_IDLE_US: u64 = 60 * SECOND_US;
/// Where there is too much, one in so many parts gives way at once - channels, messages in all
/// channels, bytes in all queues: the search for them is paid once.
pub const ROOM_PARTS: usize = 16;
/// Messages of a channel that may wait for the end of a turn, to leave together.
pub const PENDING_MAX: usize = 64;
/// Bytes of a message that does not wait for the end of a turn.
pub const PENDING_BYTES_MAX: usize = 256 * 1024;
/// Connections whose bytes the inspector takes down.
pub const LENS_CONNECTIONS_MAX: usize = 256;
/// Bytes that it takes down in a turn: dissecting them takes the loop's time.
pub const LENS_BYTES_PER_TURN: usize = 512 * 1024;
/// Units that it tells in a turn: some are of a few bytes, and each is told in a thousand.
pub const LENS_UNITS_PER_TURN: usize = 512;
/// Bytes of a layer that it shows.
pub const LENS_UNIT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a unit that it shows of a viewer's own connection, which carries what is shown.
pub const LENS_OWN_BYTES_MAX: usize = 256;
/// Units of viewers' own connections that it keeps until the next time they are told.
pub const LENS_OWN_UNITS_MAX: usize = 16;
/// How often they are told, in microseconds.
pub const LENS_OWN_US: u64 = SECOND_US;
/// Bytes of a message that is shown in all its envelopes, to anybody: it takes the loop's time.
/// Beyond: 403.
pub const ENVELOPES_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a dissected unit that are kept until it is whole: of more, a part is told.
pub const DISSECT_UNIT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of an event, a line or a JSON text that are kept until it is whole: our longest message,
/// and what wraps it. What is longer is told as it comes.
pub const DISSECT_CARRIED_BYTES_MAX: usize = MESSAGE_BYTES_MAX + 64 * 1024;
/// Requests without an answer that a dissector remembers.
pub const DISSECT_ASKED_MAX: usize = 1024;
/// Bytes that are explained at once: the units in them, at most half as many, are kept until told.
pub const EXPLAIN_SLICE_BYTES: usize = 4 * 1024;
/// Bytes by which it is guessed what a file or one side of a connection is.
pub const EXPLAIN_GUESS_BYTES: usize = 512;
/// Bytes of a recording, which is read at once: the inspector's own are far smaller.
pub const EXPLAIN_RECORDING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a line that may be a row of a hex dump; longer ones are read without an offset.
pub const EXPLAIN_HEX_LINE_BYTES_MAX: usize = 4 * 1024;
/// Bytes that a star in a hex dump may stand for.
pub const EXPLAIN_HEX_REPEAT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of a captured packet; tcpdump keeps at most 262,144 of each.
pub const EXPLAIN_BLOCK_BYTES_MAX: usize = 512 * 1024;
/// Interfaces that a capture may be of.
pub const EXPLAIN_INTERFACES_MAX: usize = 1024;
/// Connections of a capture that are kept apart at a time, those included that are over.
pub const EXPLAIN_CONNECTIONS_MAX: usize = 4096;
/// Bytes of one direction that wait for one that is missing in front of them.
pub const EXPLAIN_AHEAD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of all connections that wait for their turn.
pub const EXPLAIN_HELD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes that keeping a piece takes besides its own.
pub const EXPLAIN_PIECE_BYTES: usize = 96;
/// Bytes of a page that explains: of more, browsers become slow.
pub const EXPLAIN_PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Time, in microseconds per open connection, for which the kernel is not asked about all of them
/// again: asking takes 4 µs for each, so it is at most a tenth of the loop's time.
pub const WITNESS_US_EACH: u64 = 40;
/// Connections about which the kernel may be asked at once: it takes 1 ms.
pub const WITNESS_FEW: usize = 256;
/// Hand-overs whose receipts are kept: 1 KiB each.
pub const RECEIPTS_MAX: usize = 512;
/// Messages by mechanism that are told apart from their hand-over, on all receipts: 128 bytes each.
/// Beyond, the oldest receipts give way.
pub const RECEIPTS_APART_MAX: usize = 16 * 1024;
/// Messages of one poll's answer whose receipts are looked for, newest first.
pub const RECEIPTS_PER_ANSWER: usize = 64;
/// Receipts that one run may work for, or its time would be spread over more than it is worth.
pub const RECEIPTS_TOUCHED_MAX: usize = 4 * RECEIPTS_MAX;
/// Snapshots of the ledger that are kept to be subtracted: 30 KiB each, more with long delays.
pub const SNAPSHOTS_MAX: usize = 16;
/// Time that the loop spends, in nanoseconds, before it asks the CPU clock, which costs half a
/// microsecond: one part in two thousand.
pub const METER_NS: u64 = 1_000_000;
/// Received texts kept for `/received/{id}`.
pub const RECEIVED_MAX: usize = 256;
/// Bytes of one received text that are kept.
pub const RECEIVED_BYTES_MAX: usize = 1024;

/// Bytes of a token: fewer are guessed.
pub const TOKEN_BYTES_MIN: usize = 8;
/// Bytes of a token: more than any generator makes.
pub const TOKEN_BYTES_MAX: usize = 512;
/// Tokens that let do the same: all are compared with the one that a request shows, in 20 µs.
pub const TOKENS_MAX: usize = 1024;
/// Bytes of a file of tokens, which is read at once.
pub const TOKEN_FILE_BYTES_MAX: usize = 1024 * 1024;

/// Connections accepted in one turn: a storm of them must not stop delivery (HAProxy 4).
pub const ACCEPTS_PER_TURN: usize = 64;
/// Bytes read from one connection in one turn before the others have theirs.
pub const READ_BYTES_PER_TURN: usize = 256 * 1024;
/// Bytes written to one connection in one turn before the others have theirs.
pub const WRITE_BYTES_PER_TURN: usize = 1024 * 1024;
/// Bytes that a waiting piece counts for besides those that it carries: its place in the queue,
/// and the frame that is kept for it. Messages of two bytes would be 500,000 pieces in 1 MiB.
pub const PIECE_BYTES: u64 = 256;
/// Bytes up to which two waiting pieces of one connection are joined: pongs are memory, too.
pub const PIECE_BYTES_JOINED: usize = 4 * 1024;
/// Bytes of an echo that are copied behind their frame head instead of being a piece of their own.
pub const ECHO_BYTES_COPIED: usize = 4 * 1024;
/// Entries of departed waiters that the timers may hold, besides one for each that is there.
pub const TIMERS_SPARE: usize = 1_024;
/// Slots of connections that are kept when a crowd has left: 256 bytes each.
pub const SLOTS_SPARE: usize = 1_024;
/// Pieces of one `writev`.
pub const GATHER_MAX: usize = 64;
/// The shared read buffer of a loop, in bytes.
pub const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Readiness events taken by one poll.
pub const EVENTS_PER_TURN: usize = 1_024;
/// Different origins, and different tokens, of which those who have the same share one.
pub const ALIKE_MAX: usize = 256;
/// Loops of a server: a bit for each in one word.
pub const LOOPS_MAX: usize = 64;
/// News that wait for a loop: what others publish while it hands one message to thousands. Beyond:
/// 503.
pub const NEWS_MAX: usize = 16 * 1024;
/// Payload bytes of these news. The log may have forgotten them already.
pub const NEWS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// News for which a loop keeps room when it has heard a burst of them: 120 bytes each.
pub const NEWS_SPARE: usize = 256;
/// News that wait for a loop while clients are still read: a loop that comes back from a long
/// fan-out hands over as many at once, and no queue may overflow by that. Beyond: clients wait.
pub const NEWS_BEHIND_MAX: usize = 1024;
/// Payload bytes of these news: one half of a queue.
pub const NEWS_BEHIND_BYTES_MAX: usize = QUEUE_BYTES_MAX / 2;
/// Questions for all loops that a loop asks at once; whoever else asks waits for its next round.
pub const READINGS_PER_ROUND: usize = 256;
/// How long a loop reads nothing before it looks whether another one is still behind.
pub const NEWS_PAUSE_US: u64 = SECOND_US / 1_000;
/// Messages of other threads of the process that wait for the loop.
pub const INBOX_MAX: usize = 1_024;
/// `listen(2)` backlog: a reconnect storm of thousands.
pub const BACKLOG: u16 = 4_096;
/// Descriptors kept free of connections: listeners, epoll, waker, signals, log, spare.
pub const DESCRIPTORS_SPARE: u64 = 64;
/// The same for each loop besides the first: listener, reserve, epoll, waker.
pub const DESCRIPTORS_PER_LOOP: u64 = 4;
/// Connections that are refused at the door and linger, to be told so: others have their places.
pub const REFUSED_MAX: usize = 32;
/// Bytes of whoever is turned away that are read, so that the answer is not thrown away by an RST.
pub const TURNED_AWAY_BYTES_MAX: usize = 64 * 1024;
/// Addresses without a connection that have still to pay for what they published: 64 bytes each.
pub const ADDRESSES_OWING_MAX: usize = 16 * 1024;
/// Pause of a listener that has met the descriptor limit.
pub const ACCEPT_PAUSE_US: u64 = SECOND_US / 10;
/// Unsent bytes that the kernel may hold per socket (`TCP_NOTSENT_LOWAT`): a peer that never reads
/// otherwise takes 4 MB that no RSS shows.
pub const NOTSENT_BYTES: u32 = 16 * 1024;
/// `TCP_USER_TIMEOUT`, in milliseconds: a peer that vanished.
pub const USER_TIMEOUT_MS: u32 = 30_000;
/// `TCP_KEEPIDLE`, in seconds.
pub const TCP_KEEPALIVE_S: u64 = 60;
/// `TCP_KEEPINTVL`, in seconds.
pub const TCP_KEEPALIVE_INTERVAL_S: u64 = 10;
/// `TCP_KEEPCNT`.
pub const TCP_KEEPALIVE_PROBES: u32 = 3;
/// Time for clients to leave when the server drains.
pub const DRAIN_US_MAX: u64 = 10 * SECOND_US;

/// Time in which our client connects.
pub const CLIENT_CONNECT_US_MAX: u64 = 10 * SECOND_US;
/// Time in which our client wants the whole answer to a question that is answered at once.
pub const CLIENT_ANSWER_US_MAX: u64 = 30 * SECOND_US;
/// Bytes of an answer, a line or a message that our client takes: a message of 64 MiB fits, every
/// byte of it escaped in JSON.
pub const CLIENT_CONTENT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Our client's first wait after a loss; it doubles with each that follows without a message.
pub const CLIENT_BACKOFF_US_MIN: u64 = SECOND_US / 4;
/// Our client's longest wait; a connection that has lasted as long was no failure.
pub const CLIENT_BACKOFF_US_MAX: u64 = 8 * SECOND_US;

const _: () = assert!(TARGET_BYTES_MAX < HEAD_BYTES_MAX, "a target fits into a head");
const _: () = assert!(QUEUE_BYTES_WARM < QUEUE_BYTES_PAUSE, "what leaves at once pauses nobody");
const _: () = assert!(QUEUE_BYTES_PAUSE < QUEUE_BYTES_MAX, "reading pauses before queues overflow");
const _: () = assert!(NEWS_BEHIND_MAX < NEWS_MAX, "clients wait before publishers are refused");
const _: () = assert!(HEAD_BYTES_MAX <= PIPELINE_BYTES_MAX, "a head fits behind a parked request");
const _: () = assert!(PARK_US < 30 * SECOND_US, "a parked poll is younger than a proxy's patience");
const _: () = assert!((REFUSED_MAX as u64) < DESCRIPTORS_SPARE, "the refused have room besides");
const _: () = assert!(HISTORY_BYTES_MAX <= HISTORY_ALL_BYTES_MAX, "one channel fits into all");
const _: () = assert!(LOOPS_MAX <= u64::BITS as usize, "a loop is a bit of a word");
const _: () = assert!(LENS_OWN_BYTES_MAX <= LENS_UNIT_BYTES_MAX, "a viewer's own is told in short");
const _: () =
    assert!(LENS_UNIT_BYTES_MAX <= DISSECT_UNIT_BYTES_MAX, "units are shown as dissected");
const _: () = assert!(EXPLAIN_AHEAD_BYTES_MAX <= EXPLAIN_HELD_BYTES_MAX, "one waits within all");

/// Every bound of a server above that no flag sets, for `pushscope serve --print-limits`.
pub const FIXED: &[Row] = &[
    row("empty_lines_max", EMPTY_LINES_MAX as u64),
    row("method_bytes_max", METHOD_BYTES_MAX as u64),
    row("segments_max", SEGMENTS_MAX as u64),
    row("chunk_size_digits_max", CHUNK_SIZE_DIGITS_MAX as u64),
    row("chunk_overhead_bytes_max", CHUNK_OVERHEAD_BYTES_MAX as u64),
    row("trailer_bytes_max", TRAILER_BYTES_MAX as u64),
    row("trailer_fields_max", TRAILER_FIELDS_MAX as u64),
    row("event_name_bytes_max", EVENT_NAME_BYTES_MAX as u64),
    row("query_pairs_max", QUERY_PAIRS_MAX as u64),
    row("linger_bytes_max", LINGER_BYTES_MAX),
    row("linger_us_max", LINGER_US_MAX),
    row("queue_bytes_warm", QUEUE_BYTES_WARM as u64),
    row("queue_bytes_pause", QUEUE_BYTES_PAUSE as u64),
    row("pipeline_bytes_max", PIPELINE_BYTES_MAX as u64),
    row("stream_input_bytes_max", STREAM_INPUT_BYTES_MAX as u64),
    row("heartbeat_grain_us", HEARTBEAT_GRAIN_US),
    row("retry_ms", RETRY_MS),
    row("retry_after_s", RETRY_AFTER_S),
    row("order_us", ORDER_US),
    row("order_resume_us", ORDER_RESUME_US),
    row("padding_bytes", PADDING_BYTES as u64),
    row("channel_idle_us", CHANNEL_IDLE_US),
    row("room_parts", ROOM_PARTS as u64),
    row("pending_max", PENDING_MAX as u64),
    row("pending_bytes_max", PENDING_BYTES_MAX as u64),
    row("lens_connections_max", LENS_CONNECTIONS_MAX as u64),
    row("lens_bytes_per_turn", LENS_BYTES_PER_TURN as u64),
    row("lens_units_per_turn", LENS_UNITS_PER_TURN as u64),
    row("lens_unit_bytes_max", LENS_UNIT_BYTES_MAX as u64),
    row("lens_own_bytes_max", LENS_OWN_BYTES_MAX as u64),
    row("lens_own_units_max", LENS_OWN_UNITS_MAX as u64),
    row("lens_own_us", LENS_OWN_US),
    row("envelopes_bytes_max", ENVELOPES_BYTES_MAX as u64),
    row("dissect_unit_bytes_max", DISSECT_UNIT_BYTES_MAX as u64),
    row("dissect_carried_bytes_max", DISSECT_CARRIED_BYTES_MAX as u64),
    row("dissect_asked_max", DISSECT_ASKED_MAX as u64),
    row("witness_us_each", WITNESS_US_EACH),
    row("witness_few", WITNESS_FEW as u64),
    row("receipts_max", RECEIPTS_MAX as u64),
    row("receipts_apart_max", RECEIPTS_APART_MAX as u64),
    row("receipts_per_answer", RECEIPTS_PER_ANSWER as u64),
    row("receipts_touched_max", RECEIPTS_TOUCHED_MAX as u64),
    row("snapshots_max", SNAPSHOTS_MAX as u64),
    row("meter_ns", METER_NS),
    row("received_max", RECEIVED_MAX as u64),
    row("received_bytes_max", RECEIVED_BYTES_MAX as u64),
    row("token_bytes_min", TOKEN_BYTES_MIN as u64),
    row("token_bytes_max", TOKEN_BYTES_MAX as u64),
    row("tokens_max", TOKENS_MAX as u64),
    row("token_file_bytes_max", TOKEN_FILE_BYTES_MAX as u64),
    row("accepts_per_turn", ACCEPTS_PER_TURN as u64),
    row("read_bytes_per_turn", READ_BYTES_PER_TURN as u64),
    row("write_bytes_per_turn", WRITE_BYTES_PER_TURN as u64),
    row("piece_bytes", PIECE_BYTES),
    row("piece_bytes_joined", PIECE_BYTES_JOINED as u64),
    row("echo_bytes_copied", ECHO_BYTES_COPIED as u64),
    row("timers_spare", TIMERS_SPARE as u64),
    row("slots_spare", SLOTS_SPARE as u64),
    row("gather_max", GATHER_MAX as u64),
    row("read_buffer_bytes", READ_BUFFER_BYTES as u64),
    row("events_per_turn", EVENTS_PER_TURN as u64),
    row("alike_max", ALIKE_MAX as u64),
    row("loops_max", LOOPS_MAX as u64),
    row("news_max", NEWS_MAX as u64),
    row("news_bytes_max", NEWS_BYTES_MAX as u64),
    row("news_behind_max", NEWS_BEHIND_MAX as u64),
    row("news_behind_bytes_max", NEWS_BEHIND_BYTES_MAX as u64),
    row("news_spare", NEWS_SPARE as u64),
    row("readings_per_round", READINGS_PER_ROUND as u64),
    row("news_pause_us", NEWS_PAUSE_US),
    row("inbox_max", INBOX_MAX as u64),
    row("backlog", BACKLOG as u64),
    row("descriptors_spare", DESCRIPTORS_SPARE),
    row("descriptors_per_loop", DESCRIPTORS_PER_LOOP),
    row("refused_max", REFUSED_MAX as u64),
    row("turned_away_bytes_max", TURNED_AWAY_BYTES_MAX as u64),
    row("addresses_owing_max", ADDRESSES_OWING_MAX as u64),
    row("accept_pause_us", ACCEPT_PAUSE_US),
    row("notsent_bytes", NOTSENT_BYTES as u64),
    row("user_timeout_ms", USER_TIMEOUT_MS as u64),
    row("tcp_keepalive_s", TCP_KEEPALIVE_S),
    row("tcp_keepalive_interval_s", TCP_KEEPALIVE_INTERVAL_S),
    row("tcp_keepalive_probes", TCP_KEEPALIVE_PROBES as u64),
    row("client_connect_us_max", CLIENT_CONNECT_US_MAX),
    row("client_answer_us_max", CLIENT_ANSWER_US_MAX),
    row("client_content_bytes_max", CLIENT_CONTENT_BYTES_MAX as u64),
    row("client_backoff_us_min", CLIENT_BACKOFF_US_MIN),
    row("client_backoff_us_max", CLIENT_BACKOFF_US_MAX),
];

const fn row(name: &'static str, value: u64) -> Row {
    Row { name, value }
}
