//! Claim 1: heads are long, and what they carry is short.

use std::path::Path;
use std::time::Duration;

use super::evidence::{Cell, Evidence, Outcome};
use super::session::Session;
use super::wire::Wire;
use super::{Brief, Mistrial, Verdict};
use crate::client::mech::Mech;
use crate::client::mould::Ask;
use crate::client::{Address, Connection, PublishOptions, publish};
use crate::clock::SECOND_US;
use crate::id::Kind;
use crate::mech::mould::Dress;
use crate::statement::Statement;

pub(super) const BRIEF: Brief = Brief {
    sentence: "The heads of a request and its response are usually more than 400 bytes, around \
               some ten that are useful.",
    rule: "For each client, the two heads of a short poll that brings a message of 10 bytes are \
           counted: true when they are more than 400 bytes for every client, false when they are \
           for none.",
    commands: &[
        "pushscope pub heads 0123456789",
        "curl -s -o /dev/null -w '%{size_request} up, %{size_header} + %{size_download} down\\n' \
         'http://127.0.0.1:7777/c/heads/poll?since=all'",
    ],
    us: SECOND_US / 2,
};

/// What short polls of one message have cost, and short polls of none.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Measured {
    clients: Vec<Heads>,
}

/// The bytes of one client.
#[derive(Clone, PartialEq, Debug)]
struct Heads {
    client: &'static str,
    request: usize,
    response: usize,
    content: usize,
    /// Request and response when there is nothing new.
    nothing_new: usize,
}

impl Measured {
    /// Asks as several clients do, and counts; the ledger has to have counted the same.
    pub(super) fn of(program: &Path) -> Result<Self, Mistrial> {
        let mut session = Session::start(program, &[])?;
        let address = session.address().clone();
        let mut publisher = Connection::open(&address)?;
        let mut published = || {
            publish(&mut publisher, CHANNEL, USEFUL, &PublishOptions::default())
                .map(|published| published.id.to_string())
        };
        let (first, last) = (published()?, published()?);
        let mut clients = Vec::new();
        for (client, encode) in CLIENTS {
            let mut wire = Wire::open(&address)?;
            let questions = [&first, &last].map(|since| encode(&ask(&address, since)));
            let [news, nothing] = &questions;
            let answer = wire.exchange(news)?;
            let unchanged = wire.exchange(nothing)?;
            if (answer.status, unchanged.status) != (200, 304) {
                return Err(Mistrial::new("a poll was not answered as it should be"));
            }
            clients.push(Heads {
                client,
                request: news.len(),
                response: answer.head_bytes,
                content: answer.content_bytes.unwrap_or_default(),
                nothing_new: nothing.len() + unchanged.head_bytes,
            });
        }
        let measured = Self { clients };
        session.gained_when(|statement| measured.agrees(statement))?;
        Ok(measured)
    }

    /// Whether the ledger has counted as many bytes.
    fn agrees(&self, statement: &Statement) -> bool {
        let total =
            |heads: &Heads| heads.request + heads.response + heads.content + heads.nothing_new;
        let seen: usize = self.clients.iter().map(total).sum();
        let account = statement.account(Kind::Poll.name());
        account.is_some_and(|account| account.sent.taken + account.received.read == seen as u64)
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns = [
            ("request head", "B"),
            ("response head", "B"),
            ("both heads", "B"),
            ("content", "B"),
            ("of that useful", "B"),
            ("nothing new (304)", "B"),
        ];
        let title = "A short poll that brings a message of 10 bytes";
        let mut evidence = Evidence::new(title, "client", &columns).drawing(&[&[2]]);
        for heads in &self.clients {
            let both = heads.request + heads.response;
            let useful = USEFUL.len();
            let bytes =
                [heads.request, heads.response, both, heads.content, useful, heads.nothing_new];
            evidence = evidence.line(heads.client, bytes.map(|count| Cell::from(real(count))));
        }
        let both = || self.clients.iter().map(|heads| heads.request + heads.response);
        let long = both().filter(|bytes| *bytes > CLAIMED_BYTES).count();
        let (least, most) = (both().min().unwrap_or_default(), both().max().unwrap_or_default());
        let verdict = Verdict::of(long, self.clients.len());
        let tail = match verdict {
            Verdict::True => "Every client spends more than 400.",
            Verdict::False => "No client spends more than 400.",
            Verdict::Depends => {
                "It depends on the client: what is long is what a browser says of itself, which \
                 no protocol asks for."
            }
        };
        let reason = format!("The two heads take from {least} to {most} bytes. {tail}");
        Outcome { evidence, verdict, reason }
    }
}

/// As this program's own client asks.
fn own(ask: &Ask<'_>) -> Vec<u8> {
    Mech::ask(Kind::Poll, ask).1
}

/// As `curl` asks; recorded from curl 7.88.
fn curl(ask: &Ask<'_>) -> Vec<u8> {
    let (target, host) = (ask.target("poll", ""), ask.address.authority());
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
    )
    .into_bytes()
}

/// As a page asks with `fetch` in Chromium; recorded from Chromium 156 on Linux, without cookies.
/// It was headless, and the word is left out of its name.
fn chromium(ask: &Ask<'_>) -> Vec<u8> {
    let (target, host) = (ask.target("poll", ""), ask.address.authority());
    let fields = CHROMIUM_FIELDS.join("\r\n");
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\nReferer: http://{host}/\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n"
    )
    .into_bytes()
}

const fn ask<'a>(address: &'a Address, since: &'a str) -> Ask<'a> {
    let interval = Duration::from_secs(1);
    Ask { address, channel: CHANNEL, since, interval, dress: Dress::Bare }
}

#[allow(clippy::cast_precision_loss, reason = "bytes of a head: far below 2^53")]
const fn real(count: usize) -> f64 {
    count as f64
}

/// A way to encode the question.
type Encode = fn(&Ask<'_>) -> Vec<u8>;

const CLIENTS: [(&str, Encode); 3] = [("pushscope", own), ("curl", curl), ("Chromium", chromium)];
const CHANNEL: &str = "heads";
const USEFUL: &[u8] = b"0123456789";
const CLAIMED_BYTES: usize = 400;
const CHROMIUM_FIELDS: [&str; 9] = [
    "Connection: keep-alive",
    "sec-ch-ua-platform: \"Linux\"",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/156.0.0.0 Safari/537.36",
    "sec-ch-ua: \"Not:A-Brand\";v=\"8\", \"Chromium\";v=\"156\"",
    "sec-ch-ua-mobile: ?0",
    "Accept: */*",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Dest: empty",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(heads: [usize; 3]) -> Verdict {
        let clients = CLIENTS.into_iter().zip(heads).map(|((client, _), request)| Heads {
            client,
            request,
            response: 100,
            content: 100,
            nothing_new: 200,
        });
        let outcome = Measured { clients: clients.collect() }.outcome();
        assert_eq!(outcome.evidence.lines.len(), 3);
        outcome.verdict
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        assert_eq!(verdict([100, 100, 300]), Verdict::False);
        assert_eq!(verdict([100, 100, 301]), Verdict::Depends);
        assert_eq!(verdict([500, 301, 700]), Verdict::True);
    }

    #[test]
    fn every_client_asks_the_same_question() {
        let address = Address::parse("127.0.0.1:7777").unwrap();
        for (client, encode) in CLIENTS {
            let question = String::from_utf8(encode(&ask(&address, "7-1"))).unwrap();
            let line = "GET /c/heads/poll?since=7-1 HTTP/1.1\r\nHost: 127.0.0.1:7777\r\n";
            assert!(question.starts_with(line), "{client}: {question}");
            assert!(question.ends_with("\r\n\r\n"), "{client}: {question}");
        }
    }
}
