//! Who may do what: the tokens, what each lets do, and how a request shows its own.
//!
//! A token is a secret that whoever may do something says with every request (RFC 6750): in
//! `Authorization: Bearer <token>`, or in `?token=` where a browser lets a page set no field
//! (EventSource, WebSocket, a frame). Of a token nothing but a digest is kept.
//!
//! As long as no token lets do something, anybody may. A token that is to let do both stands in
//! both lists.

use std::collections::BTreeSet;
use std::fmt;
use std::hint::black_box;

use sha1::{Digest as _, Sha1};

use crate::fault::Fault;
use crate::mech::mould::Address;
use crate::route::{Ask, Call, Reading, Subscription};
use crate::wire::head::Head;
use crate::wire::target::Target;

/// What tokens let do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    publish: Tokens,
    subscribe: Tokens,
}

/// Something that only some may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Right {
    /// Change anything: publish, mark as read, delete; and say something over a WebSocket.
    Publish,
    /// Learn anything of what is said: messages, how many there are, and what they have cost.
    Subscribe,
}

impl Right {
    /// What a request needs; none for what tells and changes nothing, and for the inspector, which
    /// has a token of its own.
    pub const fn of(ask: &Ask) -> Option<Self> {
        match ask {
            // An echo tells a client what it has said itself.
            Ask::Subscribe(Subscription { address, .. }) => match address {
                Address::Echo | Address::Inspector { .. } => None,
                Address::Canonical | Address::Article | Address::Order | Address::Chat => {
                    Some(Self::Subscribe)
                }
            },
            Ask::Call(call) => Self::of_call(call),
            // A page is in everybody's hands; a preflight brings no token (Fetch, CORS protocol).
            Ask::Page(_) | Ask::Options(_) => None,
        }
    }

    const fn of_call(call: &Call) -> Option<Self> {
        match call {
            Call::Publish { .. }
            | Call::Delete(_)
            | Call::ArticlePublish(..)
            | Call::SocketPublish(..)
            | Call::Payback(_)
            | Call::MarkRead(..) => Some(Self::Publish),
            Call::Info(_)
            | Call::Count(_)
            | Call::Received(_)
            | Call::Online
            | Call::Envelopes(..) => Some(Self::Subscribe),
            Call::Read(reading) => match reading {
                Reading::Statement { .. } | Reading::Metrics | Reading::Receipt { .. } => {
                    Some(Self::Subscribe)
                }
                Reading::Connections => None,
            },
            Call::Live | Call::Ready => None,
        }
    }
}

impl Access {
    /// Whoever has one of these may do that; nobody needs one of none.
    pub const fn new(publish: Tokens, subscribe: Tokens) -> Self {
        Self { publish, subscribe }
    }

    /// Whether nothing needs a token.
    pub fn is_open(&self) -> bool {
        self.publish.is_empty() && self.subscribe.is_empty()
    }

    /// The tokens that let do something.
    pub const fn tokens(&self, right: Right) -> &Tokens {
        match right {
            Right::Publish => &self.publish,
            Right::Subscribe => &self.subscribe,
        }
    }

    /// Lets a request in, or says why not. What it has shown is kept where it may be asked again.
    ///
    /// # Errors
    /// [`Fault::TokenMissing`], [`Fault::TokenRefused`], [`Fault::TokenRepeated`].
    pub fn admit(&self, ask: &Ask, head: &Head<'_, '_>) -> Result<Option<Pass>, Fault> {
        let Some(right) = Right::of(ask).filter(|_| !self.is_open()) else { return Ok(None) };
        let shown = shown(head)?;
        self.check(right, shown.as_ref(), Tokens::admit)?;
        Ok(Some(Pass { right, shown }))
    }

    /// Whether what was let in once would be let in now. Whoever is there is looked up when the
    /// tokens are others: thousands at once, who have not asked and learn nothing of how long it
    /// takes.
    ///
    /// # Errors
    /// [`Fault::TokenMissing`], [`Fault::TokenRefused`].
    pub fn renew(&self, pass: &Pass) -> Result<(), Fault> {
        self.check(pass.right, pass.shown.as_ref(), Tokens::have)
    }

    /// Whether whoever was let in may change something, too.
    ///
    /// # Errors
    /// [`Fault::TokenMissing`], [`Fault::TokenRefused`].
    pub fn may_publish(&self, pass: Option<&Pass>) -> Result<(), Fault> {
        self.check(Right::Publish, pass.and_then(|pass| pass.shown.as_ref()), Tokens::admit)
    }

    fn check(
        &self,
        right: Right,
        shown: Option<&Digest>,
        is_one: fn(&Tokens, &Digest) -> bool,
    ) -> Result<(), Fault> {
        let tokens = self.tokens(right);
        match shown {
            _ if tokens.is_empty() => Ok(()),
            None => Err(Fault::TokenMissing),
            Some(shown) if is_one(tokens, shown) => Ok(()),
            Some(_) => Err(Fault::TokenRefused),
        }
    }
}

/// What a request was let in for, and the token that it has shown.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Pass {
    right: Right,
    shown: Option<Digest>,
}

/// The token that a request shows.
fn shown(head: &Head<'_, '_>) -> Result<Option<Digest>, Fault> {
    let mut fields = head.fields("Authorization");
    let field = fields.next();
    if fields.next().is_some() {
        return Err(Fault::TokenRepeated);
    }
    let borne = field.and_then(bearer);
    let target = Target::parse(head.target)?;
    let mut given = target.queries("token");
    let told = given.next().transpose()?;
    if told.is_some() && given.next().transpose()?.is_some() {
        return Err(Fault::TokenRepeated);
    }
    match (borne, told) {
        // RFC 6750 §2: "Clients MUST NOT use more than one method to transmit the token in each
        // request."
        (Some(_), Some(_)) => Err(Fault::TokenRepeated),
        (Some(token), None) => Ok(Some(Digest::of(token))),
        (None, Some(token)) => Ok(Some(Digest::of(token.as_bytes()))),
        (None, None) => Ok(None),
    }
}

/// The token of `Bearer <token>` (RFC 6750 §2.1). Other credentials are for somebody else, such as
/// a proxy in front of us.
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = credentials.split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && rest.first() == Some(&b' ');
    is_bearer.then(|| rest.trim_ascii())
}

/// Tokens that let do the same.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tokens {
    digests: BTreeSet<Digest>,
}

impl Tokens {
    /// Adds one; a second time it changes nothing.
    pub fn add(&mut self, token: &str) {
        self.digests.insert(Digest::of(token.as_bytes()));
    }

    /// Whether what somebody shows is one of them, in a time that tells nothing but how many.
    fn admit(&self, shown: &Digest) -> bool {
        is_among(shown, self.digests.iter())
    }

    /// The same, looked up.
    fn have(&self, shown: &Digest) -> bool {
        self.digests.contains(shown)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }
}

/// What is kept of a token: its SHA-1.
///
/// Whoever wanted another text of the same digest would have to find a second preimage, which is as
/// far away as guessing. Making it takes a time that tells how long the given text is, and nothing
/// of the tokens that there are, not even their length.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; DIGEST_BYTES]);

impl Digest {
    /// The digest of a token.
    pub fn of(token: &[u8]) -> Self {
        Self(Sha1::digest(token).into())
    }

    /// Whether two are the same, in a time that does not tell where they differ.
    pub fn is(&self, other: &Self) -> bool {
        is_among(self, std::iter::once(other))
    }
}

/// A digest can be tried against guesses: it is no text for a log, either.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// Whether a digest is one of these. Every byte of every one is looked at, whatever the bytes
/// before were: the time tells how many there are, not which it is, nor how much of it is right.
fn is_among<'d>(digest: &Digest, those: impl Iterator<Item = &'d Digest>) -> bool {
    let found = those.fold(0_u8, |found, one| {
        let bytes = digest.0.iter().zip(&one.0);
        let differs = bytes.fold(0_u8, |differs, (one, other)| black_box(differs | (one ^ other)));
        // 1 if nothing differs, without a branch: only 0 borrows from the byte above.
        let is_same = (u16::from(differs).wrapping_sub(1) >> 8) & 1;
        black_box(found | u8::from(is_same == 1))
    });
    found != 0
}

/// RFC 6750 §2.1; schemes are compared without case (RFC 9110 §11.1).
const SCHEME: &[u8] = b"Bearer";
const DIGEST_BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::route;
    use crate::wire::cursor::Parse;
    use crate::wire::head::{self, Scan};

    fn tokens(those: &[&str]) -> Tokens {
        let mut tokens = Tokens::default();
        those.iter().for_each(|token| tokens.add(token));
        tokens
    }

    /// What a request may do that has this request line, and these field lines.
    fn admitted(access: &Access, line: &str, fields: &str) -> Result<bool, Fault> {
        let bytes = format!("{line} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let mut room = head::room();
        let parsed = head::parse(bytes.as_bytes(), &mut Scan::default(), &mut room);
        let Ok(Parse::Complete(head, _)) = parsed else { panic!("{parsed:?}") };
        let ask = route::resolve(&head, &Limits::default()).unwrap();
        access.admit(&ask, &head).map(|pass| pass.is_some())
    }

    /// Request lines, and what each needs.
    const ASKED: &[(&str, Option<Right>)] = &[
        ("POST /c/n", Some(Right::Publish)),
        ("PUT /c/n", Some(Right::Publish)),
        ("DELETE /c/n", Some(Right::Publish)),
        ("GET /polling/publish/n", Some(Right::Publish)),
        ("POST /message/read/n", Some(Right::Publish)),
        ("GET /socket/publish?userId=n&message=m", Some(Right::Publish)),
        ("GET /payback?payid=n", Some(Right::Publish)),
        ("GET /c/n", Some(Right::Subscribe)),
        ("HEAD /c/n", Some(Right::Subscribe)),
        ("GET /c/n/poll", Some(Right::Subscribe)),
        ("GET /c/n/longpoll", Some(Right::Subscribe)),
        ("GET /c/n/iframe", Some(Right::Subscribe)),
        ("GET /c/n/stream", Some(Right::Subscribe)),
        ("GET /c/n/sse", Some(Right::Subscribe)),
        ("GET /c/n/ws", Some(Right::Subscribe)),
        ("GET /c/n/receipts/7-1", Some(Right::Subscribe)),
        ("GET /c/n/envelopes/7-1", Some(Right::Subscribe)),
        ("GET /polling/watch/n", Some(Right::Subscribe)),
        ("GET /message/count/n", Some(Right::Subscribe)),
        ("GET /iframe/message", Some(Right::Subscribe)),
        ("GET /iframe/message/n", Some(Right::Subscribe)),
        ("GET /sse/sub/n", Some(Right::Subscribe)),
        ("GET /webSocket/n", Some(Right::Subscribe)),
        ("GET /websocket/n", Some(Right::Subscribe)),
        ("GET /received/n", Some(Right::Subscribe)),
        ("GET /orderpay?payid=n", Some(Right::Subscribe)),
        ("GET /ws/asset", Some(Right::Subscribe)),
        ("GET /online", Some(Right::Subscribe)),
        ("GET /ledger", Some(Right::Subscribe)),
        ("GET /metrics", Some(Right::Subscribe)),
        ("GET /echo", None),
        ("GET /healthz", None),
        ("GET /livez", None),
        ("GET /readyz", None),
        ("GET /inspect/connections", None),
        ("GET /inspect/events", None),
        ("GET /", None),
        ("GET /chat", None),
        ("OPTIONS /c/n", None),
    ];

    #[test]
    fn every_address_needs_what_it_does() {
        let access = Access::new(tokens(&["publisher"]), tokens(&["subscriber"]));
        for (line, right) in ASKED {
            let with = |token: &str| {
                admitted(&access, line, &format!("Authorization: Bearer {token}\r\n"))
            };
            let needs = |of| match right {
                None => Ok(false),
                Some(right) if *right == of => Ok(true),
                Some(_) => Err(Fault::TokenRefused),
            };
            let without = right.map_or(Ok(false), |_| Err(Fault::TokenMissing));
            assert_eq!(admitted(&access, line, ""), without, "{line}");
            assert_eq!(with("publisher"), needs(Right::Publish), "{line}");
            assert_eq!(with("subscriber"), needs(Right::Subscribe), "{line}");
        }
    }

    #[test]
    fn no_address_is_forgotten() {
        for route in route::ROUTES {
            let parts: Vec<&str> = route.path.split('/').collect();
            let stands = |line: &str| {
                let path = line.split([' ', '?']).nth(1).unwrap_or_default();
                let segments: Vec<&str> = path.split('/').collect();
                let mut pairs = parts.iter().zip(&segments);
                parts.len() == segments.len()
                    && pairs.all(|(part, segment)| part == segment || part.starts_with('{'))
            };
            assert!(ASKED.iter().any(|(line, _)| stands(line)), "{} is in no row", route.path);
        }
    }

    #[test]
    fn a_token_is_shown_once_and_in_one_way() {
        let access = Access::new(tokens(&["a+b/c~d-e==", "other.one"]), Tokens::default());
        let cases = [
            ("POST /c/n", "Authorization: Bearer a+b/c~d-e==\r\n", Ok(true)),
            ("POST /c/n", "authorization: bEARER   other.one \r\n", Ok(true)),
            ("POST /c/n?token=a%2Bb/c~d-e==", "", Ok(true)),
            ("POST /c/n?event=e&%74oken=other%2Eone", "", Ok(true)),
            // A proxy's credentials are none of ours.
            ("POST /c/n?token=other.one", "Authorization: Basic YTpi\r\n", Ok(true)),
            ("GET /c/n/poll", "", Ok(true)),
            ("POST /c/n", "Authorization: Basic YTpi\r\n", Err(Fault::TokenMissing)),
            ("POST /c/n", "Authorization: Bearer\r\n", Err(Fault::TokenMissing)),
            ("POST /c/n", "Authorization: Bearerother.one\r\n", Err(Fault::TokenMissing)),
            ("POST /c/n", "Authorization: Bearer other.on\r\n", Err(Fault::TokenRefused)),
            ("POST /c/n", "Authorization: Bearer Other.one\r\n", Err(Fault::TokenRefused)),
            ("POST /c/n", "Authorization: Bearer other.one,x\r\n", Err(Fault::TokenRefused)),
            ("POST /c/n?token=", "", Err(Fault::TokenRefused)),
            // A plus is a blank there, as in a form.
            ("POST /c/n?token=a+b/c~d-e==", "", Err(Fault::TokenRefused)),
            (
                "POST /c/n?token=other.one",
                "Authorization: Bearer other.one\r\n",
                Err(Fault::TokenRepeated),
            ),
            ("POST /c/n?token=other.one&token=other.one", "", Err(Fault::TokenRepeated)),
            ("POST /c/n?token=&a=b&%74oken=other.one", "", Err(Fault::TokenRepeated)),
            (
                "POST /c/n",
                "Authorization: Bearer other.one\r\nAuthorization: Bearer other.one\r\n",
                Err(Fault::TokenRepeated),
            ),
        ];
        for (line, fields, expected) in cases {
            assert_eq!(admitted(&access, line, fields), expected, "{line} {fields}");
        }
        assert_eq!(admitted(&Access::default(), "POST /c/n?token=x", ""), Ok(false));
    }

    #[test]
    fn every_token_is_looked_at_wherever_the_right_one_stands() {
        let digests: Vec<Digest> = (0..9_u8).map(|token| Digest::of(&[token])).collect();
        for shown in 0..12_u8 {
            let mut looked_at = 0;
            let all = digests.iter().inspect(|_| looked_at += 1);
            assert_eq!(is_among(&Digest::of(&[shown]), all), shown < 9);
            assert_eq!(looked_at, digests.len(), "token {shown}");
        }
        // One bit is enough to differ, whichever it is.
        let one = Digest::of(b"a");
        for bit in 0..8 * DIGEST_BYTES {
            let mut other = one.clone();
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!one.is(&other) && one.is(&one));
        }
    }

    #[test]
    fn a_token_leaves_no_trace_in_what_is_printed() {
        let access = Access::new(tokens(&["secret-token"]), tokens(&["secret-token"]));
        assert!(!format!("{access:?}").contains("secret"));
        assert_eq!(access.tokens(Right::Publish).len(), 1);
        let mut twice = tokens(&["a", "a", "b"]);
        twice.add("b");
        assert_eq!(twice.len(), 2);
    }
}
