//! Names of things: connections, channels, messages, and a place in a log.

use std::fmt;

/// A connection: a slot of the slab, and which of its tenants is meant.
///
/// A stale token, whose tenant has left, reaches nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Token {
    /// The slot.
    pub index: u32,
    /// Counts the tenants of all slots.
    pub generation: u32,
}

impl Token {
    /// Both halves in one word: generation high, index low.
    pub const fn pack(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The inverse of [`Token::pack`].
    pub const fn unpack(word: u64) -> Self {
        let low = word & 0xffff_ffff;
        let high = word >> 32;
        #[allow(clippy::cast_possible_truncation, reason = "both halves are masked to 32 bits")]
        Self { index: low as u32, generation: high as u32 }
    }
}

/// A mechanism, named as its file is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Kind {
    /// Short polling.
    Poll,
    /// Long polling.
    LongPoll,
    /// Scripts in an endless document.
    Iframe,
    /// Lines in an endless answer.
    XhrStream,
    /// Server-sent events.
    Sse,
    /// WebSocket.
    WebSocket,
}

impl Kind {
    /// Every mechanism, in the order of the comparison.
    pub const ALL: [Self; 6] =
        [Self::Poll, Self::LongPoll, Self::Iframe, Self::XhrStream, Self::Sse, Self::WebSocket];

    /// The name that addresses, tables, figures and files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::LongPoll => "long_poll",
            Self::Iframe => "iframe",
            Self::XhrStream => "xhr_stream",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }
}

/// How many of each mechanism.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    counts: [u32; Kind::ALL.len()],
}

impl Census {
    /// So many of each, in the order of [`Kind::ALL`].
    pub const fn of(counts: [u32; Kind::ALL.len()]) -> Self {
        Self { counts }
    }

    /// One more.
    pub const fn enter(&mut self, kind: Kind) {
        self.counts[kind as usize] += 1;
    }

    /// One less.
    pub const fn leave(&mut self, kind: Kind) {
        self.counts[kind as usize] -= 1;
    }

    /// How many of each, in the order of [`Kind::ALL`].
    pub fn counts(self) -> impl Iterator<Item = u32> {
        self.counts.into_iter()
    }

    /// These and those.
    pub fn and(mut self, those: Self) -> Self {
        let counts = self.counts.iter_mut().zip(those.counts);
        counts.for_each(|(count, more)| *count = count.wrapping_add(more));
        self
    }

    /// These without those.
    pub fn without(mut self, those: Self) -> Self {
        let counts = self.counts.iter_mut().zip(those.counts);
        counts.for_each(|(count, fewer)| *count = count.wrapping_sub(fewer));
        self
    }

    /// Those that are there at all.
    pub fn present(&self) -> impl Iterator<Item = (Kind, u32)> + '_ {
        Kind::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }

    /// All together.
    pub fn total(&self) -> u32 {
        self.counts.iter().sum()
    }
}

/// A channel: a slot of the hub. Subscriptions keep a channel in its slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ChannelKey(pub u32);

/// A message's place in its channel's log, written `<epoch>-<offset>` in every mechanism.
///
/// The epoch is the Unix time in milliseconds at which the log began, made unique; offsets count
/// from 1. Offset 0 is the place before the first message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Id {
    /// Which log.
    pub epoch: u64,
    /// Which message of it.
    pub offset: u64,
}

impl Id {
    /// Reads `<epoch>-<offset>`, two decimal numbers of at most 19 digits.
    ///
    /// A cursor is text from outside: whatever else it is, it is no cursor.
    ///
    /// ```
    /// use pushscope::id::Id;
    /// assert_eq!(Id::parse("1700-12"), Some(Id { epoch: 1700, offset: 12 }));
    /// assert_eq!(Id::parse("1700-+12"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        // `split_once` searches for characters of any length.
        let hyphen = text.bytes().position(|byte| byte == b'-')?;
        let (epoch, offset) = (text.get(..hyphen)?, text.get(hyphen + 1..)?);
        Some(Self { epoch: decimal(epoch)?, offset: decimal(offset)? })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.offset)
    }
}

/// Where to begin reading a log: what `?since=`, `Last-Event-ID` and `If-None-Match` may say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// After this message.
    Id(Id),
    /// From the oldest message that is kept.
    All,
    /// Only what comes from now on.
    Latest,
    /// What was published in the last so many microseconds.
    Ago(u64),
    /// What was published at or after this Unix time, in milliseconds.
    Time(u64),
}

impl Since {
    /// Reads an id, `all`, `latest`, a duration (`90s`, `10m`, `2h`, `1d`, `250ms`) or a Unix time
    /// in seconds.
    ///
    /// ```
    /// use pushscope::id::Since;
    /// assert_eq!(Since::parse("10m"), Some(Since::Ago(600_000_000)));
    /// assert_eq!(Since::parse("1700000000"), Some(Since::Time(1_700_000_000_000)));
    /// assert_eq!(Since::parse("yesterday"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => return Some(Self::All),
            "latest" => return Some(Self::Latest),
            _ => {}
        }
        if let Some(id) = Id::parse(text) {
            return Some(Self::Id(id));
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let number = decimal(number)?;
        let unit_us = match unit {
            "" => return number.checked_mul(1_000).map(Self::Time),
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            _ => return None,
        };
        number.checked_mul(unit_us).map(Self::Ago)
    }
}

/// 1*19DIGIT: no sign, no space, no overflow.
pub fn decimal(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| {
        byte.is_ascii_digit().then(|| 10 * number + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_poll() {
        let token = Token { index: 7, generation: u32::MAX };
        assert_eq!(Token::unpack(token.pack()), token);
    }

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = Id { epoch: 1_763_712_345_678, offset: 9 };
        assert_eq!(Id::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn whatever_is_no_cursor_is_none() {
        for text in ["", "-", "1-", "-1", "+1-2", "1-2-3", "1 -2", "1-18446744073709551616", "٣-٤"]
        {
            assert_eq!(Id::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn since_takes_what_the_address_may_say() {
        let cases = [
            ("all", Some(Since::All)),
            ("latest", Some(Since::Latest)),
            ("3-4", Some(Since::Id(Id { epoch: 3, offset: 4 }))),
            ("250ms", Some(Since::Ago(250_000))),
            ("1d", Some(Since::Ago(86_400_000_000))),
            ("0", Some(Since::Time(0))),
            ("-5m", None),
            ("5 m", None),
            ("m", None),
            ("9999999999999999999d", None),
            ("5ｍ", None),
        ];
        for (text, since) in cases {
            assert_eq!(Since::parse(text), since, "{text:?}");
        }
    }
}
