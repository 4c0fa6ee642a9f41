//! One direction of a connection, put together from its segments by their sequence numbers.

use std::collections::BTreeMap;

use crate::limits::{EXPLAIN_AHEAD_BYTES_MAX, EXPLAIN_PIECE_BYTES};

/// What comes out, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// So many bytes that the capture does not have.
    Hole(u64),
    /// Nothing more is sent.
    End,
}

/// Puts segments together: what comes again is dropped, and what comes too early waits.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The number of the first byte, when it was said.
    begun: Option<u32>,
    /// The place of the next byte; sequence numbers are its lower half.
    next: Option<u64>,
    /// Segments whose turn has not come, by place, each with how many bytes behind it were cut.
    ahead: BTreeMap<u64, (Vec<u8>, u64)>,
    ahead_bytes: usize,
    /// The place behind the last byte, once it is known.
    end: Option<u64>,
    has_ended: bool,
}

impl Stream {
    /// The next byte is the one with this number.
    pub(super) fn begin(&mut self, sequence: u32) {
        self.begun = Some(sequence);
        self.next = Some(FIRST + u64::from(sequence));
    }

    /// Whether nobody knows yet where it begins.
    pub(super) const fn is_new(&self) -> bool {
        self.next.is_none()
    }

    /// Whether it has begun at this number.
    pub(super) fn has_begun_at(&self, sequence: u32) -> bool {
        self.begun == Some(sequence)
    }

    /// Keeps nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self { has_ended: true, ..Self::default() };
    }

    /// Whether nothing more comes.
    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// What it keeps, with what keeping it takes.
    pub(super) const fn held(&self) -> usize {
        self.ahead_bytes
    }

    /// Takes the payload of a segment, of which so many bytes were cut; `is_last` if it ends.
    pub(super) fn receive(
        &mut self,
        sequence: u32,
        payload: &[u8],
        cut: usize,
        is_last: bool,
        pieces: &mut Vec<Piece>,
    ) {
        let next = *self.next.get_or_insert(FIRST + u64::from(sequence));
        // How far it is ahead, on the circle of sequence numbers.
        let low = u32::try_from(next & u64::from(u32::MAX)).unwrap_or_default();
        let distance = sequence.wrapping_sub(low).cast_signed();
        let place = next.saturating_add_signed(i64::from(distance));
        let end = place + payload.len() as u64 + cut as u64;
        let is_near = distance.unsigned_abs() <= NEAR;
        if self.has_ended || !is_near {
            return;
        }
        if is_last {
            self.end = Some(end);
        }
        if end > next {
            self.keep(place, payload, cut as u64);
        }
        self.deliver(pieces);
        while self.ahead_bytes > EXPLAIN_AHEAD_BYTES_MAX {
            self.leap(pieces);
        }
    }

    /// Nothing more comes: what waits for something that is missing is handed over behind a hole.
    pub(super) fn close(&mut self, pieces: &mut Vec<Piece>) {
        while !self.ahead.is_empty() {
            self.leap(pieces);
        }
        if let (Some(end), Some(next)) = (self.end, self.next)
            && end > next
        {
            pieces.push(Piece::Hole(end - next));
        }
        if !self.has_ended {
            self.has_ended = true;
            pieces.push(Piece::End);
        }
    }

    /// Gives up on what is missing in front of what waits.
    pub(super) fn leap(&mut self, pieces: &mut Vec<Piece>) {
        let (Some((first, _)), Some(next)) = (self.ahead.first_key_value(), self.next) else {
            return;
        };
        if *first > next {
            pieces.push(Piece::Hole(first - next));
        }
        self.next = Some(*first);
        self.deliver(pieces);
    }

    fn keep(&mut self, place: u64, payload: &[u8], cut: u64) {
        let length = |(bytes, cut): &(Vec<u8>, u64)| bytes.len() as u64 + cut;
        let new = (payload.to_vec(), cut);
        if self.ahead.get(&place).is_some_and(|old| length(old) >= length(&new)) {
            return;
        }
        self.ahead_bytes += new.0.len() + EXPLAIN_PIECE_BYTES;
        if let Some((old, _)) = self.ahead.insert(place, new) {
            self.ahead_bytes -= old.len() + EXPLAIN_PIECE_BYTES;
        }
    }

    /// Hands over what is next.
    fn deliver(&mut self, pieces: &mut Vec<Piece>) {
        let Some(next) = &mut self.next else { return };
        while let Some(entry) = self.ahead.first_entry() {
            let place = *entry.key();
            if place > *next {
                break;
            }
            let (mut bytes, cut) = entry.remove();
            self.ahead_bytes -= bytes.len() + EXPLAIN_PIECE_BYTES;
            let old = usize::try_from(*next - place).unwrap_or(usize::MAX);
            let whole = bytes.len() as u64 + cut;
            let behind = place + whole;
            if behind <= *next {
                continue;
            }
            let kept = bytes.len();
            bytes.drain(..old.min(kept));
            if !bytes.is_empty() {
                pieces.push(Piece::Bytes(bytes));
            }
            let missing = cut.min(behind - *next);
            if missing > 0 {
                pieces.push(Piece::Hole(missing));
            }
            *next = behind;
        }
        if self.end.is_some_and(|end| end <= *next) && !self.has_ended {
            self.has_ended = true;
            pieces.push(Piece::End);
        }
    }
}

/// Where sequence numbers begin: there is room in front of them for what is sent again.
const FIRST: u64 = 1 << 32;
/// How far from the next byte a segment may be: no window is larger (RFC 7323 §2.3).
const NEAR: u32 = 1 << 30;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Segments, told in order; what comes out, with holes as their length.
    fn joined(stream: &mut Stream, segments: &[(u32, &[u8], bool)]) -> (Vec<u8>, Vec<u64>, bool) {
        let mut pieces = Vec::new();
        for (sequence, payload, is_last) in segments {
            stream.receive(*sequence, payload, 0, *is_last, &mut pieces);
        }
        let (mut bytes, mut holes, mut is_over) = (Vec::new(), Vec::new(), false);
        for piece in pieces {
            match piece {
                Piece::Bytes(more) => bytes.extend(more),
                Piece::Hole(missing) => holes.push(missing),
                Piece::End => is_over = true,
            }
        }
        (bytes, holes, is_over)
    }

    proptest! {
        #[test]
        fn segments_become_what_was_sent(
            length in 1_usize..400,
            first in any::<u32>(),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..90), 0..12),
            order in any::<prop::sample::Selector>(),
            size in 1_usize..60,
        ) {
            let sent: Vec<u8> = (0_u8..=255).cycle().take(length).collect();
            // All of it in segments of one size, and some parts again.
            let mut parts: Vec<(usize, usize)> =
                (0..length).step_by(size).map(|at| (at, (at + size).min(length))).collect();
            parts.extend(cuts.iter().map(|(at, size)| {
                let at = at.index(length);
                (at, (at + size).min(length))
            }));
            let mut shuffled = Vec::new();
            while !parts.is_empty() {
                let at = order.select(0..parts.len());
                shuffled.push(parts.swap_remove(at));
            }
            let segments: Vec<(u32, &[u8], bool)> = shuffled
                .iter()
                .map(|(from, to)| {
                    let at = first.wrapping_add(u32::try_from(*from).unwrap());
                    (at, &sent[*from..*to], *to == length)
                })
                .collect();
            let mut stream = Stream::default();
            stream.begin(first);
            prop_assert_eq!(joined(&mut stream, &segments), (sent, vec![], true));
            prop_assert_eq!(stream.held(), 0);
        }
    }

    #[test]
    fn what_is_missing_is_a_hole() {
        let mut stream = Stream::default();
        let (bytes, holes, is_over) =
            joined(&mut stream, &[(10, b"ab", false), (15, b"fg", true), (10, b"ab", false)]);
        assert_eq!((&bytes[..], &holes[..], is_over), (&b"ab"[..], &[][..], false));
        let mut pieces = Vec::new();
        stream.close(&mut pieces);
        assert_eq!(pieces, [Piece::Hole(3), Piece::Bytes(b"fg".to_vec()), Piece::End]);
        assert_eq!(stream.held(), 0);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut stream = Stream::default();
        stream.begin(0);
        let segment = [7; 1000];
        let mut pieces = Vec::new();
        for at in 0..5000 {
            stream.receive(1 + at * 1000, &segment, 0, false, &mut pieces);
            assert!(stream.held() <= EXPLAIN_AHEAD_BYTES_MAX);
        }
        assert_eq!(pieces.first(), Some(&Piece::Hole(1)));
    }
}
