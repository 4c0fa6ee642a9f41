//! The tape itself: what a codec has said, and where that is.

use super::{Bits, Field, Part, Recorder};

/// A field, where it is. Groups stand in front of what they hold.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// What it is.
    pub field: &'static Field,
    /// The first of its bytes.
    pub start: usize,
    /// Behind the last of them.
    pub end: usize,
    /// Which bits of that one byte, when it is not all of them.
    pub bits: Option<Bits>,
    /// How many groups it is in.
    pub depth: u8,
    /// Whether it holds others; the others are leaves.
    pub is_group: bool,
    /// What it is booked as.
    pub part: Part,
    /// Whether it is as it should be.
    pub severity: Severity,
}

impl Span {
    /// So many bytes in front of it are gone.
    const fn shift(&mut self, bytes: usize) {
        self.start = self.start.saturating_sub(bytes);
        self.end = self.end.saturating_sub(bytes);
    }
}

/// Whether a field is as it should be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Severity {
    /// It is.
    Right,
    /// More of it is to come, or it was not read.
    Open,
    /// It breaks a rule.
    Wrong,
}

impl Severity {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Open => "open",
            Self::Wrong => "wrong",
        }
    }
}

/// What a codec has said: spans that tile the bytes it went over.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    spans: Vec<Span>,
    /// Places in `spans` of the groups that were entered and not left.
    open: Vec<usize>,
    at: usize,
    /// Bits of the byte at `at` that were taken.
    bits: u8,
}

/// A place of a tape.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mark {
    spans: usize,
    open: usize,
    at: usize,
    bits: u8,
    /// The end of the last span, which may have grown since.
    end: usize,
}

impl Tape {
    /// Bytes that were gone over.
    pub const fn bytes(&self) -> usize {
        self.at
    }

    /// Whether no group is unfinished.
    pub const fn is_whole(&self) -> bool {
        self.open.is_empty() && self.bits == 0
    }

    /// Whether nothing was said.
    pub const fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// What was said so far.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Hands over what is whole: each group or field outside of all groups, and what it holds, if
    /// another has begun behind it or it was left. What is behind them begins the tape anew. The
    /// spans of each begin at its own first byte.
    pub fn split_whole(&mut self) -> Vec<Vec<Span>> {
        let last = self.spans.iter().rfind(|span| span.depth == 0);
        let is_last_whole = self.is_whole() && last.is_some_and(|span| span.is_group);
        self.split(is_last_whole)
    }

    /// The same, but for the last one: it stays, whole or not.
    pub fn split_before_last(&mut self) -> Vec<Vec<Span>> {
        self.split(false)
    }

    fn split(&mut self, with_last: bool) -> Vec<Vec<Span>> {
        let outer = |span: &(usize, &Span)| span.1.depth == 0;
        let mut places: Vec<usize> =
            self.spans.iter().enumerate().filter(outer).map(|(place, _)| place).collect();
        if with_last {
            places.push(self.spans.len());
        }
        let kept = places.last().copied().unwrap_or_default();
        let rest = self.spans.split_off(kept);
        let mut spans = std::mem::replace(&mut self.spans, rest).into_iter();
        let mut told = Vec::with_capacity(places.len());
        let mut end = 0;
        for pair in places.windows(2) {
            let [from, to] = pair else { continue };
            let mut whole: Vec<Span> = spans.by_ref().take(to - from).collect();
            whole.iter_mut().for_each(|span| span.shift(end));
            end += whole.first().map_or(0, |span| span.end);
            told.push(whole);
        }
        self.at = self.at.saturating_sub(end);
        self.spans.iter_mut().for_each(|span| span.shift(end));
        self.open.iter_mut().for_each(|place| *place = place.saturating_sub(kept));
        told
    }

    /// Ends the tape where it is, and hands over what was said; the next bytes begin a new one. A
    /// group that is unfinished ends here, and goes on there.
    pub fn cut(&mut self) -> Vec<Span> {
        let groups: Vec<&'static Field> = self.groups().map(|span| span.field).collect();
        self.end_groups();
        let spans = std::mem::take(&mut self.spans);
        *self = Self::default();
        groups.into_iter().for_each(|group| self.enter(group));
        spans
    }

    /// Ends the tape where it is for good: no group goes on.
    pub fn end(&mut self) -> Vec<Span> {
        self.end_groups();
        std::mem::take(self).spans
    }

    /// The field that was told last breaks a rule, and so do the groups that it is in.
    pub fn blame(&mut self) {
        let Some(last) = self.spans.len().checked_sub(1) else { return };
        for place in self.open.iter().copied().chain([last]) {
            if let Some(span) = self.spans.get_mut(place) {
                span.severity = Severity::Wrong;
            }
        }
    }

    /// The last field or group of this name breaks a rule, and so do the groups that are open;
    /// whether there is one.
    pub fn blame_group(&mut self, name: &str) -> bool {
        let found = self.spans.iter().rposition(|span| span.field.name == name);
        let Some(found) = found else { return false };
        for place in self.open.iter().copied().chain([found]) {
            if let Some(span) = self.spans.get_mut(place) {
                span.severity = Severity::Wrong;
            }
        }
        true
    }

    /// The next bytes, of which the one in hand may have been told in part, are this field, and
    /// are not read.
    pub fn skip(&mut self, mut bytes: usize, field: &'static Field) {
        if self.bits > 0 {
            self.bits(8 - self.bits, field);
            self.leave_open(field);
            bytes = bytes.saturating_sub(1);
        }
        self.take(bytes, field);
        self.leave_open(field);
    }

    /// The last span, if it is this field, was not read.
    fn leave_open(&mut self, field: &'static Field) {
        if let Some(last) = self.spans.last_mut()
            && std::ptr::eq(last.field, field)
        {
            last.severity = Severity::Open;
        }
    }

    fn end_groups(&mut self) {
        debug_assert!(self.bits == 0, "a byte is told to its end");
        while !self.open.is_empty() {
            self.leave();
        }
    }

    fn groups(&self) -> impl Iterator<Item = &Span> {
        self.open.iter().filter_map(|place| self.spans.get(*place))
    }

    fn part(&self, field: &'static Field) -> Part {
        let is_control = self.groups().any(|group| group.part == Part::Control);
        if is_control { Part::Control } else { field.part }
    }

    fn push(&mut self, field: &'static Field, end: usize, bits: Option<Bits>) {
        let depth = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        let (start, part) = (self.at, self.part(field));
        let severity = Severity::Right;
        self.spans.push(Span { field, start, end, bits, depth, is_group: false, part, severity });
    }
}

impl Recorder for Tape {
    const ON: bool = true;

    fn take(&mut self, bytes: usize, field: &'static Field) {
        debug_assert!(self.bits == 0, "{} begins within a byte", field.name);
        if bytes == 0 {
            return;
        }
        let depth = self.open.len();
        let end = self.at + bytes;
        match self.spans.last_mut() {
            Some(last)
                if std::ptr::eq(last.field, field)
                    && !last.is_group
                    && last.bits.is_none()
                    && last.end == self.at
                    && usize::from(last.depth) == depth =>
            {
                last.end = end;
            }
            _ => self.push(field, end, None),
        }
        self.at = end;
    }

    fn bits(&mut self, count: u8, field: &'static Field) {
        debug_assert!(self.bits + count <= 8, "{} spans two bytes", field.name);
        self.push(field, self.at + 1, Some(Bits { from: self.bits, count }));
        self.bits += count;
        if self.bits == 8 {
            self.bits = 0;
            self.at += 1;
        }
    }

    fn enter(&mut self, group: &'static Field) {
        let place = self.spans.len();
        self.push(group, self.at, None);
        if let Some(span) = self.spans.last_mut() {
            span.is_group = true;
        }
        self.open.push(place);
    }

    fn leave(&mut self) {
        let Some(place) = self.open.pop() else { return };
        if let Some(group) = self.spans.get_mut(place) {
            group.end = self.at;
        }
    }

    fn is_control(&mut self) {
        let Some(&place) = self.open.last() else { return };
        for span in self.spans.iter_mut().skip(place) {
            span.part = Part::Control;
        }
    }

    fn mark(&self) -> Mark {
        let (spans, open, at, bits) = (self.spans.len(), self.open.len(), self.at, self.bits);
        Mark { spans, open, at, bits, end: self.spans.last().map_or(0, |last| last.end) }
    }

    fn rewind(&mut self, mark: Mark) {
        self.spans.truncate(mark.spans);
        if let Some(last) = self.spans.last_mut() {
            last.end = mark.end;
        }
        self.open.truncate(mark.open);
        self.at = mark.at;
        self.bits = mark.bits;
    }
}
