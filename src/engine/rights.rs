//! Who is let in: by which name a request calls, from whose page, and with which token.

use std::rc::Rc;

use super::Engine;
use crate::access::{Access, Pass, Right};
use crate::alike::Alike;
use crate::answer::Manner;
use crate::api::Mode;
use crate::conn::State;
use crate::fault::Fault;
use crate::host::Hosts;
use crate::id::{Kind, Token};
use crate::mech::mould::Why;
use crate::origin::Origins;
use crate::route::{self, Ask, Refusal};
use crate::wire::head::Head;

/// Everything by which a request is let in.
#[derive(Debug)]
pub(super) struct Permits {
    hosts: Hosts,
    origins: Origins,
    access: Access,
    /// Origins that were named.
    named: Alike<String>,
    /// What requests were let in with.
    passes: Alike<Pass>,
}

impl Permits {
    /// As the server is set.
    pub(super) fn new(hosts: Hosts, origins: Origins, access: Access) -> Self {
        let (named, passes) = (Alike::default(), Alike::default());
        Self { hosts, origins, access, named, passes }
    }

    /// The origin to name in `Access-Control-Allow-Origin`, if the page may read the answer.
    pub(super) fn origin(&mut self, head: &Head<'_, '_>) -> Option<Rc<String>> {
        self.origins.allowed(head).map(|origin| self.named.share(origin))
    }
}

impl Engine {
    /// What is asked for, if it is asked in the right form and may be given.
    pub(super) fn permitted(&mut self, index: u32, head: &Head<'_, '_>) -> Result<Ask, Refusal> {
        // Before anything is looked up: a page that calls by a foreign name learns nothing.
        if !self.permits.hosts.has(head.host()) {
            return Err(Fault::HostUnknown.into());
        }
        let ask = route::resolve(head, &self.turn.limits)?;
        if !self.may_inspect(index, &ask, head) {
            return Err(Fault::InspectRefused.into());
        }
        let opens = match &ask {
            Ask::Subscribe(subscription) => Some(subscription.kind),
            Ask::Call(_) | Ask::Page(_) | Ask::Options(_) => None,
        };
        // RFC 6455 §10.2: over a WebSocket a page may read what CORS would keep from it.
        let changes = Right::of(&ask) == Some(Right::Publish);
        let is_guarded = changes || opens == Some(Kind::WebSocket);
        if is_guarded && self.permits.origins.is_foreign(head) {
            return Err(Fault::OriginRefused.into());
        }
        let pass = self.permits.access.admit(&ask, head)?;
        if opens.is_some() && self.mode == Mode::Draining {
            return Err(Fault::Draining.into());
        }
        let takes_content = matches!(ask, Ask::Call(_));
        if !takes_content && !head.content.is_empty() {
            return Err(Fault::ContentRefused.into());
        }
        let pass = pass.map(|pass| self.permits.passes.share(&pass));
        if let Some(conn) = self.conns.get_mut(index as usize) {
            conn.pass = pass;
        }
        Ok(ask)
    }

    /// Whether what a client says over its WebSocket may be taken. If not, that was its last word:
    /// no answer would tell which of its messages are not published.
    pub(super) fn may_say(&mut self, index: u32) -> Result<(), Fault> {
        let pass = self.conns.get(index as usize).and_then(|conn| conn.pass.as_deref());
        self.permits.access.may_publish(pass)?;
        self.count_publish(index)
    }

    /// Other tokens are good from now on. Whoever was let in by one that is no more is told, and
    /// closed: who is to come back has another.
    pub fn change_access(&mut self, access: Access) {
        self.permits.access = access;
        self.permits.passes.forget();
        for token in self.tokens() {
            let pass = self.conn(token).and_then(|conn| conn.pass.as_deref());
            if let Some(Err(fault)) = pass.map(|pass| self.permits.access.renew(pass)) {
                self.turn_out(token, fault);
            }
        }
    }

    fn turn_out(&mut self, token: Token, fault: Fault) {
        let Some(conn) = self.conn(token) else { return };
        match &conn.state {
            State::Mech(_) => self.end(token.index, Why::Fault(fault)),
            State::Body(_) => self.refuse(token.index, &Manner::LOST, fault.into()),
            // What was asked is answered already, or in this turn.
            State::Head { .. } | State::Asking(_) | State::Lingering { .. } | State::Gone => {}
        }
    }
}
