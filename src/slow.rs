//! What becomes of a reader that does not keep up.
//!
//! A reader is slow when its socket takes no more and its queue is long. Its queue does not grow
//! then: either the connection ends with a reason, and its client comes back with its cursor; or
//! it falls behind, and is told how far when its queue has run dry. Whoever falls behind reads on
//! from its channel's log, which is there anyway: so slowness costs no memory of its own.

use crate::clock::Instant;
use crate::id::Kind;
use crate::limits::Limits;

/// What is done about a slow reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Policy {
    /// It is closed with a reason; its cursor brings it back.
    #[default]
    Close,
    /// It reads on where it was; of that, the log has forgotten the oldest.
    Oldest,
    /// It reads on with what comes next; what has come since is dropped.
    Newest,
    /// It reads on with the latest message alone.
    Latest,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Close, Self::Oldest, Self::Newest, Self::Latest];

    /// Its name in flags and in `?slow=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Oldest => "oldest",
            Self::Newest => "newest",
            Self::Latest => "latest",
        }
    }

    /// The policy of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Bytes queued for a socket that takes no more from which on a reader is not fed.
    pub const fn fed_bytes_max(self, limits: &Limits) -> u64 {
        match self {
            Self::Close => limits.hard_bytes_max(),
            Self::Oldest | Self::Newest => limits.queue_soft_bytes as u64,
            // Whatever waits will not be the latest any more.
            Self::Latest => 1,
        }
    }
}

/// Which policy each mechanism has, unless its client asks for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policies([Policy; Kind::ALL.len()]);

impl Policies {
    /// That of one mechanism.
    pub fn of(&self, kind: Kind) -> Policy {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// Sets that of one mechanism.
    pub fn set(&mut self, kind: Kind, policy: Policy) {
        if let Some(place) = self.0.get_mut(kind as usize) {
            *place = policy;
        }
    }
}

/// Whether a mechanism streams: a poll has one answer, and nothing is queued behind it.
pub const fn streams(kind: Kind) -> bool {
    match kind {
        Kind::Poll | Kind::LongPoll => false,
        Kind::Iframe | Kind::XhrStream | Kind::Sse | Kind::WebSocket => true,
    }
}

/// How a reader keeps up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lag {
    /// It has been fed everything.
    #[default]
    Level,
    /// So has it, but its queue is long since then.
    Long(Instant),
    /// It has been fed up to the message with this offset of all that it asked for, and reads on
    /// whatever its policy: it has not been slow yet.
    Opening(u64),
    /// It is slow, and has been fed up to the message with this offset.
    Behind(u64),
}

impl Lag {
    /// The offset up to which it has been fed, if that is not all.
    pub const fn fed_to(self) -> Option<u64> {
        match self {
            Self::Opening(offset) | Self::Behind(offset) => Some(offset),
            Self::Level | Self::Long(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_found_by_its_name() {
        for policy in Policy::ALL {
            assert_eq!(Policy::named(policy.name()), Some(policy));
        }
        assert_eq!(Policy::named("fast"), None);
    }

    #[test]
    fn each_mechanism_has_its_own() {
        let mut policies = Policies::default();
        policies.set(Kind::Sse, Policy::Latest);
        assert_eq!(policies.of(Kind::Sse), Policy::Latest);
        assert_eq!(policies.of(Kind::WebSocket), Policy::Close);
    }
}
