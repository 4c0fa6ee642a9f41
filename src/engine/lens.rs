//! Whoever looks: which bytes are taken down, who may look, and how viewers are told.

use std::sync::Arc;

use super::Engine;
use crate::access::Digest;
use crate::conn::{Conn, State};
use crate::cost::{Owner, Phase};
use crate::dissect::{Dissector, Joining};
use crate::event::Payload;
use crate::fault::Fault;
use crate::host;
use crate::hub::{Channel, Draft};
use crate::id::{ChannelKey, Token};
use crate::inspect::{self, Connection, Lens, Peer};
use crate::limits;
use crate::mech::Mech;
use crate::mech::mould::{Coding, Dress};
use crate::origin::Origins;
use crate::route::Ask;
use crate::slow;
use crate::timer::Waiter;
use crate::wire::body::Body;
use crate::wire::field::Content;
use crate::wire::head::Head;
use crate::wire::target::Target;
use crate::wire::ws_frame::Role;

/// The inspector's part of the engine.
#[derive(Debug, Default)]
pub(super) struct Viewing {
    /// There as long as somebody looks.
    lens: Option<Box<Lens>>,
    /// Lets others look than whoever sits at this machine.
    token: Option<Digest>,
    /// Whether a moment is armed at which viewers' own connections are told of.
    is_armed: bool,
}

impl Viewing {
    /// Nobody looks; with this token others may than whoever sits at this machine.
    pub(super) fn new(token: Option<String>) -> Self {
        // An empty one would let in whoever gives none.
        let token = token.filter(|token| !token.is_empty());
        Self { token: token.map(|token| Digest::of(token.as_bytes())), ..Self::default() }
    }

    /// A socket has given these bytes.
    pub(super) fn heard(&mut self, token: Token, bytes: &[u8]) {
        if let Some(lens) = &mut self.lens {
            lens.note(token, Role::Client, bytes);
        }
    }

    /// A socket is about to take so many bytes of a connection's queue.
    pub(super) fn said(&mut self, token: Token, conn: &Conn, bytes: usize) {
        if let Some(lens) = &mut self.lens {
            note_said(lens, token, conn, bytes);
        }
    }

    /// A connection was let in.
    pub(super) fn entered(&mut self, token: Token) {
        if let Some(lens) = &mut self.lens {
            lens.watch(token, Dissector::new(), 0);
        }
    }

    /// Whether viewers are to be told something in this very turn.
    pub(super) fn is_waiting(&self) -> bool {
        self.lens.as_ref().is_some_and(|lens| lens.is_waiting())
    }
}

/// Out of the way of those who are served while nobody looks.
#[cold]
fn note_said(lens: &mut Lens, token: Token, conn: &Conn, bytes: usize) {
    lens.note(token, Role::Server, &conn.queue.front_bytes(bytes));
}

impl Engine {
    /// The peer is on this machine.
    pub fn mark_local(&mut self, token: Token) {
        if let Some(conn) = self.conn_mut(token) {
            conn.is_local = true;
        }
    }

    /// Whether what is asked for may be asked from there: what others say and hear is shown only
    /// to whoever sits at this machine, or has the token.
    pub(super) fn may_inspect(&self, index: u32, ask: &Ask, head: &Head<'_, '_>) -> bool {
        if !ask.inspects() {
            return true;
        }
        let given = Target::parse(head.target).ok();
        let given = given.and_then(|target| target.query("token").ok().flatten());
        if let (Some(token), Some(given)) = (&self.viewing.token, &given) {
            return token.is(&Digest::of(given.as_bytes()));
        }
        let is_local = self.conns.get(index as usize).is_some_and(|conn| conn.is_local);
        // Who is behind a proxy on this machine does not sit here; a foreign name that was made to
        // lead here (DNS rebinding) is no reason to tell, nor that a page may subscribe from afar.
        let is_forwarded = FORWARDED.iter().any(|name| head.field(name).is_some());
        let is_foreign = Origins::default().is_foreign(head);
        is_local && !is_forwarded && host::is_local(head.host()) && !is_foreign
    }

    /// What is asked over a connection is a viewer's own question, or is not.
    pub(super) fn asks(&mut self, index: u32, is_own: bool) {
        let Some(lens) = &mut self.viewing.lens else { return };
        let Some(conn) = self.conns.get(index as usize) else { return };
        lens.asks(Token { index, generation: conn.generation }, is_own);
    }

    /// A viewer subscribes: from now on everything is taken down.
    pub(super) fn look(&mut self, index: u32, shows_own: bool) -> Result<ChannelKey, Fault> {
        let key = self.hub.channel_of_inspector(shows_own, self.turn.now)?;
        self.take_down();
        let Some(lens) = &mut self.viewing.lens else { return Ok(key) };
        if let Some(conn) = self.conns.get(index as usize) {
            lens.tells(Token { index, generation: conn.generation });
        }
        if shows_own {
            lens.show_own(true);
        }
        self.look_again();
        Ok(key)
    }

    /// From now on there is a lens.
    fn take_down(&mut self) {
        if self.viewing.lens.is_some() {
            return;
        }
        let mut lens = Box::<Lens>::default();
        self.tokens().into_iter().for_each(|token| lens.leave(token));
        self.viewing.lens = Some(lens);
    }

    /// Takes everything down if somebody looks on another loop: their viewers see all of them.
    pub(super) fn look_for_others(&mut self) {
        if self.hub.seat().is_some() && self.viewing.lens.is_none() && self.commons.is_viewed() {
            self.take_down();
            self.look_again();
        }
    }

    /// Looks at connections that were not looked at, from where they are now.
    fn look_again(&mut self) {
        let Some(lens) = &mut self.viewing.lens else { return };
        for token in lens.outside() {
            let conn = self.conns.get(token.index as usize);
            let conn = conn.filter(|conn| conn.generation == token.generation);
            let Some((conn, joining)) = conn.and_then(|conn| Some((conn, joining(conn)?))) else {
                continue;
            };
            lens.watch(token, Dissector::joining(joining), conn.queue.bytes());
            if joining_tail(conn) {
                lens.note(token, Role::Client, conn.tail.bytes());
            }
        }
    }

    /// Where viewers are told: in the one channel of what others do, in the other also of what
    /// they do themselves. None where nobody is.
    fn views(&mut self) -> [Option<ChannelKey>; 2] {
        [false, true].map(|shows_own| {
            let key = self.hub.channel_of_inspector(shows_own, self.turn.now).ok()?;
            let is_there = |channel: &Channel| channel.census().total() > 0;
            self.hub.channel(key).is_some_and(is_there).then_some(key)
        })
    }

    /// Tells viewers what was taken down; when there is none any more, nothing is.
    pub(super) fn tell_viewers(&mut self) {
        if self.viewing.lens.is_none() {
            return;
        }
        let views = self.views();
        if views == [None, None] {
            self.viewing.lens = None;
            return;
        }
        let Some(lens) = &mut self.viewing.lens else { return };
        lens.show_own(views[1].is_some());
        self.ledger.enter(Phase::Deliver, Some(Owner::Request));
        let told = lens.tell(self.turn.now.unix_us);
        let missed = lens.take_missed();
        let wants_own = lens.has_own() && !self.viewing.is_armed;
        for unit in &told {
            self.tell_viewer(views, "unit", unit);
        }
        if let Some(missed) = &missed {
            self.tell_viewer(views, "drop", missed);
        }
        self.look_again();
        if wants_own {
            self.viewing.is_armed = true;
            let at = self.turn.now.at.after(limits::LENS_OWN_US);
            self.timers.arm(at, Waiter::Viewers);
        }
    }

    /// Tells viewers of their own connections: seldom, because telling is traffic on them.
    pub(super) fn tell_own(&mut self) {
        self.viewing.is_armed = false;
        let Some(lens) = &mut self.viewing.lens else { return };
        let own = lens.take_own();
        let [_, view] = self.views();
        for unit in &own {
            self.tell_viewer([None, view], "unit", unit);
        }
    }

    /// A connection is about to be forgotten.
    pub(super) fn forget(&mut self, token: Token) {
        let Some(lens) = &mut self.viewing.lens else { return };
        let told = lens.end(token, self.turn.now.unix_us);
        let views = self.views();
        for unit in &told {
            self.tell_viewer(views, "unit", unit);
        }
    }

    fn tell_viewer(
        &mut self,
        views: [Option<ChannelKey>; 2],
        name: &str,
        what: &impl serde::Serialize,
    ) {
        let text = serde_json::to_string(what).unwrap_or_default();
        let draft = Draft { name: Some(Arc::from(name)), payload: Payload::Text(text.into()) };
        for key in views.into_iter().flatten() {
            // Where there is no room for it, viewers miss it as they do whatever is too much.
            let _ = self.hub.publish(key, draft.clone(), self.turn.now);
        }
    }

    /// Every connection, with what the reactor knows of its peer.
    pub(super) fn connections(&self, peer: impl Fn(Token) -> Option<Peer>) -> Vec<Connection> {
        let conns = self.conns.iter();
        let conns = conns.filter_map(|(slot, conn)| Some((u32::try_from(slot).ok()?, conn)));
        let told = conns.map(|(index, conn)| {
            let token = Token { index, generation: conn.generation };
            let Peer { address, rtt_us, unsent } = peer(token).unwrap_or_default();
            let lens = self.viewing.lens.as_ref();
            Connection {
                id: inspect::name(token),
                mechanism: mech(conn).map(|mech| mech.kind().name()),
                owner: conn.owner.map(Owner::name),
                peer: address,
                state: state(conn),
                read: conn.account.received(),
                taken: conn.account.taken(),
                queued: conn.queue.bytes(),
                unsent,
                behind: self.behind(conn),
                slow: mech(conn)
                    .filter(|mech| slow::streams(mech.kind()))
                    .map(|_| conn.policy.name()),
                rtt_us,
                age_ms: self.turn.now.at.us() / 1_000 - u64::from(conn.opened_s) * 1_000,
                own: lens.is_some_and(|lens| lens.is_own(token)),
                watched: lens.is_some_and(|lens| lens.is_watched(token)),
            }
        });
        told.collect()
    }

    /// How many messages a slow reader is behind its channel's log.
    fn behind(&self, conn: &Conn) -> u64 {
        let (Some(offset), Some(edge)) = (conn.lag.fed_to(), conn.edge) else { return 0 };
        let newest = self.hub.channel(edge.channel).map(|channel| channel.log().cursor().offset);
        newest.map_or(0, |newest| newest.saturating_sub(offset))
    }
}

const fn mech(conn: &Conn) -> Option<&Mech> {
    match &conn.state {
        State::Mech(mech) => Some(mech),
        _ => None,
    }
}

/// What a connection is doing, in a word.
const fn state(conn: &Conn) -> &'static str {
    match &conn.state {
        State::Head { begun: false, .. } => "waiting",
        State::Head { .. } => "head",
        State::Body(_) => "content",
        State::Mech(Mech::LongPoll(_)) => "parked",
        State::Mech(Mech::WebSocket(_)) => "open",
        State::Mech(_) => "streaming",
        State::Asking(_) => "asking",
        State::Lingering { .. } | State::Gone => "closing",
    }
}

/// Where a connection is; none when that is in the midst of something.
fn joining(conn: &Conn) -> Option<Joining<'static>> {
    let stream = |content_type, coding| Joining::Stream {
        content_type,
        body: match coding {
            Coding::Chunked => Body::new(Content::Chunked, usize::MAX).ok(),
            Coding::UntilClose => None,
        },
    };
    Some(match &conn.state {
        State::Head { .. } => Joining::Between,
        // What has begun may be a secret, of which only the end would be seen.
        State::Body(incoming) if incoming.body.is_in_field() => return None,
        State::Body(incoming) => Joining::Content(Some(incoming.body)),
        State::Mech(Mech::Sse(_)) => stream("text/event-stream", Coding::UntilClose),
        State::Mech(Mech::Iframe(iframe)) => stream("text/html", iframe.coding()),
        State::Mech(Mech::XhrStream(xhr)) => stream("application/x-ndjson", xhr.coding()),
        State::Mech(Mech::WebSocket(socket)) if socket.heap_bytes() == 0 => match socket.dress {
            Dress::Bare => Joining::Frames,
            Dress::Envelope => Joining::Envelopes,
        },
        State::Mech(Mech::Poll(_) | Mech::LongPoll(_)) | State::Asking(_) => Joining::Asked,
        State::Mech(Mech::WebSocket(_)) | State::Lingering { .. } | State::Gone => return None,
    })
}

/// Whether what has not been parsed yet is the beginning of what comes next.
const fn joining_tail(conn: &Conn) -> bool {
    matches!(
        conn.state,
        State::Head { .. } | State::Asking(_) | State::Mech(Mech::LongPoll(_) | Mech::WebSocket(_))
    )
}

/// What a proxy adds.
const FORWARDED: [&str; 4] = ["Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"];
