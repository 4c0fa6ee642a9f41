use super::*;
use crate::client::connection::tests::{answer, serve};

fn subscribe(address: &Address, kind: Kind, since: Option<&str>) -> Subscription {
    Subscription::open(address, "c", kind, since, SubscribeOptions::default()).unwrap()
}

/// So many items; the test fails if one does not come in time.
fn take(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    (0..count)
        .map(|_| subscription.next(Some(deadline)).unwrap().expect("in time").to_string())
        .collect()
}

fn refused() -> String {
    let content = r#"{"error":{"reason":"cursor_refused","message":"No cursor."}}"#;
    answer("400 Bad Request", content)
}

const SSE_1: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
    id: 7-1\n\n\
    id: 7-2\nevent: envelope\n\
    data: {\"id\":\"7-2\",\"time\":1,\"channel\":\"c\",\"data\":\"a\"}\n\n";
const SSE_2: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
    id: 7-2\n\n\
    event: end\ndata: the channel was deleted\n\n";
const UNCHANGED: &str = "HTTP/1.1 304 Not Modified\r\nETag: \"7-2\"\r\n\r\n";

#[test]
fn a_lost_stream_goes_on_where_it_was() {
    let (address, server) = serve(vec![vec![SSE_1.into()], vec![SSE_2.into()]]);
    let mut subscription = subscribe(&address, Kind::Sse, None);
    assert_eq!(
        take(&mut subscription, 6),
        [
            "open at 7-1",
            "message 7-2",
            "the server has ended the stream; back in 250 ms",
            "open at 7-2",
            "over: the channel was deleted",
            "over: the channel was deleted",
        ]
    );
    assert_eq!(
        server.join().unwrap(),
        [
            "GET /c/c/sse?since=latest&envelope=json HTTP/1.1",
            "GET /c/c/sse?since=7-2&envelope=json HTTP/1.1",
        ]
    );
}

#[test]
fn a_long_poll_first_learns_its_cursor_and_asks_on_one_connection() {
    let content = r#"{"messages":[{"id":"7-3","time":1,"channel":"c","data":"a"}],"next":"7-3"}"#;
    let messages = answer("200 OK\r\nContent-Type: application/json", content);
    let answers = vec![UNCHANGED.into(), messages, String::new()];
    let (address, server) = serve(vec![answers]);
    let mut subscription = subscribe(&address, Kind::LongPoll, None);
    assert_eq!(take(&mut subscription, 2), ["open at 7-2", "message 7-3"]);
    let lost = "the connection was closed in the middle of an answer; back in 250 ms";
    assert_eq!(take(&mut subscription, 1), [lost]);
    assert_eq!(
        server.join().unwrap(),
        [
            "GET /c/c/longpoll?since=latest&timeout=0 HTTP/1.1",
            "GET /c/c/longpoll?since=7-2 HTTP/1.1",
            "GET /c/c/longpoll?since=7-3 HTTP/1.1",
        ]
    );
}

#[test]
fn a_refusal_is_final_and_a_deadline_is_not() {
    let (address, server) = serve(vec![vec![refused()]]);
    let mut subscription = subscribe(&address, Kind::Poll, None);
    assert!(subscription.next(Some(Instant::now())).unwrap().is_none());
    let error = subscription.next(None).unwrap_err();
    assert_eq!(error.to_string(), "the server refuses: 400 (cursor_refused) No cursor.");
    server.join().unwrap();
}

#[test]
fn who_does_not_want_to_come_back_is_told_of_the_loss_last() {
    let (address, server) = serve(vec![vec![SSE_1.into()]]);
    let options = SubscribeOptions { resume: Resume::Never, ..SubscribeOptions::default() };
    let mut subscription =
        Subscription::open(&address, "c", Kind::Sse, Some("all"), options).unwrap();
    assert_eq!(take(&mut subscription, 2), ["open at 7-1", "message 7-2"]);
    assert!(matches!(subscription.next(None), Err(ClientError::Over { retry: None })));
    server.join().unwrap();
}

#[test]
fn what_is_no_cursor_is_not_sent() {
    let address = Address::parse("127.0.0.1:1").unwrap();
    let options = SubscribeOptions::default();
    let opened = Subscription::open(&address, "c", Kind::Sse, Some("yesterday"), options);
    assert!(matches!(opened, Err(ClientError::SinceInvalid)));
    let opened = Subscription::open(&address, "c", Kind::Sse, None, options);
    assert!(matches!(opened, Err(ClientError::Connect(..))));
}
