//! Claim 4: server-sent events stay within an origin.

use std::path::Path;

use super::evidence::{Cell, Evidence, Outcome};
use super::session::Session;
use super::wire::{Answer, Wire};
use super::{Brief, Mistrial, Verdict};
use crate::client::Address;
use crate::client::connection::encode_request;
use crate::clock::SECOND_US;
use crate::wire::head::Method;

pub(super) const BRIEF: Brief = Brief {
    sentence: "Server-sent events cannot cross origins.",
    rule: "A page of another origin may read an answer whose Access-Control-Allow-Origin names \
           that origin or `*` (Fetch, CORS check): false when a server can have it read, true when \
           it cannot, even where it wants to.",
    commands: &[
        "pushscope serve --listen 127.0.0.1:7778 --cors-origin http://other.example & sleep 1; \
         curl -si -m 1 -H 'Origin: http://other.example' http://127.0.0.1:7778/c/t/sse; kill $!",
        "curl -si -m 1 -H 'Origin: http://other.example' http://127.0.0.1:7777/c/t/sse",
    ],
    us: SECOND_US / 2,
};

/// What a server says to pages of other origins.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Measured {
    asked: Vec<Asked>,
}

/// One question of a page.
#[derive(Clone, PartialEq, Debug)]
struct Asked {
    /// Whether the server was told to let this origin in.
    is_wanted: bool,
    origin: &'static str,
    server: &'static str,
    /// `Access-Control-Allow-Origin` of the answer.
    allowed: Option<String>,
}

impl Measured {
    /// Asks two servers as pages of other origins would.
    pub(super) fn of(program: &Path) -> Result<Self, Mistrial> {
        let open = Session::start(program, &["--cors-origin", WANTED])?;
        let closed = Session::start(program, &[])?;
        let asked = [
            (&open, "with --cors-origin", WANTED, true),
            (&open, "with --cors-origin", OTHER, false),
            (&closed, "at its defaults", WANTED, false),
        ];
        let mut found = Vec::new();
        for (session, server, origin, is_wanted) in asked {
            let answer = ask(session.address(), origin)?;
            found.push(Asked { is_wanted, origin, server, allowed: answer.allowed_origin });
        }
        Ok(Self { asked: found })
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns =
            [("origin of the page", ""), ("Access-Control-Allow-Origin", ""), ("it may read", "")];
        let title = "Pages of other origins ask for an event stream";
        let mut evidence = Evidence::new(title, "server", &columns);
        for asked in &self.asked {
            let allowed = asked.allowed.as_deref().map_or(Cell::Nothing, Cell::from);
            let reads = if asked.is_readable() { "yes" } else { "no" };
            evidence =
                evidence.line(asked.server, [Cell::from(asked.origin), allowed, Cell::from(reads)]);
        }
        let crosses = self.asked.iter().any(|asked| asked.is_wanted && asked.is_readable());
        let leaks = self.asked.iter().any(|asked| !asked.is_wanted && asked.is_readable());
        let (verdict, reason) = match (crosses, leaks) {
            (true, false) => (
                Verdict::False,
                "An event stream crosses origins where the server names the page's in \
                 Access-Control-Allow-Origin. Without that field the browser keeps the answer \
                 from the page: it is for the server to say.",
            ),
            (true, true) => (
                Verdict::False,
                "An event stream crosses origins, and here even some that the server was not told \
                 of.",
            ),
            (false, _) => {
                (Verdict::True, "Not even a server that was told to lets a page read it.")
            }
        };
        Outcome { evidence, verdict, reason: reason.to_owned() }
    }
}

impl Asked {
    fn is_readable(&self) -> bool {
        self.allowed.as_deref().is_some_and(|allowed| allowed == self.origin || allowed == "*")
    }
}

/// Asks for an event stream as a page of that origin; its head must come in any case.
fn ask(address: &Address, origin: &str) -> Result<Answer, Mistrial> {
    let fields = [("Accept", "text/event-stream"), ("Origin", origin)];
    let target = address.target("/c/t/sse");
    let question = encode_request(Method::Get, address, &target, &fields, None);
    let answer = Wire::open(address)?.ask(&question)?;
    let is_stream = answer.media_type.as_deref() == Some("text/event-stream");
    if answer.allowed_origin.is_some() && !(answer.status == 200 && is_stream) {
        return Err(Mistrial::new("an origin was let in, and no event stream came"));
    }
    Ok(answer)
}

const WANTED: &str = "http://other.example";
const OTHER: &str = "http://third.example";

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(wanted: Option<&str>, other: Option<&str>) -> Verdict {
        let asked = |is_wanted, origin, allowed: Option<&str>| Asked {
            is_wanted,
            origin,
            server: "a server",
            allowed: allowed.map(str::to_owned),
        };
        let asked = vec![asked(true, WANTED, wanted), asked(false, OTHER, other)];
        Measured { asked }.outcome().verdict
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        assert_eq!(verdict(Some(WANTED), None), Verdict::False);
        assert_eq!(verdict(Some("*"), Some("*")), Verdict::False);
        assert_eq!(verdict(None, None), Verdict::True);
        assert_eq!(verdict(Some(OTHER), None), Verdict::True);
    }
}
