//! What stands at an address: a mechanism, a call, or a page.
//!
//! [`ROUTES`] is the only list of addresses; the README and the pages are checked against it.

mod content;
mod query;
mod reading;
mod table;

pub use reading::{Reading, Witness};
pub use table::{Place, ROUTES, Route};

use std::borrow::Cow;
use std::sync::Arc;

use crate::cost::Owner;
use crate::fault::Fault;
use crate::hub::{Hub, Upto};
use crate::id::{Id, Kind, Since, decimal};
use crate::limits::{self, Limits};
use crate::mech::mould::{Address, Brought, Dress};
use crate::route::content::{accepts_event_stream, announced};
use crate::route::query::{Parameter, Query};
use crate::route::table::READ;
use crate::site::{self, Page};
use crate::slow::{self, Policy};
use crate::wire::head::{Head, Method};
use crate::wire::target::Target;

/// What a request asks for.
#[derive(Debug)]
pub enum Ask {
    /// To be pushed to.
    Subscribe(Subscription),
    /// Something that is answered at once, after its content has come.
    Call(Call),
    /// A page or one of its parts.
    Page(&'static Page),
    /// What the address takes (RFC 9110 §9.3.7; Fetch, CORS preflight).
    Options(&'static str),
}

impl Ask {
    /// On whose account the connection is from this request on.
    pub const fn owner(&self) -> Owner {
        match self {
            Self::Subscribe(subscription) => Owner::Mech(subscription.kind),
            Self::Call(
                Call::Publish { .. }
                | Call::ArticlePublish(..)
                | Call::SocketPublish(..)
                | Call::Payback(_),
            ) => Owner::Publish,
            Self::Call(_) | Self::Page(_) | Self::Options(_) => Owner::Request,
        }
    }

    /// Whether it shows what others say and hear.
    pub fn inspects(&self) -> bool {
        match self {
            Self::Subscribe(subscription) => {
                matches!(subscription.address, Address::Inspector { .. })
            }
            Self::Call(Call::Read(Reading::Connections)) => true,
            Self::Page(page) => page.path == INSPECT,
            Self::Call(_) | Self::Options(_) => false,
        }
    }

    /// Whether only a viewer asks for it: what the inspector shows, or a part of its page.
    pub fn is_viewers(&self) -> bool {
        let is_part = |path: &str| path.starts_with(INSPECT_PARTS);
        self.inspects() || matches!(self, Self::Page(page) if is_part(page.path))
    }

    /// Whether it only asks again: a poll that brings the cursor of the one before it.
    pub fn repeats(&self) -> bool {
        let Self::Subscribe(subscription) = self else { return false };
        matches!(subscription.kind, Kind::Poll | Kind::LongPoll)
            && subscription.cursor == Brought::Cursor
    }
}

/// Everything that opens a mechanism, but the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// Which mechanism.
    pub kind: Kind,
    /// Which of its addresses was called.
    pub address: Address,
    /// The channel; an echo has none.
    pub channel: Option<String>,
    /// Where to begin.
    pub since: Since,
    /// Whether that is the client's own cursor.
    pub cursor: Brought,
    /// How payloads are dressed.
    pub dress: Dress,
    /// For how long it may be parked, in microseconds.
    pub park_us: u64,
    /// What is to be done if its reader is slow, if the client has said so.
    pub slow: Option<Policy>,
}

impl Subscription {
    /// How long the answer may be kept.
    pub const fn cache_control(&self) -> &'static str {
        match self.kind {
            Kind::Sse => "no-cache, no-transform",
            _ => "no-store",
        }
    }

    /// The media type that the answer would have.
    pub const fn media_type(&self) -> &'static str {
        match self.kind {
            Kind::Poll | Kind::LongPoll | Kind::WebSocket => "application/json",
            Kind::Iframe => "text/html; charset=utf-8",
            Kind::XhrStream => "application/x-ndjson",
            Kind::Sse => "text/event-stream",
        }
    }
}

/// What is answered at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// Publish the content.
    Publish {
        /// To this channel.
        channel: String,
        /// As an event of this type.
        name: Option<Arc<str>>,
        /// Announced as this.
        content: Announced,
    },
    /// Tell about a channel.
    Info(String),
    /// End a channel.
    Delete(String),
    /// Publish as the polling article does.
    ArticlePublish(String, Option<String>),
    /// Publish to a user.
    SocketPublish(String, String),
    /// Report a payment.
    Payback(String),
    /// Count what is unread.
    Count(String),
    /// Mark as read, up to this place or all.
    MarkRead(String, Upto),
    /// List what a user's clients have said.
    Received(String),
    /// Count who is connected.
    Online,
    /// One message as every mechanism sends it.
    Envelopes(String, Id),
    /// Read the ledger.
    Read(Reading),
    /// Say that the server lives.
    Live,
    /// Say that the server takes requests.
    Ready,
}

/// What `Content-Type` announces a published message to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Announced {
    /// Text: it must be UTF-8.
    Text,
    /// Anything.
    Binary,
    /// Not said: text if it is UTF-8.
    Unsaid,
}

/// Why nothing stands there, and what the address would take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The reason.
    pub fault: Fault,
    /// The `Allow` of a 405.
    pub allow: &'static str,
}

impl<F: Into<Fault>> From<F> for Refusal {
    fn from(fault: F) -> Self {
        Self { fault: fault.into(), allow: "" }
    }
}

/// Finds what a request asks for.
pub fn resolve(head: &Head<'_, '_>, limits: &Limits) -> Result<Ask, Refusal> {
    if head.method == Method::Unknown {
        return Err(Fault::MethodUnknown.into());
    }
    let target = Target::parse(head.target)?;
    if target.is_asterisk() {
        return match head.method {
            Method::Options => Ok(Ask::Options(EVERYTHING)),
            _ => Err(Fault::NotFound.into()),
        };
    }
    let segments = target.segments()?;
    let segments = segments.as_slice();
    let first = segments.first().and_then(|segment| segment.bytes().next()).unwrap_or_default();
    let last = segments.last().map_or("", AsRef::as_ref);
    // Most end with another segment.
    let may_fit = |path: &str| path.ends_with('}') || path.ends_with(last);
    let mut routes = table::beginning_with(first).filter(|route| may_fit(route.path));
    let Some((route, names)) = routes.find_map(|route| matching(route, segments)) else {
        return resolve_page(head.method, target.path());
    };
    if head.method == Method::Options {
        return Ok(Ask::Options(route.allow));
    }
    if !route.takes(head.method) {
        return Err(Refusal { fault: Fault::MethodRefused, allow: route.allow });
    }
    let request = Request { head, query: Query::of(&target), names, limits };
    request.ask(route)
}

fn resolve_page(method: Method, path: &str) -> Result<Ask, Refusal> {
    let page = site::page(path).ok_or(Fault::NotFound)?;
    match method {
        Method::Get | Method::Head => Ok(Ask::Page(page)),
        Method::Options => Ok(Ask::Options(READ)),
        _ => Err(Refusal { fault: Fault::MethodRefused, allow: READ }),
    }
}

/// The route, and the segments that its braces stand for, if the path is of its form.
fn matching<'s>(route: &'static Route, segments: &'s [Cow<'s, str>]) -> Option<Matched<'s>> {
    let mut rest = route.path;
    let mut names = [None; 2];
    let mut places = names.iter_mut();
    for segment in segments {
        rest = rest.strip_prefix('/')?;
        if rest.starts_with('{') {
            *places.next()? = Some(segment.as_ref());
            let end = rest.bytes().position(|byte| byte == b'}')?;
            rest = rest.get(end + 1..)?;
        } else {
            // An escaped `/` separates nothing.
            rest = rest.strip_prefix(segment.as_ref()).filter(|_| !segment.contains('/'))?;
        }
    }
    rest.is_empty().then_some((route, names))
}

type Matched<'s> = (&'static Route, [Option<&'s str>; 2]);

/// A request on its way to what it asks for.
struct Request<'a, 'b> {
    head: &'a Head<'b, 'a>,
    query: Query<'b>,
    names: [Option<&'a str>; 2],
    limits: &'a Limits,
}

impl Request<'_, '_> {
    fn ask(&self, route: &Route) -> Result<Ask, Refusal> {
        let call = match route.place {
            Place::Channel => return self.channel_place(),
            Place::Mech(kind, address) => return self.subscribe(kind, address),
            Place::ArticlePublish => {
                let channel = self.channel()?;
                Call::ArticlePublish(channel, self.query(Parameter::Message)?.map(Cow::into_owned))
            }
            Place::SocketPublish => {
                let channel = self.channel_in(Parameter::UserId)?;
                Call::SocketPublish(channel, self.required(Parameter::Message)?.into_owned())
            }
            Place::Payback => Call::Payback(self.order()?),
            Place::Count => Call::Count(self.channel()?),
            Place::MarkRead => Call::MarkRead(self.channel()?, self.upto()?),
            Place::Received => Call::Received(self.channel()?),
            Place::Online => Call::Online,
            Place::Health if route.path == "/readyz" => Call::Ready,
            Place::Health => Call::Live,
            Place::Ledger => Call::Read(self.statement()?),
            Place::Metrics => Call::Read(Reading::Metrics),
            Place::Receipt => Call::Read(self.receipt()?),
            Place::Envelopes => {
                let [_, id] = self.names;
                let id = id.and_then(Id::parse).ok_or(Fault::MessageUnknown)?;
                Call::Envelopes(self.channel()?, id)
            }
            Place::Connections => Call::Read(Reading::Connections),
            Place::Viewing => {
                let shows_own = self.query(Parameter::Own)?.as_deref() == Some("1");
                return self.subscribe(Kind::Sse, Address::Inspector { shows_own });
            }
        };
        Ok(Ask::Call(call))
    }

    /// A snapshot is named as messages are; whatever else it may be, it is no snapshot's name.
    fn statement(&self) -> Result<Reading, Refusal> {
        let since = match self.query(Parameter::Since)? {
            Some(name) => Some(Id::parse(&name).ok_or(Fault::SnapshotUnknown)?),
            None => None,
        };
        let witness = match self.query(Parameter::Kernel)?.as_deref() {
            None | Some("0") => Witness::Ledger,
            Some("1") => Witness::Kernel,
            Some(_) => return Err(Fault::WitnessRefused.into()),
        };
        Ok(Reading::Statement { since, witness })
    }

    fn receipt(&self) -> Result<Reading, Refusal> {
        let [_, id] = self.names;
        let id = id.and_then(Id::parse).ok_or(Fault::ReceiptUnknown)?;
        Ok(Reading::Receipt { channel: self.channel()?, id })
    }

    /// One address, told apart by method, `Upgrade` and `Accept`.
    fn channel_place(&self) -> Result<Ask, Refusal> {
        let call = match self.head.method {
            Method::Post | Method::Put => Call::Publish {
                channel: self.channel()?,
                name: self.event_name()?,
                content: announced(self.head)?,
            },
            Method::Delete => Call::Delete(self.channel()?),
            _ if self.head.upgrade_websocket => {
                return self.subscribe(Kind::WebSocket, Address::Canonical);
            }
            _ if accepts_event_stream(self.head) => {
                return self.subscribe(Kind::Sse, Address::Canonical);
            }
            _ => Call::Info(self.channel()?),
        };
        Ok(Ask::Call(call))
    }

    fn subscribe(&self, kind: Kind, address: Address) -> Result<Ask, Refusal> {
        let channel = match address {
            Address::Echo | Address::Inspector { .. } => None,
            Address::Chat => Some(CHAT.to_owned()),
            Address::Order => Some(self.order()?),
            Address::Article if self.names == [None; 2] => Some(ARTICLE_USER.to_owned()),
            Address::Canonical | Address::Article => Some(self.channel()?),
        };
        let brought = self.cursor(kind)?;
        let since = brought.unwrap_or(match (kind, address) {
            (_, Address::Order) => Since::Ago(limits::ORDER_RESUME_US),
            (Kind::Poll, _) => Since::All,
            _ => Since::Latest,
        });
        let cursor = brought.map_or(Brought::Nothing, |_| Brought::Cursor);
        let dress = match self.query(Parameter::Envelope)?.as_deref() {
            None | Some("none") => Dress::Bare,
            Some("json") => Dress::Envelope,
            Some(_) => return Err(Fault::EnvelopeRefused.into()),
        };
        Ok(Ask::Subscribe(Subscription {
            kind,
            address,
            channel,
            since,
            cursor,
            dress,
            park_us: self.park_us()?,
            slow: self.slow(kind, address)?,
        }))
    }

    fn slow(&self, kind: Kind, address: Address) -> Result<Option<Policy>, Refusal> {
        let Some(name) = self.query(Parameter::Slow)? else { return Ok(None) };
        let policy = Policy::named(&name).filter(|_| slow::streams(kind));
        let policy = policy.ok_or(Fault::SlowRefused)?;
        // A clock and an order have no words for a gap.
        let is_mute =
            matches!((kind, address), (Kind::Iframe, Address::Article) | (_, Address::Order));
        if is_mute && policy != Policy::Close {
            return Err(Fault::SlowUntold.into());
        }
        Ok(Some(policy))
    }

    /// The cursor that a client sends by itself goes before the one in the address, which is as
    /// old as the page. What is no cursor there is none: it may come from another server.
    fn cursor(&self, kind: Kind) -> Result<Option<Since>, Refusal> {
        let field = match kind {
            Kind::Sse => self.head.text("Last-Event-ID"),
            Kind::Poll | Kind::LongPoll => self.head.text("If-None-Match").map(opaque_tag),
            Kind::Iframe | Kind::XhrStream | Kind::WebSocket => None,
        };
        if let Some(id) = field.and_then(Id::parse) {
            return Ok(Some(Since::Id(id)));
        }
        match self.query(Parameter::Since)? {
            None => Ok(None),
            Some(text) => Ok(Some(Since::parse(&text).ok_or(Fault::CursorRefused)?)),
        }
    }

    fn park_us(&self) -> Result<u64, Refusal> {
        let Some(text) = self.query(Parameter::Timeout)? else { return Ok(self.limits.park_us) };
        let seconds = decimal(&text).ok_or(Fault::TimeoutRefused)?;
        Ok(seconds.saturating_mul(crate::clock::SECOND_US).min(self.limits.park_us_max))
    }

    fn channel(&self) -> Result<String, Refusal> {
        self.named(self.names[0].unwrap_or_default())
    }

    fn channel_in(&self, parameter: Parameter) -> Result<String, Refusal> {
        self.named(&self.required(parameter)?)
    }

    /// An order's channel: its messages are nobody's inbox.
    fn order(&self) -> Result<String, Refusal> {
        self.named(&format!("order/{}", self.channel_in(Parameter::PayId)?))
    }

    fn named(&self, name: &str) -> Result<String, Refusal> {
        match Hub::may_name(name, self.limits.channel_bytes_max) {
            true => Ok(name.to_owned()),
            false => Err(Fault::ChannelRefused.into()),
        }
    }

    fn required(&self, parameter: Parameter) -> Result<Cow<'_, str>, Refusal> {
        self.query(parameter)?.ok_or(Fault::ParameterMissing.into())
    }

    fn query(&self, parameter: Parameter) -> Result<Option<Cow<'_, str>>, Refusal> {
        Ok(self.query.value(parameter)?)
    }

    fn upto(&self) -> Result<Upto, Refusal> {
        let Some(text) = self.query(Parameter::Upto)? else { return Ok(Upto::Newest) };
        let id = Id::parse(&text).map(Upto::Id);
        Ok(id.or_else(|| decimal(&text).map(Upto::Offset)).ok_or(Fault::CursorRefused)?)
    }

    fn event_name(&self) -> Result<Option<Arc<str>>, Refusal> {
        let Some(name) = self.query(Parameter::Event)? else { return Ok(None) };
        let fits = !name.is_empty() && name.len() <= limits::EVENT_NAME_BYTES_MAX;
        if !fits || name.chars().any(char::is_control) {
            return Err(Fault::EventNameRefused.into());
        }
        if RESERVED.contains(&name.as_ref()) {
            return Err(Fault::EventNameReserved.into());
        }
        Ok(Some(Arc::from(name)))
    }
}

/// `"id"` or `W/"id"` (RFC 9110 §8.8.3).
fn opaque_tag(text: &str) -> &str {
    text.trim().trim_start_matches("W/").trim_matches('"')
}

/// Event types that the server itself uses.
const RESERVED: [&str; 3] = ["gap", "envelope", "end"];
/// The channel of the chat.
const CHAT: &str = "asset";
/// The user of the reference articles, whose inbox is meant where none is named.
const ARTICLE_USER: &str = "10086";
/// The inspector's page.
const INSPECT: &str = "/inspect";
/// What the addresses of its parts begin with.
const INSPECT_PARTS: &str = "/site/inspect";
/// What some address or other takes.
const EVERYTHING: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
