//! The bounds that no flag sets: what fits is taken, and what is beyond is refused as said.

use std::collections::BTreeSet;

use pushscope::id::Kind;
use pushscope::limits::{self, FIXED, SETTINGS};

use super::table::Held::{self, Item, Nobody, Test};
use super::table::text;
use crate::support::{Client, World, answers, masked, request};

/// A bound, and what shows that it holds.
type Case = (&'static str, fn(&mut World));

const CASES: &[Case] = &[
    ("empty_lines_max", |world| {
        let get = |lines| "\r\n".repeat(lines) + LIVE;
        assert_eq!(world.ask(get(limits::EMPTY_LINES_MAX)).status, 200);
        refused(world, &get(limits::EMPTY_LINES_MAX + 1), 400, "empty_lines_too_many");
    }),
    ("method_bytes_max", |world| {
        let say = |bytes| "X".repeat(bytes) + &LIVE[3..];
        refused(world, &say(limits::METHOD_BYTES_MAX), 501, "method_unknown");
        refused(world, &say(limits::METHOD_BYTES_MAX + 1), 501, "method_too_long");
    }),
    ("segments_max", |world| {
        let path = "/x".repeat(limits::SEGMENTS_MAX);
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        refused(world, &get(&path.replacen("/x", "/%zz", 1)), 400, "escape_invalid");
        refused(world, &get(&(path + "/%zz")), 404, "not_found");
    }),
    ("chunk_size_digits_max", |world| {
        let chunk = |digits| {
            let head = "POST /c/n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
            format!("{head}{:0>digits$}\r\nx\r\n0\r\n\r\n", 1)
        };
        assert_eq!(world.ask(chunk(limits::CHUNK_SIZE_DIGITS_MAX)).status, 202);
        let long = chunk(limits::CHUNK_SIZE_DIGITS_MAX + 1);
        refused(world, &long, 400, "chunk_size_too_long");
    }),
    ("event_name_bytes_max", |world| {
        let post = |bytes| {
            let head = format!("POST /c/n?event={} HTTP/1.1\r\n", "x".repeat(bytes));
            head + "Host: h\r\nContent-Length: 1\r\n\r\nx"
        };
        assert_eq!(world.ask(post(limits::EVENT_NAME_BYTES_MAX)).status, 202);
        let long = post(limits::EVENT_NAME_BYTES_MAX + 1);
        refused(world, &long, 400, "event_name_refused");
    }),
    ("linger_bytes_max", |world| {
        world.tell("a", "?");
        world.tell("b", " ");
        assert!(world.is_over("b"));
        let most = usize::try_from(limits::LINGER_BYTES_MAX).expect("it fits");
        world.tell("b", vec![b'x'; most - 1]);
        assert!(world.conn("b").is_some());
        world.tell("b", "x");
        assert!(world.conn("b").is_none());
    }),
    ("linger_us_max", |world| {
        world.tell("a", " ");
        world.advance(limits::LINGER_US_MAX - 1);
        assert!(world.conn("a").is_some());
        world.advance(1);
        assert!(world.conn("a").is_none());
    }),
    ("queue_bytes_pause", |world| {
        world.publish("small", &"x".repeat(limits::QUEUE_BYTES_PAUSE / 4));
        world.publish("large", &"x".repeat(limits::QUEUE_BYTES_PAUSE));
        for (channel, count) in [("small", 3), ("large", 1)] {
            world.enter(channel);
            world.narrow(channel, 0);
            let get = format!("GET /c/{channel}/poll?since=all HTTP/1.1\r\nHost: h\r\n\r\n");
            world.tell(channel, get.repeat(3));
            let queued = world.conn(channel).expect("it waits").queue.bytes();
            let one = if channel == "small" { 4 } else { 1 };
            let answers = queued / (limits::QUEUE_BYTES_PAUSE / one) as u64;
            assert_eq!(answers, count, "{channel}: {queued} bytes");
        }
    }),
    ("pending_max", |world| {
        let _reader = Client::open(world, Kind::Sse, "n", "latest");
        let publisher = Client::open(world, Kind::WebSocket, "n", "latest");
        let token = world.token(&publisher.name);
        let before = world.conn(&publisher.name).expect("it is here").queue.bytes();
        world.give(token, &masked(0x81, b"x").repeat(limits::PENDING_MAX - 1));
        let queued = |world: &World| world.conn(&publisher.name).map(|conn| conn.queue.bytes());
        assert_eq!(queued(world), Some(before), "they wait for the end of the turn");
        world.give(token, &masked(0x81, b"x"));
        assert!(queued(world) > Some(before), "so many wait no longer");
        world.turn();
    }),
    ("received_max", |world| {
        world.tell("w", request(Kind::WebSocket, "/webSocket/7"));
        world.tell("w", masked(0x81, b"x").repeat(limits::RECEIVED_MAX + 1));
        let received = world.get("/received/7").json();
        assert_eq!(received.as_array().map(Vec::len), Some(limits::RECEIVED_MAX));
    }),
    ("received_bytes_max", |world| {
        world.tell("w", request(Kind::WebSocket, "/webSocket/7"));
        world.tell("w", masked(0x81, &vec![b'x'; limits::RECEIVED_BYTES_MAX + 1]));
        let received = world.get("/received/7").json();
        let kept = received[0]["text"].as_str().map(str::len);
        assert_eq!(kept, Some(limits::RECEIVED_BYTES_MAX));
    }),
];

#[rustfmt::skip]
const ELSEWHERE: &[(&str, Held)] = &[
    ("chunk_overhead_bytes_max", Test(CHUNKED, "what_carries_nothing_has_a_budget")),
    ("trailer_bytes_max", Test(CHUNKED, "trailers_are_bounded_and_dropped")),
    ("trailer_fields_max", Test(CHUNKED, "trailers_are_bounded_and_dropped")),
    ("query_pairs_max", Test("src/wire/target.rs", "pairs_are_looked_at_up_to_the_limit")),
    ("pipeline_bytes_max", Test("tests/loopback/http.rs", "a_parked_poll_does_not_take_in_without_bound")),
    ("stream_input_bytes_max", Test("tests/lessons/readers.rs", "drops_input")),
    ("heartbeat_grain_us", Test("src/clock.rs", "near_deadlines_share_a_wake_up")),
    ("retry_ms", Nobody("what a reader is told")),
    ("retry_after_s", Nobody("what who is refused is told")),
    ("order_us", Test(ARTICLES, "orderpay_and_payback_say_exactly_what_the_article_says")),
    ("order_resume_us", Test(ARTICLES, "orderpay_and_payback_say_exactly_what_the_article_says")),
    ("padding_bytes", Test("src/mech/iframe.rs", "opens")),
    ("channel_idle_us", Test(HUB, "a_name_that_nobody_used_is_forgotten_and_a_log_is_not")),
    ("room_parts", Test(HUB, "many_channels_are_forgotten_as_fast_as_they_are_named")),
    ("pending_bytes_max", Test("tests/lessons/readers.rs", "a_burst_makes_the_engine_crowded_once")),
    ("queue_bytes_warm", Test("tests/lessons/readers.rs", "a_long_answer_leaves_before_others_are_read")),
    ("lens_connections_max", Item(INSPECT, "self.watched.len() >= limits::LENS_CONNECTIONS_MAX")),
    ("lens_bytes_per_turn", Test(INSPECT, "what_does_not_fit_is_told_as_missed")),
    ("lens_units_per_turn", Item(INSPECT, "false => (&mut told, limits::LENS_UNITS_PER_TURN)")),
    ("lens_unit_bytes_max", Test(INSPECT, "of_what_is_long_the_beginning_is_shown_and_all_is_counted")),
    ("lens_own_bytes_max", Test(INSPECT, "a_viewers_own_is_left_out_or_cut")),
    ("lens_own_units_max", Item(INSPECT, "true => (&mut self.own.units, limits::LENS_OWN_UNITS_MAX)")),
    ("lens_own_us", Nobody("how often a viewer is told")),
    ("envelopes_bytes_max", Test("tests/lessons/inspect.rs", "a_message_is_shown_in_all_envelopes")),
    ("dissect_unit_bytes_max", Test(CARRIED, "what_is_too_long_is_told_in_pieces_and_the_next_one_is_read")),
    ("dissect_carried_bytes_max", Test(CARRIED, "json_that_is_too_long_is_opaque_with_a_word")),
    ("dissect_asked_max", Item("src/dissect/side.rs", "shared.asked.truncate(limits::DISSECT_ASKED_MAX)")),
    ("witness_us_each", Test(REASONS, "who_asks_the_kernel_about_too_many_is_told_so_in_time")),
    ("witness_few", Test(REASONS, "who_asks_the_kernel_about_too_many_is_told_so_in_time")),
    ("receipts_max", Test(LEDGER, "the_oldest_receipt_gives_way")),
    ("receipts_apart_max", Test(LEDGER, "what_is_told_apart_is_bounded")),
    ("receipts_per_answer", Test("tests/lessons/receipts.rs", "an_answer_that_brings_much_is_on_the_newest_receipts")),
    ("receipts_touched_max", Item("src/ledger/receipts.rs", "limits::RECEIPTS_TOUCHED_MAX.saturating_sub(self.touched.len())")),
    ("readings_per_round", Test("tests/loops/questions.rs", "many_questions_are_answered_in_as_few_rounds_as_there_may_be")),
    ("snapshots_max", Test(LEDGER, "a_snapshot_that_is_asked_for_is_kept")),
    ("meter_ns", Nobody("how often the loop asks for its CPU time")),
    ("token_bytes_min", Test(KEYRING, "what_says_nothing_or_is_malformed_is_refused_and_never_told")),
    ("token_bytes_max", Test(KEYRING, "what_says_nothing_or_is_malformed_is_refused_and_never_told")),
    ("tokens_max", Test(KEYRING, "what_says_nothing_or_is_malformed_is_refused_and_never_told")),
    ("token_file_bytes_max", Test(KEYRING, "what_says_nothing_or_is_malformed_is_refused_and_never_told")),
    ("accepts_per_turn", Test("src/admission.rs", "a_turn_accepts_so_many_and_leaves_the_rest_to_the_next")),
    ("read_bytes_per_turn", Test(TURNS, "a_large_upload_leaves_every_turn_to_the_others")),
    ("write_bytes_per_turn", Item("src/reactor.rs", "let mut budget = limits::WRITE_BYTES_PER_TURN")),
    ("piece_bytes", Test("tests/defects/growth.rs", "messages_of_no_bytes_that_nobody_reads_have_a_bound")),
    ("piece_bytes_joined", Test(QUEUE, "small_pieces_that_wait_are_joined")),
    ("echo_bytes_copied", Nobody("what is copied, and what is not")),
    ("timers_spare", Nobody("what is kept when others have left")),
    ("slots_spare", Test("tests/storms/crowds.rs", "thousands_stay_and_leave_together")),
    ("gather_max", Test(QUEUE, "gather_takes_no_more_slices_than_it_is_given")),
    ("read_buffer_bytes", Nobody("the size of a buffer that all share")),
    ("events_per_turn", Nobody("what one poll takes; the next one takes the rest")),
    ("alike_max", Test("src/alike.rs", "who_has_the_same_shares_it_and_few_are_kept")),
    ("loops_max", Test(MOMENTS, "so_many_loops_and_no_more_share_an_order")),
    ("news_max", Test(MOMENTS, "a_loop_that_is_full_of_news_has_a_publish_refused_and_nothing_is_half_said")),
    ("news_bytes_max", Test(MOMENTS, "long_messages_are_refused_before_they_are_as_many")),
    ("news_behind_max", Test(MOMENTS, "clients_wait_while_another_loop_is_behind_with_so_much_and_no_sooner")),
    ("news_behind_bytes_max", Test(MOMENTS, "clients_wait_while_another_loop_is_behind_with_so_much_and_no_sooner")),
    ("news_spare", Test("src/order.rs", "a_burst_that_was_heard_leaves_little_room_behind")),
    ("news_pause_us", Nobody("how soon a loop that waits for another reads again")),
    ("inbox_max", Test(TURNS, "a_full_inbox_recovers")),
    ("backlog", Nobody("what the kernel keeps")),
    ("descriptors_per_loop", Item("src/reactor.rs", "others * limits::DESCRIPTORS_PER_LOOP")),
    ("descriptors_spare", Test(CROWD, "without_descriptors_the_server_serves_those_it_has")),
    ("refused_max", Test("tests/lessons/neighbours.rs", "the_refused_make_room_for_each_other_and_all_are_told")),
    ("turned_away_bytes_max", Item("src/reactor/door.rs", "while dropped < limits::TURNED_AWAY_BYTES_MAX")),
    ("addresses_owing_max", Test("src/admission/addresses.rs", "those_who_owe_are_no_more_than_so_many")),
    ("accept_pause_us", Test("src/admission.rs", "every_word_leads_from_every_state_to_the_one_it_should")),
    ("notsent_bytes", Test(LISTENER, "an_accepted_socket_inherits_every_option")),
    ("user_timeout_ms", Test("tests/storms/absent.rs", "who_has_vanished_is_found_out")),
    ("tcp_keepalive_s", Test(LISTENER, "an_accepted_socket_inherits_every_option")),
    ("tcp_keepalive_interval_s", Test(LISTENER, "an_accepted_socket_inherits_every_option")),
    ("tcp_keepalive_probes", Test(LISTENER, "an_accepted_socket_inherits_every_option")),
    ("client_connect_us_max", Item("src/client/connection.rs", "Duration::from_micros(limits::CLIENT_CONNECT_US_MAX)")),
    ("client_answer_us_max", Item("src/client/connection.rs", "Instant::now() + ANSWER_TIME_MAX")),
    ("client_content_bytes_max", Item("src/client/connection.rs", "into.len() > limits::CLIENT_CONTENT_BYTES_MAX")),
    ("client_backoff_us_min", Nobody("how soon our client comes back")),
    ("client_backoff_us_max", Nobody("how late our client comes back")),
    // What a flag may set, and the table of those does not show itself.
    ("drain_us_max", Test("tests/loopback/leaving.rs", "who_does_not_leave_is_left")),
    ("requests_max", Test("tests/lessons/neighbours.rs", "the_last_request_of_a_connection_is_told_so")),
    ("connections_max", Test(CROWD, "at_the_cap_nobody_is_let_in_until_somebody_leaves")),
    ("connections_per_address_max", Test("tests/lessons/neighbours.rs", "one_connection_too_many_is_told_so")),
    ("publishes_per_s_max", Test("tests/lessons/neighbours.rs", "who_publishes_too_fast_is_told_and_waits")),
    ("queue_soft_bytes", Test(SLOW, "who_stands_still_reads_on_as_its_policy_says")),
    ("queue_soft_us_max", Test(SLOW, "a_queue_that_stays_long_is_closed")),
    ("queue_bytes_max", Test("tests/lessons/readers.rs", "closes_a_slow_reader")),
    ("queue_all_bytes_max", Test(SLOW, "the_longest_queue_gives_way_when_all_are_too_long")),
];

#[test]
fn every_fixed_bound_holds() {
    for (name, holds) in CASES {
        println!("{name}");
        holds(&mut World::new());
    }
}

#[test]
fn no_bound_goes_untested() {
    let mut shown: BTreeSet<&str> = BTreeSet::new();
    for (name, held) in ELSEWHERE {
        assert_eq!(held.fault(), None, "{name}");
        assert!(shown.insert(name), "{name} stands twice");
    }
    assert!(CASES.iter().all(|(name, _)| shown.insert(name)), "a case stands elsewhere, too");
    let cases = text("tests/lessons/limits.rs");
    let set = SETTINGS.iter().map(|setting| setting.name);
    for name in set.clone().filter(|name| !shown.contains(name)) {
        assert!(cases.contains(&format!("    (\"{name}\", ")), "{name} has no case");
    }
    for row in FIXED {
        assert!(shown.remove(row.name), "{} is met by no test", row.name);
    }
    shown.retain(|name| !set.clone().any(|set| set == *name));
    assert!(shown.is_empty(), "these are no bounds: {shown:?}");
}

/// Every bound of a server can be asked for.
#[test]
fn no_bound_goes_unsaid() {
    let table = text("src/limits.rs");
    let names = table.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    let set = SETTINGS.iter().map(|setting| setting.name);
    let said: BTreeSet<&str> = FIXED.iter().map(|row| row.name).chain(set).collect();
    // Those of `pushscope explain` bound what it is given, and the last is the table itself.
    let of_servers = names.filter(|name| !name.starts_with("EXPLAIN_") && *name != "FIXED");
    for name in of_servers {
        assert!(said.contains(&*name.to_lowercase()), "--print-limits does not say {name}");
    }
}

fn refused(world: &mut World, request: &str, status: u16, reason: &str) {
    let name = format!("{reason} {}", world.all_said().len());
    world.tell(&name, request);
    let answer = answers(world.said(&name)).into_iter().next().expect("an answer");
    assert_eq!((answer.status, answer.reason().as_str()), (status, reason));
}

const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
const ARTICLES: &str = "tests/lessons/articles.rs";
const CARRIED: &str = "src/dissect/tests/carried.rs";
const CHUNKED: &str = "src/wire/chunked/tests.rs";
const CROWD: &str = "tests/loopback/crowd.rs";
const HUB: &str = "src/hub/tests.rs";
const INSPECT: &str = "src/inspect.rs";
const KEYRING: &str = "src/keyring.rs";
const LEDGER: &str = "src/ledger/tests.rs";
const LISTENER: &str = "src/listener.rs";
const QUEUE: &str = "src/queue.rs";
const REASONS: &str = "tests/lessons/reasons.rs";
const SLOW: &str = "tests/lessons/slow.rs";
const MOMENTS: &str = "tests/loops/moments.rs";
const TURNS: &str = "tests/loopback/turns.rs";
