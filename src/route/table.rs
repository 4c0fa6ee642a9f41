//! The list of addresses.

use crate::id::Kind;
use crate::mech::mould::Address;
use crate::wire::method::Method;

/// One line of the table of addresses.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The path: `{…}` stands for one segment.
    pub path: &'static str,
    /// What it takes, as the `Allow` field says it.
    pub allow: &'static str,
    /// What stands there.
    pub place: Place,
    /// What it does, in one line.
    pub does: &'static str,
}

impl Route {
    /// Whether this method is allowed.
    pub(super) fn takes(&self, method: Method) -> bool {
        let mut allowed = self.allow.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        allowed.any(|name| name == method.as_str().as_bytes())
    }
}

/// What stands at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A channel: publish, ask, delete, or subscribe by negotiation.
    Channel,
    /// A mechanism.
    Mech(Kind, Address),
    /// `/polling/publish/{id}`.
    ArticlePublish,
    /// `/socket/publish`.
    SocketPublish,
    /// `/payback`.
    Payback,
    /// `/message/count/{id}`.
    Count,
    /// `/message/read/{id}`.
    MarkRead,
    /// `/received/{id}`.
    Received,
    /// `/online`.
    Online,
    /// Whether the server lives and takes requests.
    Health,
    /// `/ledger`.
    Ledger,
    /// `/metrics`.
    Metrics,
    /// `/c/{channel}/receipts/{id}`.
    Receipt,
    /// `/c/{channel}/envelopes/{id}`.
    Envelopes,
    /// `/inspect/connections`.
    Connections,
    /// `/inspect/events`.
    Viewing,
}

/// The routes whose paths begin with this byte, behind the slash.
pub(super) fn beginning_with(byte: u8) -> impl Iterator<Item = &'static Route> {
    let routes = FIRST_BYTES.iter().zip(ROUTES);
    routes.filter(move |(first, _)| **first == byte).map(|(_, route)| route)
}

/// Every address but those of pages.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/c/{channel}",
        allow: "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        place: Place::Channel,
        does: "POST or PUT publishes the body; GET asks, or subscribes by SSE or WebSocket when \
               Accept or Upgrade say so; DELETE ends the channel",
    },
    mech("/c/{channel}/poll", Kind::Poll, Address::Canonical, "what is new, at once; or 304"),
    mech("/c/{channel}/longpoll", Kind::LongPoll, Address::Canonical, "what is new, when it is"),
    mech("/c/{channel}/iframe", Kind::Iframe, Address::Canonical, "a script per message"),
    mech("/c/{channel}/stream", Kind::XhrStream, Address::Canonical, "a line per message"),
    mech("/c/{channel}/sse", Kind::Sse, Address::Canonical, "an event per message"),
    mech("/c/{channel}/ws", Kind::WebSocket, Address::Canonical, "a frame per message, both ways"),
    call("/c/{channel}/receipts/{id}", Place::Receipt, "what a message has cost, by mechanism"),
    call("/c/{channel}/envelopes/{id}", Place::Envelopes, "a message as every mechanism sends it"),
    mech("/polling/watch/{id}", Kind::LongPoll, Address::Article, "the next message, bare; or 304"),
    change("/polling/publish/{id}", Place::ArticlePublish, "publishes; ?message= says what"),
    call("/message/count/{id}", Place::Count, "how many messages are unread"),
    Route {
        path: "/message/read/{id}",
        allow: "POST, OPTIONS",
        place: Place::MarkRead,
        does: "marks all read, or those up to ?upto=; answers what is left",
    },
    mech("/iframe/message", Kind::Iframe, Address::Article, "clock and count of user 10086"),
    mech("/iframe/message/{id}", Kind::Iframe, Address::Article, "clock and count, on change"),
    mech("/sse/sub/{id}", Kind::Sse, Address::Article, "an event per message"),
    mech("/webSocket/{id}", Kind::WebSocket, Address::Article, "a frame per message; listens"),
    mech("/websocket/{id}", Kind::WebSocket, Address::Article, "the same"),
    call("/received/{id}", Place::Received, "what clients of /webSocket/{id} have said"),
    change("/socket/publish", Place::SocketPublish, "publishes ?message= to ?userId="),
    mech("/orderpay", Kind::Sse, Address::Order, "awaits the payment of ?payid="),
    change("/payback", Place::Payback, "reports the payment of ?payid="),
    mech("/ws/asset", Kind::WebSocket, Address::Chat, "the chat: everything goes to everyone"),
    call("/online", Place::Online, "how many are connected, by mechanism"),
    mech("/echo", Kind::WebSocket, Address::Echo, "sends every message back"),
    call("/healthz", Place::Health, "200 while the server lives"),
    call("/livez", Place::Health, "the same"),
    call("/readyz", Place::Health, "200 until the server drains, then 503"),
    call("/ledger", Place::Ledger, "what everything has cost, in all or ?since= a snapshot"),
    call("/metrics", Place::Metrics, "the same for Prometheus"),
    call("/inspect/connections", Place::Connections, "who is connected, one by one"),
    call("/inspect/events", Place::Viewing, "event stream of what others say and hear, dissected"),
];

const fn mech(path: &'static str, kind: Kind, address: Address, does: &'static str) -> Route {
    Route { path, allow: READ, place: Place::Mech(kind, address), does }
}

const fn call(path: &'static str, place: Place, does: &'static str) -> Route {
    Route { path, allow: READ, place, does }
}

/// The articles change things by GET; HEAD at least must not (RFC 9110 §9.2.1).
const fn change(path: &'static str, place: Place, does: &'static str) -> Route {
    Route { path, allow: "GET, OPTIONS", place, does }
}

const fn first_bytes() -> [u8; ROUTES.len()] {
    let mut bytes = [0; ROUTES.len()];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = ROUTES[at].path.as_bytes()[1];
        at += 1;
    }
    bytes
}

/// The first byte of each path, behind its slash: most are another than is asked for.
const FIRST_BYTES: [u8; ROUTES.len()] = first_bytes();
/// What a page or a stream takes.
pub(super) const READ: &str = "GET, HEAD, OPTIONS";
