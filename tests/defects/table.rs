//! The tables' words, and what makes them true.

use std::fs;
use std::path::Path;

use Held::{Item, Nobody, NotHere, Test};

/// A defect of somebody else's, the rule that it taught, and where that rule is held here.
struct Defect {
    number: usize,
    /// Whose, by the name that it was published under.
    name: &'static str,
    /// What went wrong.
    cause: &'static str,
    rule: &'static str,
    held: &'static [Held],
}

/// Where a rule, or a bound, is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// By a test: its file, and its name.
    Test(&'static str, &'static str),
    /// By a type, a table, a lint or a line: its file, and what stands there.
    Item(&'static str, &'static str),
    /// By nothing, for what would break it does not exist: the file that it would be in, or the
    /// crate that it would need, and why.
    NotHere(&'static str, &'static str),
    /// By nothing, for it bounds nobody: it is a pace, or what somebody is told.
    Nobody(&'static str),
}

impl Held {
    /// What is wrong with it, if anything is.
    pub(crate) fn fault(self) -> Option<String> {
        match self {
            Test(file, name) if !is_test(&text(file), name) => {
                Some(format!("{file} has no test {name}"))
            }
            Item(file, line) if !text(file).contains(line) => {
                Some(format!("{file} does not say {line:?}"))
            }
            NotHere(path, _) if path.contains('/') && root().join(path).exists() => {
                Some(format!("{path} is here"))
            }
            NotHere(name, _) if !name.contains('/') && depends_on(name) => {
                Some(format!("{name} is a dependency"))
            }
            NotHere(_, why) | Nobody(why) if why.is_empty() => Some("no reason is given".into()),
            _ => None,
        }
    }
}

/// Whether a file has a test of that name, or an obligation, which is called by one.
fn is_test(text: &str, name: &str) -> bool {
    let mut before = "";
    for line in text.lines() {
        if line.trim_start().trim_start_matches("pub(crate) ").starts_with(&format!("fn {name}(")) {
            return before.trim() == "#[test]" || line.contains("pub(crate) fn ");
        }
        before = line;
    }
    false
}

/// Whether the program itself, not its tests, needs a crate directly.
fn depends_on(name: &str) -> bool {
    let manifest = text("Cargo.toml");
    let mut lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let own = lines.by_ref().take_while(|line| !line.starts_with('['));
    own.filter_map(|line| line.split_once('=')).any(|(crate_, _)| crate_.trim() == name)
}

pub(crate) fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_default()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const fn defect(
    number: usize,
    name: &'static str,
    cause: &'static str,
    rule: &'static str,
    held: &'static [Held],
) -> Defect {
    Defect { number, name, cause, rule, held }
}

#[test]
fn every_rule_is_held_where_the_table_says() {
    let mut broken = Vec::new();
    for (number, defect) in (1..).zip(DEFECTS) {
        assert_eq!(defect.number, number, "{}", defect.name);
        for words in [defect.name, defect.cause, defect.rule] {
            assert!(!words.is_empty(), "no. {number} is not told");
        }
        if defect.held.is_empty() {
            broken.push(format!("{number}, {}: held nowhere", defect.name));
        }
        let faults = defect.held.iter().filter_map(|held| held.fault());
        broken.extend(faults.map(|fault| format!("{number}, {}: {fault}", defect.name)));
    }
    assert_eq!(DEFECTS.len(), 50);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_is_not_there_is_found_out() {
    assert!(Test(FRAMING, "no_such_test").fault().is_some());
    assert!(Test(FRAMING, "check").fault().is_some(), "it is no test");
    assert!(Test("tests/no_such_file.rs", "every").fault().is_some());
    assert!(Item("Cargo.toml", "overflow-checks = false").fault().is_some());
    assert!(NotHere("slab", "we have none").fault().is_some());
    assert!(NotHere("src/mech/sse.rs", "we have none").fault().is_some());
    assert!(Nobody("").fault().is_some());
}

/// The crates that had a defect of the table are those in which it was mended.
#[test]
fn no_crate_is_one_with_a_known_defect() {
    for file in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let lock = text(file);
        let mut lines = lock.lines();
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_prefix("name = ") else { continue };
            let version = lines.next().and_then(|line| line.strip_prefix("version = "));
            let version = numbers(version.expect("a version"));
            for (mended, since) in MENDED {
                let is_old = name.trim_matches('"') == *mended && version < *since;
                assert!(!is_old, "{file}: {mended} {version:?} is older than {since:?}");
            }
        }
    }
}

fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.trim_matches('"').split(['.', '-', '+']);
    [(); 3].map(|()| parts.next().and_then(|part| part.parse().ok()).unwrap_or_default())
}

/// Crates of the table, and the version that each was mended in.
const MENDED: &[(&str, [u32; 3])] = &[
    ("bytes", [1, 11, 1]),
    ("mio", [0, 8, 11]),
    ("slab", [0, 4, 11]),
    ("tungstenite", [0, 20, 1]),
];

const FRAMING: &str = "tests/defects/framing.rs";
const GROWTH: &str = "tests/defects/growth.rs";
const EVENTS: &str = "tests/defects/events.rs";
const REFUSALS: &str = "tests/lessons/refusals.rs";
const INJECTION: &str = "tests/lessons/injection.rs";
const HEAD: &str = "src/wire/head/tests.rs";
const CHUNKED: &str = "src/wire/chunked/tests.rs";
const MESSAGES: &str = "src/wire/ws_message/tests.rs";
const EVERY_REFUSAL: Held = Test(REFUSALS, "every_refusal_says_what_the_table_of_faults_says");
const FRAMED: Held = Test(FRAMING, "a_message_is_framed_in_one_way_or_refused");
const NO_MQTT: Held = NotHere("src/mech/mqtt.rs", "there is no MQTT");
const NO_STORE: Held = NotHere("rusqlite", "there is no durable log");
const NO_HTTP_2: Held = NotHere("h2", "there is no HTTP/2");

#[rustfmt::skip]
const DEFECTS: &[Defect] = &[
    // Framing.
    defect(1, "hyper RUSTSEC-2021-0078", "`+5` is a number to str::parse", "a length is 1 to 19 digits, each looked at", &[FRAMED, EVERY_REFUSAL]),
    defect(2, "hyper RUSTSEC-2021-0079; uWebSockets 399204d", "a chunk size wrapped", "at most 15 digits, compared before anything is added", &[EVERY_REFUSAL, Test(CHUNKED, "each_state_and_byte_does_what_the_table_says"), Item("src/wire/chunked.rs", "Compared as it stands")]),
    defect(3, "hyper RUSTSEC-2021-0020; tiny_http RUSTSEC-2020-0031", "several Transfer-Encoding fields taken for chunks", "one field, `chunked`, or it is refused and closed", &[FRAMED, EVERY_REFUSAL]),
    defect(4, "actix-http RUSTSEC-2021-0081", "length and coding together, odd codings", "both are refused, and closed", &[FRAMED, EVERY_REFUSAL]),
    defect(5, "hyper RUSTSEC-2020-0008", "the content of a GET was left in the stream", "framing never depends on the method", &[Test(FRAMING, "content_is_content_under_every_method")]),
    defect(6, "HAProxy CVE-2023-25725", "an empty name ended the list of fields", "no sentinel: a name is 1*tchar", &[EVERY_REFUSAL, Test(HEAD, "what_httparse_tolerates_is_refused")]),
    defect(7, "HAProxy CVE-2023-40225", "an empty length was none", "every occurrence is validated", &[FRAMED, EVERY_REFUSAL]),
    defect(8, "Go CVE-2025-22871; protocol-http1 CVE-2023-38697; nginx before 1.29.4", "LF ended a chunk's line", "CR LF, and nothing else", &[Test(FRAMING, "no_line_ends_with_anything_else"), Test(CHUNKED, "what_is_wrong_is_refused_at_its_byte")]),
    defect(9, "nginx CVE-2013-2028", "a chunk size became negative", "unsigned, bounded, no cast", &[Item("Cargo.toml", "cast_possible_wrap = \"deny\""), Item("Cargo.toml", "cast_possible_truncation = \"deny\""), Item("Cargo.toml", "cast_sign_loss = \"deny\""), EVERY_REFUSAL]),
    defect(10, "nginx CVE-2013-4547", "a space in the target passed one check of two", "one parser, and its type is handed on", &[Item("src/wire/target.rs", "pub struct Target<"), Test("src/wire/target.rs", "what_is_no_target_is_refused"), Test(HEAD, "the_scan_accepts_what_httparse_accepts")]),
    defect(11, "Go GO-2022-0212", "a space before the colon was dropped", "400, as RFC 9112 wants", &[EVERY_REFUSAL, Test(HEAD, "what_httparse_tolerates_is_refused")]),
    defect(12, "Node CVE-2024-22019; Go CVE-2023-39326; hyper #3495", "chunk extensions without end", "what carries nothing has a budget", &[Test(CHUNKED, "what_carries_nothing_has_a_budget"), EVERY_REFUSAL]),
    // Announced sizes.
    defect(13, "rust-websocket RUSTSEC-2022-0035; mosquitto CVE-2017-7651, CVE-2023-0809", "a buffer of the announced size", "buffers grow by what has come; limits are met at the announcement", &[Test(GROWTH, "what_is_announced_takes_no_memory"), Test(CHUNKED, "nothing_grows_by_what_is_only_announced"), Test(MESSAGES, "nothing_is_kept_for_what_is_only_announced"), Test("src/wire/body.rs", "too_much_is_refused_when_it_is_announced")]),
    defect(14, "NanoMQ CVE-2026-21888", "a length of five bytes where four may be", "a decoder says incomplete, value or malformed", &[NO_MQTT, Item("src/wire/cursor.rs", "pub enum Parse<"), Test("src/wire/ws_frame/tests.rs", "refused")]),
    defect(15, "NanoMQ CVE-2026-25627", "an inner length believed over the outer one", "each layer slices what the layer above gave it", &[NO_MQTT, Test("src/wire/cursor.rs", "nothing_is_taken_when_too_little_is_there"), Test("tests/explain/captures.rs", "a_capture_may_end_anywhere")]),
    defect(16, "bytes RUSTSEC-2026-0007; http RUSTSEC-2019-0033", "sizes wrapped in `reserve`", "bounded sizes, and overflow is checked in releases", &[Item("Cargo.toml", "overflow-checks = true"), Test("tests/defects/table.rs", "no_crate_is_one_with_a_known_defect")]),
    // Growth without payload.
    defect(17, "ws CVE-2026-48779; h2 RUSTSEC-2026-0258", "empty fragments kept as parts", "parts are counted, and copied into one buffer", &[Test(GROWTH, "a_hundred_thousand_fragments_are_refused_and_keep_nothing"), Test(MESSAGES, "exactly_the_limits_are_accepted"), Test(GROWTH, "messages_of_no_bytes_that_nobody_reads_have_a_bound")]),
    defect(18, "h2 RUSTSEC-2023-0034, 2024-0003, 2024-0332", "resets and continuations outside every window", "whatever comes has a cost, and a turn a budget", &[NO_HTTP_2, Test("tests/loopback/turns.rs", "a_large_upload_leaves_every_turn_to_the_others"), Test(GROWTH, "pongs_that_nobody_reads_have_a_bound"), Test("tests/lessons/neighbours.rs", "who_publishes_too_fast_is_told_and_waits")]),
    defect(19, "socket.io-parser CVE-2026-33151; engine.io CVE-2020-36048", "parts and bodies without a bound", "all parts of a message share one limit", &[Test(MESSAGES, "exactly_the_limits_are_accepted"), Test("src/wire/body.rs", "too_much_is_refused_when_it_is_announced"), Test(CHUNKED, "cuts_change_nothing")]),
    defect(20, "ws-rs RUSTSEC-2020-0043; Redis CVE-2025-21605", "output grew for who does not read, known or not", "a queue has a bound, for everybody the same", &[Test("tests/lessons/slow.rs", "queues_are_bounded_however_much_is_published"), Test("tests/lessons/readers.rs", "closes_a_slow_reader"), Test(GROWTH, "pongs_that_nobody_reads_have_a_bound"), Test("tests/loopback/http.rs", "what_is_not_read_is_not_answered"), Test("tests/lessons/access.rs", "who_shows_no_token_or_a_wrong_one_is_refused_and_told_what_to_show")]),
    defect(21, "Swoole in appwrite #13415", "buffered where nobody measured", "one account of a connection's bytes, and the process is measured", &[Test(GROWTH, "messages_of_no_bytes_that_nobody_reads_have_a_bound"), Test("tests/loopback/slow.rs", "who_never_reads_costs_a_bounded_memory"), Test("tests/storms/crowds.rs", "thousands_stay_and_leave_together")]),
    defect(22, "mosquitto CVE-2023-28366, CVE-2023-3592", "leaks on the paths of errors", "state belongs to the connection: to drop it is to free it", &[Test("tests/cuts.rs", "a_break_anywhere_leaves_nobody_behind"), Test("tests/storms/crowds.rs", "abandoned_polls_and_streams_are_reclaimed_at_once"), Test("tests/simulation.rs", "every_law_holds_under_every_seed")]),
    // Algorithmic cost.
    defect(23, "tungstenite RUSTSEC-2023-0065", "the whole head parsed anew at each read", "the scan goes on where it stood", &[Test(GROWTH, "a_byte_of_an_unfinished_head_is_looked_at_once"), Test("src/dissect/tests/carried.rs", "a_line_that_comes_byte_by_byte_costs_what_it_is")]),
    defect(24, "ws CVE-2021-32640", "a regular expression on a field", "linear scans written by hand", &[NotHere("regex", "nothing is matched by one")]),
    defect(25, "mosquitto before 2.0.11", "the list walked for each of its members", "lists have a number of members", &[Test("tests/lessons/limits.rs", "every_bound_holds"), Test("src/wire/target.rs", "pairs_are_looked_at_up_to_the_limit")]),
    defect(26, "Redis CVE-2022-36021, CVE-2024-31228; mosquitto before 1.6.5", "patterns matched by recursion", "iterative, and so many levels", &[NO_MQTT, Item("src/hub.rs", "by_name: HashMap<"), Test("tests/defects/bounds.rs", "every_fixed_bound_holds")]),
    // Events.
    defect(27, "bun #32705; libuv #690; ranch #36; eventcore #49", "accept without descriptors, again and again", "a pause, and another attempt when somebody leaves", &[Test("src/admission.rs", "every_word_leads_from_every_state_to_the_one_it_should"), Test("tests/loopback/crowd.rs", "without_descriptors_the_server_serves_those_it_has"), Test("tests/loopback/crowd.rs", "without_a_reserve_nobody_is_told_and_nobody_is_lost"), Test("tests/storms/kernel.rs", "a_refusal_of_the_kernels_is_survived")]),
    defect(28, "hyper #4085", "an end within a body was ready for ever", "an end always changes the state", &[Test(EVENTS, "an_end_anywhere_changes_the_state"), Test("tests/loopback/crowd.rs", "who_has_ended_and_does_not_read_costs_no_time"), Test("tests/cuts.rs", "a_close_anywhere_leaves_nobody_behind")]),
    defect(29, "mio RUSTSEC-2024-0019", "an event for a token that was given up", "a token is slot and generation; a stale one reaches nobody", &[Test("tests/lessons/readers.rs", "a_stale_token_reaches_nobody"), Test("tests/loopback/stream.rs", "a_token_outlives_no_connection"), Test("tests/defects/table.rs", "no_crate_is_one_with_a_known_defect")]),
    defect(30, "slab RUSTSEC-2025-0047", "an index held against the capacity", "a slot is asked for, and may be empty", &[Item("src/engine.rs", "self.conns.get(token.index as usize)"), Test("tests/lessons/readers.rs", "a_stale_token_reaches_nobody"), Test("tests/defects/table.rs", "no_crate_is_one_with_a_known_defect")]),
    defect(31, "Redis CVE-2026-23479; uWebSockets' TopicTree", "freed while the caller was still iterating", "who leaves is collected, and goes behind the fan-out", &[Test(EVENTS, "who_leaves_in_a_fan_out_takes_nobody_along"), Item("src/engine.rs", "leaving: Vec<(u32, Leave)>"), Test("src/hub/tests.rs", "leaving_tells_who_moved")]),
    defect(32, "nchan, one-way subscribers", "what was said on a stream ended it", "it is read and dropped, up to a budget", &[Test("tests/lessons/readers.rs", "drops_input")]),
    defect(33, "EMQX CVE-2026-8741", "a takeover raced with a delivery", "a connection stays with one thread; others send messages", &[Item("src/reactor/inbox.rs", "pub struct Handle"), Test("tests/tidy.rs", "below_outside_nothing_is_dynamic_or_shared_mutably"), Test("tests/loopback/stream.rs", "no_wake_up_is_lost_however_threads_publish")]),
    // Odd input.
    defect(34, "nchan #398, #676, #322", "an assertion about a client's cursor", "a cursor is text: parsed, or none", &[Test("src/id.rs", "whatever_is_no_cursor_is_none"), Test("src/history.rs", "every_cursor_is_answered_with_the_rest_or_a_counted_gap"), Test("tests/lessons/resuming.rs", "refuses_a_garbage_cursor"), Test("tests/lessons/resuming.rs", "ignores_a_garbage_field")]),
    defect(35, "mosquitto CVE-2018-12543, CVE-2021-28166, CVE-2021-34432", "a packet that nobody expected", "tables of state and input, and nothing that panics", &[NO_MQTT, Test(CHUNKED, "each_state_and_byte_does_what_the_table_says"), Item("Cargo.toml", "unwrap_used = \"deny\""), Item("Cargo.toml", "panic = \"deny\""), Item("src/wire/mod.rs", "#![deny(clippy::indexing_slicing)]")]),
    defect(36, "ws CVE-2024-37890", "fields cut at a limit, and one then missed", "beyond a limit is an error, never a part", &[Test(FRAMING, "beyond_a_bound_nothing_is_taken_for_the_whole"), EVERY_REFUSAL]),
    defect(37, "engine.io CVE-2022-21676, CVE-2022-41940, CVE-2023-31125; socket.io CVE-2024-38355", "a reset or bad UTF-8 as an exception", "errors are values, and nothing panics under fuzzing", &[Test("tests/storms/crowds.rs", "two_thousand_resets_at_once"), Test("tests/cuts.rs", "a_break_anywhere_leaves_nobody_behind"), Test(MESSAGES, "text_is_accepted_exactly_when_it_is_utf8"), Test("tests/seeds.rs", "every_seed_passes_every_target")]),
    defect(38, "nchan without shared memory; mosquitto CVE-2017-7652", "the path for want of memory had never run", "every call that may fail is made to", &[Test("tests/storms/kernel.rs", "a_refusal_of_the_kernels_is_survived"), Test("src/listener.rs", "every_refusal_is_about_the_next_peer_or_about_ourselves"), Test("tests/simulation.rs", "every_law_holds_under_every_seed")]),
    // Text that leaves as syntax.
    defect(39, "eventsource-encoder CVE-2026-44214; sse-channel CVE-2026-44217; h3 GHSA-4hxc", "CR or LF in event, id or data", "data is split at each; names and ids have none", &[Test(INJECTION, "a_message_is_what_it_was_by_every_mechanism"), Test(INJECTION, "a_name_is_refused_or_is_what_it_was"), Test("src/wire/event_stream/tests.rs", "text_is_refused_exactly_when_it_would_come_back_changed")]),
    defect(40, "hyper RUSTSEC-2017-0002", "LF in a field's value", "a value is checked where it is written", &[Test("src/wire/response/tests.rs", "no_value_splits_the_head"), Test("src/wire/ws_handshake/tests.rs", "nothing_that_is_given_can_split_a_head"), Test(INJECTION, "what_a_field_or_a_parameter_says_comes_out_nowhere")]),
    defect(41, "hyper-staticfile RUSTSEC-2022-0072", "a redirect to `//evil`", "nobody is redirected", &[Test(FRAMING, "no_answer_leads_elsewhere")]),
    defect(42, "nginx CVE-2009-4487", "escape sequences in the log", "a line of the log is visible ASCII", &[Test("src/cli/sink.rs", "no_escape_sequence_reaches_the_log"), Test("tests/cli/operator.rs", "what_is_logged_is_lines_of_visible_ascii")]),
    defect(43, "CVE-2014-4671; U+2028 in scripts", "the callback's name is a response's first bytes; `</script>`", "no name from outside is code; `<` `>` `&` U+2028 and U+2029 are escaped", &[NotHere("src/mech/jsonp.rs", "there is no JSONP"), Item("src/wire/json.rs", "2028"), Test(INJECTION, "a_message_is_what_it_was_by_every_mechanism")]),
    defect(44, "nginx CVE-2009-3898; tower-http RUSTSEC-2022-0043; warp RUSTSEC-2022-0082", "a path joined behind its decoding", "no path is opened: pages are compiled in", &[Test(INJECTION, "no_path_leads_out_of_the_table_of_pages"), Test("tests/tidy.rs", "only_files_outside_name_sockets_threads_or_a_clock")]),
    // Policy.
    defect(45, "socket.io CVE-2020-28481", "any Origin by default", "its own origin, and those that are listed", &[Test("tests/lessons/websocket.rs", "only_pages_of_allowed_origins_may_connect"), Test("src/origin.rs", "the_own_host_and_the_named_are_allowed"), Test("tests/lessons/articles.rs", "what_changes_things_does_not_do_so_for_foreign_pages")]),
    defect(46, "mosquitto CVE-2017-7652", "a reload that failed left no security", "it keeps what was there", &[Test("tests/loopback/access.rs", "sighup_reads_the_tokens_anew_and_keeps_them_where_anything_is_wrong")]),
    defect(47, "mosquitto CVE-2018-12550, CVE-2018-12551", "an empty rule allowed everything", "what is malformed is refused at start", &[Test("src/keyring.rs", "what_says_nothing_or_is_malformed_is_refused_and_never_told"), Test("src/cli/config.rs", "what_is_wrong_is_told_with_its_line")]),
    defect(48, "mosquitto CVE-2017-9868", "the file of messages could be read by all", "no file is written; one of tokens that others read is warned of", &[NO_STORE, Test("src/keyring.rs", "a_file_that_others_read_is_warned_of")]),
    defect(49, "ws CVE-2026-45736", "uninitialised bytes in a close frame", "no unsafe buffer", &[Item("Cargo.toml", "unsafe_code = \"deny\""), Test("tests/tidy.rs", "unsafe_stands_in_sys_alone"), Test("src/wire/ws_frame/tests.rs", "cases")]),
    defect(50, "Node CVE-2019-5739", "a kept connection without a deadline", "every state has one", &[Item("src/conn.rs", "pub fn deadline(&self"), Item("tests/support/world.rs", "no deadline"), Test("tests/lessons/limits.rs", "every_bound_holds")]),
];
