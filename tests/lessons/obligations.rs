//! The obligation table: rows are obligations, columns are the mechanisms of `CARDS`.
//!
//! Every obligation holds for every mechanism, a new one too, unless its row says why not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pushscope::id::Kind::{self, Iframe, LongPoll, Poll, WebSocket, XhrStream};
use pushscope::mech::CARDS;

use crate::{goodbyes, messages, readers, resuming};

/// A row of the table.
struct Obligation {
    name: &'static str,
    holds: fn(Kind),
    /// Whom it does not apply to, and why in a word.
    not: &'static [(Kind, &'static str)],
}

const fn all(name: &'static str, holds: fn(Kind)) -> Obligation {
    Obligation { name, holds, not: &[] }
}

const fn but(
    name: &'static str,
    holds: fn(Kind),
    not: &'static [(Kind, &'static str)],
) -> Obligation {
    Obligation { name, holds, not }
}

const OBLIGATIONS: &[Obligation] = &[
    all("opens with its status and fields", messages::opens),
    all("opens what HEAD asks for not at all", messages::opens_nothing_for_head),
    but("knows no chunks in HTTP/1.0", messages::speaks_http_10, &[(WebSocket, "needs HTTP/1.1")]),
    all("delivers every text exactly", messages::delivers_texts),
    all("delivers 64 KiB", messages::delivers_64_kib),
    all("delivers binary data", messages::delivers_binary),
    all("delivers event names", messages::delivers_names),
    all("delivers nothing that is no UTF-8 and should be", messages::delivers_no_broken_text),
    all("delivers a thousand messages in order", messages::keeps_order),
    all("delivers nothing of other channels", messages::keeps_channels_apart),
    all("delivers through short writes", messages::survives_short_writes),
    all("counts what is unread by the mark alone", messages::leaves_the_read_mark),
    all("resumes from every id", resuming::resumes_from_every_id),
    all("begins at all, latest, a duration, a time", resuming::begins_where_it_is_told),
    all("announces what history lost", resuming::announces_a_gap),
    all("announces another epoch", resuming::announces_another_epoch),
    all("announces a channel that has begun anew", resuming::announces_a_new_beginning),
    all("announces what has aged away", resuming::announces_what_aged),
    all("loses of a burst nothing that is not counted", resuming::counts_every_burst),
    all("refuses a garbage cursor", resuming::refuses_a_garbage_cursor),
    but(
        "ignores a garbage cursor in a field",
        resuming::ignores_a_garbage_field,
        &[(Iframe, "has no field"), (XhrStream, "has no field"), (WebSocket, "has no field")],
    ),
    all("loses nothing between two connections", resuming::loses_nothing_between),
    all("hands over to every other mechanism", resuming::changes_mechanism),
    all("loses nothing wherever it is cut off", resuming::survives_every_cut),
    all("announces a gap wherever it is cut off", resuming::announces_a_gap_through_every_cut),
    all("doubles nothing of its own turn", resuming::doubles_nothing),
    but(
        "says a heartbeat in time",
        readers::heartbeat_in_time,
        &[(Poll, "answers at once"), (LongPoll, "its park is short")],
    ),
    but(
        "says no heartbeat while it is busy",
        readers::no_heartbeat_while_busy,
        &[
            (Poll, "answers at once"),
            (LongPoll, "its park is short"),
            (WebSocket, "a ping asks whether the peer lives"),
        ],
    ),
    but(
        "closes a reader that does not read",
        readers::closes_a_slow_reader,
        &[(Poll, "answers once"), (LongPoll, "answers once")],
    ),
    but(
        "says no last words before its head",
        readers::says_nothing_before_its_head,
        &[(Poll, "answers once"), (LongPoll, "its head is its last word")],
    ),
    but(
        "forgives a long replay in the turn of a message",
        readers::forgives_a_long_replay,
        &[(Poll, "answers once"), (LongPoll, "answers once")],
    ),
    all("answers who has said all it will say", readers::answers_a_closed_half),
    but(
        "drops what is said to it",
        readers::drops_input,
        &[
            (Poll, "input is the next request"),
            (LongPoll, "input is the next request"),
            (WebSocket, "listens"),
        ],
    ),
    but(
        "is silent for a day when told to be",
        readers::silent_when_told,
        &[(Poll, "answers at once"), (LongPoll, "its park is short")],
    ),
    but(
        "bears a reader that reads slowly",
        readers::bears_a_slow_reader,
        &[(Poll, "answers once"), (LongPoll, "answers once")],
    ),
    but("strikes off who leaves", readers::strikes_off, &[(Poll, "never subscribes")]),
    but("says goodbye when the server drains", goodbyes::drain, &[(Poll, "answers at once")]),
    but("tells that its channel is deleted", goodbyes::deleted, &[(Poll, "answers at once")]),
    all("opens no more when the server drains", goodbyes::refuses_while_draining),
];

#[test]
fn every_mechanism_meets_every_obligation() {
    let mut broken = Vec::new();
    for obligation in OBLIGATIONS {
        for card in CARDS {
            if obligation.not.iter().any(|(kind, _)| *kind == card.kind) {
                continue;
            }
            let kept = catch_unwind(AssertUnwindSafe(|| (obligation.holds)(card.kind)));
            if let Err(cause) = kept {
                let cause = cause
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| cause.downcast_ref::<&str>().copied())
                    .unwrap_or_default();
                broken.push(format!("{} | {}: {cause}", card.kind.name(), obligation.name));
            }
        }
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n\n"));
}

#[test]
fn no_exception_is_without_a_reason_and_none_stands_twice() {
    for Obligation { name, not, .. } in OBLIGATIONS {
        for (kind, why) in *not {
            assert!(!why.is_empty(), "{name}: {kind:?}");
            assert_eq!(not.iter().filter(|(other, _)| other == kind).count(), 1, "{name}");
        }
        assert_eq!(OBLIGATIONS.iter().filter(|other| other.name == *name).count(), 1, "{name}");
        assert!(not.len() < CARDS.len(), "{name} applies to nobody");
    }
}
