//! Rows of a dump: an offset, the bytes that stand there, and perhaps the text that they are.
//!
//! ```text
//! 00000000: 4745 5420 2f20  GET /         xxd
//! 00000000  47 45 54 20 2f 20  |GET / |   hexdump -C; tshark -x and od -A x -t x1 are like it
//! 0000020 47 45 54 20 2f 20               od -t x1, octal; decimal with -A d
//! ```

use super::{HexFault, Radix, digit_of};
use crate::limits::EXPLAIN_HEX_REPEAT_BYTES_MAX;

/// The rows so far.
#[derive(Debug)]
pub(super) struct Dump {
    /// The offset of the first row, in each radix in which all offsets so far can be read.
    first: [Option<u64>; 3],
    /// Bytes of all rows.
    bytes: u64,
    row: Vec<u8>,
    /// A star stands for rows that are as the last one.
    is_starred: bool,
}

/// What a row of a dump begins with.
#[derive(Debug)]
pub(super) struct Offset<'l> {
    digits: &'l str,
    /// Where its bytes begin in the line.
    end: usize,
    /// A colon follows it: bytes are in groups, and the text is behind two spaces.
    has_colon: bool,
}

impl Dump {
    /// A dump that begins with this row.
    pub(super) fn beginning(offset: &Offset<'_>) -> Self {
        let first = Radix::ALL.map(|radix| offset.value(radix));
        Self { first, bytes: 0, row: Vec::new(), is_starred: false }
    }

    /// Whether it may end here: a star that nothing follows stands for nobody knows how much.
    pub(super) const fn is_open(&self) -> bool {
        self.is_starred
    }

    /// A row that is nothing but a star.
    pub(super) const fn star(&mut self) {
        self.is_starred = true;
    }

    /// Takes an offset, and adds the rows that a star in front of it stands for. Radices in which
    /// it is not where it must be are given up.
    pub(super) fn meet(
        &mut self,
        offset: &Offset<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), HexFault> {
        let usual = self.usual(offset);
        let mut left = [None; 3];
        let mut repeated = 0;
        for radix in usual {
            let Some(gap) = self.gap(offset, radix) else { continue };
            let is_met = match self.is_starred {
                false => gap == 0,
                // What a star stands for are whole rows. The first radix that fits is the one
                // that such dumps have.
                true => gap > 0 && self.is_rows(gap) && left == [None; 3],
            };
            if let (true, Some(kept)) = (is_met, left.get_mut(radix.index())) {
                *kept = self.first(radix);
                repeated = gap;
            }
        }
        if left == [None; 3] {
            return Err(self.missed(offset, usual));
        }
        let count = usize::try_from(repeated).unwrap_or(usize::MAX);
        if count > EXPLAIN_HEX_REPEAT_BYTES_MAX {
            return Err(HexFault::Star);
        }
        bytes.extend(self.row.iter().cycle().take(count));
        self.first = left;
        self.bytes += repeated;
        self.is_starred = false;
        Ok(())
    }

    /// Takes the bytes of a row.
    pub(super) fn push(&mut self, row: Vec<u8>, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&row);
        self.bytes += row.len() as u64;
        self.row = row;
    }

    /// How far an offset is behind the bytes so far.
    fn gap(&self, offset: &Offset<'_>, radix: Radix) -> Option<u64> {
        offset.value(radix)?.checked_sub(self.first(radix)? + self.bytes)
    }

    fn is_rows(&self, bytes: u64) -> bool {
        bytes.checked_rem(self.row.len() as u64) == Some(0)
    }

    fn first(&self, radix: Radix) -> Option<u64> {
        self.first.get(radix.index()).copied().flatten()
    }

    /// The radices, what is usual for such a dump first: od writes seven digits, in base 8.
    const fn usual(&self, offset: &Offset<'_>) -> [Radix; 3] {
        match offset.digits.len() {
            OD_DIGITS if !offset.has_colon => [Radix::Octal, Radix::Decimal, Radix::Hex],
            _ => Radix::ALL,
        }
    }

    fn missed(&self, offset: &Offset<'_>, usual: [Radix; 3]) -> HexFault {
        let fault = |radix| {
            let expected = self.first(radix)? + self.bytes;
            Some(HexFault::Offset { found: offset.value(radix)?, expected, radix })
        };
        usual.into_iter().find_map(fault).unwrap_or(HexFault::Radix)
    }
}

impl<'l> Offset<'l> {
    /// Finds the offset of a row that follows these; none if the line is no row.
    pub(super) fn parse(line: &'l [u8], dump: Option<&Dump>) -> Result<Option<Self>, HexFault> {
        let text = line.trim_ascii_start();
        let text = text.strip_prefix(b"0x").unwrap_or(text);
        let count = text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (digits, rest) = text.split_at_checked(count).unwrap_or_default();
        let Ok(digits) = str::from_utf8(digits) else { return Ok(None) };
        if !(4..=16).contains(&count) {
            return Ok(None);
        }
        if let Some(rest) = rest.strip_prefix(b":") {
            let is_parted = rest.first().is_none_or(u8::is_ascii_whitespace);
            let offset = Self { digits, end: line.len() - rest.len(), has_colon: true };
            return Ok(is_parted.then_some(offset));
        }
        let offset = Self { digits, end: line.len() - rest.len(), has_colon: false };
        let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let group = rest.get(gap..).unwrap_or_default();
        let group = group.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        // A dump may begin behind bytes that it leaves out. Seven digits are no bytes.
        let is_od = count == OD_DIGITS && (dump.is_some() || digits.starts_with('0'));
        let is_offset = is_od || count >= 6 && (dump.is_some() || digits.starts_with("00"));
        let is_row = match (gap, group) {
            (_, 0) => dump.is_some() && rest.is_empty(),
            (0, _) => false,
            (1, 2) => is_offset,
            // Numbers of od stand in columns that are wider than two digits.
            (_, 2) if !is_od => true,
            _ if is_od || is_offset && count == 6 => return Err(HexFault::Words),
            _ => false,
        };
        Ok(is_row.then_some(offset))
    }

    fn value(&self, radix: Radix) -> Option<u64> {
        u64::from_str_radix(self.digits, radix.base()).ok()
    }

    /// The bytes of the row, up to the text beside them.
    pub(super) fn row(&self, line: &[u8]) -> Result<Vec<u8>, (usize, HexFault)> {
        let (mut bytes, mut groups) = (Vec::new(), Vec::new());
        let mut at = self.end;
        let gap_max = if self.has_colon { 1 } else { 2 };
        while let Some(rest) = line.get(at..)
            && !rest.is_empty()
        {
            let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let group = rest.get(gap..).unwrap_or_default();
            let group = group.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            // Sixteen bytes may be all of a row, with text in any distance; or half of one.
            let is_full = !self.has_colon && bytes.len() >= ROW_BYTES && bytes.len() % 4 == 0;
            let goes_on = gap == 1 && matches!(group, [a, b] if is_digit(*a) && is_digit(*b));
            let is_text =
                at > self.end && gap > gap_max || matches!(group.first(), Some(b'|' | b'>'));
            if is_full && !goes_on || is_text || group.is_empty() {
                break;
            }
            at += gap;
            let before = bytes.len();
            read_group(group, &mut bytes).map_err(|(place, fault)| (at + place, fault))?;
            groups.push(bytes.len() - before);
            at += group.len();
        }
        let text = line.get(at..).unwrap_or_default();
        let digits = line.get(self.end..at).unwrap_or_default();
        let is_other = is_swapped(&bytes, &groups, text) || is_bits(digits, &groups, text);
        if self.has_colon && is_other { Err((self.end, HexFault::Words)) } else { Ok(bytes) }
    }
}

/// Whether the text beside groups of bytes says that each group stands there back to front.
fn is_swapped(bytes: &[u8], groups: &[usize], text: &[u8]) -> bool {
    let Some(text) = text.len().checked_sub(bytes.len()).and_then(|at| text.get(at..)) else {
        return false;
    };
    let shown = |byte: u8| if matches!(byte, b' '..=b'~') { byte } else { b'.' };
    let is = |bytes: &[u8]| bytes.iter().zip(text).all(|(byte, text)| shown(*byte) == *text);
    let mut swapped = bytes.to_vec();
    let mut rest = &mut swapped[..];
    for group in groups {
        let (group, more) = std::mem::take(&mut rest).split_at_mut(*group);
        group.reverse();
        rest = more;
    }
    !is(bytes) && is(&swapped)
}

/// Whether the text beside groups of eight binary digits has a character for each.
fn is_bits(digits: &[u8], groups: &[usize], text: &[u8]) -> bool {
    let is_binary = |byte: &u8| matches!(byte, b'0' | b'1') || byte.is_ascii_whitespace();
    let text = text.trim_ascii_start();
    let is_short = !text.is_empty() && text.len() <= groups.len();
    is_short && groups.iter().all(|bytes| *bytes == 4) && digits.iter().all(is_binary)
}

/// Reads digits by two.
fn read_group(group: &[u8], bytes: &mut Vec<u8>) -> Result<(), (usize, HexFault)> {
    for (at, pair) in (0..).step_by(2).zip(group.chunks(2)) {
        let mut byte = 0;
        for (place, digit) in pair.iter().enumerate() {
            let value = digit_of(*digit).ok_or((at + place, HexFault::Digit(*digit)))?;
            byte = byte << 4 | value;
        }
        if pair.len() < 2 {
            return Err((at, HexFault::Half));
        }
        bytes.push(byte);
    }
    Ok(())
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// Bytes of a row of most dumps.
const ROW_BYTES: usize = 16;
/// Digits of an offset of od.
const OD_DIGITS: usize = 7;
