//! Channels, subscribers, bounds.

use super::*;
use crate::clock::SECOND_US;
use crate::order;

fn at(us: u64) -> Now {
    Now { at: Instant::from_us(us), unix_us: 1_000_000_000 + us }
}

fn text(text: &str) -> Draft {
    Draft { name: None, payload: Payload::Text(Arc::from(text)) }
}

fn subscriber(index: u32) -> Subscriber {
    Subscriber { token: Token { index, generation: 1 }, kind: Kind::Sse }
}

#[test]
fn names_are_text_without_control_characters() {
    assert!(Hub::may_name("10086", limits::CHANNEL_BYTES_MAX));
    assert!(Hub::may_name("günstig 🙂/a?b", limits::CHANNEL_BYTES_MAX));
    for name in ["", "a\nb", "\0", "\u{85}", &"x".repeat(256)] {
        assert!(!Hub::may_name(name, limits::CHANNEL_BYTES_MAX), "{name:?}");
    }
}

#[test]
fn a_burst_is_handed_over_whole_before_the_log_forgets() {
    let limits = Limits { history_messages_max: 1, ..Limits::default() };
    let mut hub = Hub::new(limits);
    let key = hub.channel_named("c", at(0)).unwrap();
    hub.publish(key, text("1"), at(1)).unwrap();
    hub.publish(key, text("2"), at(1)).unwrap();
    let Pending { batch, .. } = hub.pending(key, at(2)).unwrap();
    assert_eq!((batch.events.len(), batch.unread), (2, 2));
    hub.handed_over(key, at(2));
    assert_eq!(hub.channel(key).unwrap().log().len(), 1);
    assert_eq!(hub.bytes, 1);
}

#[test]
fn leaving_tells_who_moved() {
    let mut hub = Hub::new(Limits::default());
    let key = hub.channel_named("c", at(0)).unwrap();
    let first = hub.subscribe(key, subscriber(1)).unwrap();
    let last = hub.subscribe(key, subscriber(2)).unwrap();
    assert_eq!(hub.unsubscribe(first, Instant::ZERO), Some(subscriber(2)));
    assert_eq!(hub.unsubscribe(Edge { place: first.place, ..last }, Instant::ZERO), None);
    assert_eq!(hub.channel(key).unwrap().census().total(), 0);
}

#[test]
fn the_read_mark_only_rises() {
    let mut hub = Hub::new(Limits::default());
    let key = hub.channel_named("c", at(0)).unwrap();
    for _ in 0..3 {
        hub.publish(key, text("x"), at(0)).unwrap();
    }
    assert_eq!(hub.mark_read(key, Upto::Offset(2), at(0)), Ok(1));
    assert_eq!(hub.mark_read(key, Upto::Offset(1), at(0)), Ok(1));
    hub.publish(key, text("unread"), at(0)).unwrap();
    let epoch = hub.channel(key).unwrap().log().cursor().epoch;
    for epoch in [0, epoch - 1, epoch + 1, u64::MAX] {
        assert_eq!(
            hub.mark_read(key, Upto::Id(Id { epoch, offset: 99 }), at(0)),
            Ok(2),
            "of another log"
        );
    }
    assert_eq!(hub.mark_read(key, Upto::Id(Id { epoch, offset: 3 }), at(0)), Ok(1));
    assert_eq!(hub.mark_read(key, Upto::Offset(99), at(0)), Ok(0));
}

#[test]
fn a_name_that_nobody_used_is_forgotten_and_a_log_is_not() {
    let mut hub = Hub::new(Limits::default());
    let named = hub.channel_named("named", at(0)).unwrap();
    let used = hub.channel_named("used", at(0)).unwrap();
    hub.publish(used, text("x"), at(0)).unwrap();
    while hub.next_unarmed(at(0)).is_some() {}
    hub.handed_over(used, at(0));
    hub.tick(named, at(limits::CHANNEL_IDLE_US));
    assert_eq!(hub.find("named"), None);
    hub.tick(used, at(2 * limits::HISTORY_US_MAX));
    assert_eq!(hub.channel(used).unwrap().log().len(), 0);
    assert_eq!(hub.channel(used).unwrap().unread(), 1);
}

#[test]
fn an_epoch_never_returns_to_its_name() {
    let mut hub = Hub::new(Limits::default());
    let first = hub.channel_named("c", at(0)).unwrap();
    let before = hub.channel(first).unwrap().log().cursor().epoch;
    hub.remove(first);
    let second = hub.channel_named("c", at(0)).unwrap();
    assert!(hub.channel(second).unwrap().log().cursor().epoch > before);
}

#[test]
fn all_logs_together_are_bounded() {
    let limits = Limits { history_bytes_max: usize::MAX, ..Limits::default() };
    let mut hub = Hub::new(limits);
    let part = "x".repeat(limits::HISTORY_ALL_BYTES_MAX / 8);
    for n in 0..20 {
        let now = at(n * SECOND_US);
        let key = hub.channel_named(&n.to_string(), now).unwrap();
        hub.publish(key, text(&part), now).unwrap();
        hub.handed_over(key, now);
        while hub.next_dirty().is_some() {}
        assert!(hub.bytes <= limits::HISTORY_ALL_BYTES_MAX);
    }
    let newest = hub.find("19").unwrap();
    assert_eq!(hub.channel(newest).unwrap().log().len(), 1);
    let oldest = hub.find("0").unwrap();
    assert_eq!(hub.channel(oldest).unwrap().log().len(), 0);
}

#[test]
fn names_that_were_only_mentioned_give_way_before_messages() {
    let mut hub = Hub::new(Limits::default());
    let used = hub.channel_named("used", at(0)).unwrap();
    hub.publish(used, text("x"), at(0)).unwrap();
    hub.handed_over(used, at(0));
    while hub.next_dirty().is_some() {}
    for n in 0..u64::try_from(limits::CHANNELS_MAX).unwrap() {
        // The longer idle is the one with a message.
        let now = at(SECOND_US + n);
        hub.channel_named(&n.to_string(), now).unwrap();
        while hub.next_unarmed(now).is_some() {}
    }
    assert_eq!(hub.find("used"), Some(used), "a message gave way to a name");
    assert_eq!(hub.find("0"), None);
    assert!(hub.len() <= limits::CHANNELS_MAX);
}

/// Measured by what it costs to name as many: removal that looks through a list for each of them
/// takes hundreds of times as long.
#[test]
fn many_channels_are_forgotten_as_fast_as_they_are_named() {
    let mut hub = Hub::new(Limits::default());
    let half = limits::CHANNELS_MAX / 2;
    let began = std::time::Instant::now();
    let old: Vec<ChannelKey> =
        (0..half).map(|n| hub.channel_named(&format!("old {n}"), at(0)).unwrap()).collect();
    while hub.next_unarmed(at(0)).is_some() {}
    // These stand on the list of those that need a deadline while the others are forgotten.
    let later = at(limits::CHANNEL_IDLE_US);
    for n in 0..half {
        hub.channel_named(&format!("new {n}"), later).unwrap();
    }
    let named = began.elapsed();
    let began = std::time::Instant::now();
    for key in old {
        hub.tick(key, later);
    }
    let forgotten = began.elapsed();
    assert_eq!(hub.len(), half);
    assert!(forgotten < 20 * named, "{forgotten:?} to forget, {named:?} to name twice as many");
}

#[test]
fn a_log_of_which_no_loop_has_a_replica_is_forgotten() {
    let limits = Limits { channels_max: 1, ..Limits::default() };
    let mut hubs = order::seats(2).into_iter().map(|seat| Hub::seated(limits, Some(seat)));
    let [mut here, mut there] = [(); 2].map(|()| hubs.next().unwrap());
    let here_key = here.channel_named("c", at(0)).unwrap();
    here.subscribe(here_key, subscriber(1));
    let there_key = there.known("c", at(0)).unwrap().unwrap();
    there.delete(there_key, at(0)).unwrap();
    // It hears now that the channel is no more, and has no room for another until its subscribers
    // are told.
    here.publish(here_key, text("x"), at(0)).unwrap();
    there.take_in();
    while there.hear(at(0)) {}
    assert_eq!((here.find("c"), there.find("c")), (None, None));
    assert!(!here.seat().unwrap().knows("c"), "it stands for ever");
}
