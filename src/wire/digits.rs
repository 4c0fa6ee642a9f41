//! Numbers as they are sent: in digits, without leading zeros.

use crate::id::Id;

/// Appends a number in base 10.
///
/// Wire: `1*DIGIT`. Clause: RFC 5234 §B.1. Cost: 1 to 20 bytes.
pub(super) fn encode(number: u64, into: &mut Vec<u8>) {
    let mut digits = [b'0'; DIGITS_MAX];
    let (pairs, _) = digits.as_chunks_mut();
    let mut rest = number;
    let mut start = DIGITS_MAX;
    for pair in pairs.iter_mut().rev() {
        *pair = pair_of(rest % 100);
        start -= 2;
        rest /= 100;
        if rest == 0 {
            break;
        }
    }
    let written = match digits.get(start..) {
        Some([b'0', one @ ..]) => one,
        whole => whole.unwrap_or_default(),
    };
    into.extend_from_slice(written);
}

/// Appends a message's id, or a cursor.
///
/// Wire: `<epoch>-<offset>`. Cost: 3 bytes and more, mostly 15.
pub(super) fn encode_id(id: Id, into: &mut Vec<u8>) {
    encode(id.epoch, into);
    into.push(b'-');
    encode(id.offset, into);
}

/// Appends a number in base 16, with small letters.
///
/// Wire: `1*HEXDIG`. Clause: RFC 5234 §B.1. Cost: 1 to 16 bytes.
pub(super) fn encode_hex(number: u64, into: &mut Vec<u8>) {
    let mut shift = number.checked_ilog2().unwrap_or_default() / 4 * 4;
    loop {
        into.push(digit_of(number >> shift & 0xf));
        if shift == 0 {
            break;
        }
        shift -= 4;
    }
}

/// A number below 16 as a digit.
fn digit_of(number: u64) -> u8 {
    let place = usize::try_from(number).unwrap_or_default();
    DIGITS.get(place).copied().unwrap_or_default()
}

/// A number below 100 as two digits.
fn pair_of(number: u64) -> [u8; 2] {
    let place = usize::try_from(number).unwrap_or_default();
    PAIRS.get(place).copied().unwrap_or_default()
}

/// Every pair of digits in base 10.
const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while number < pairs.len() {
        pairs[number] = [DIGITS[number / 10], DIGITS[number % 10]];
        number += 1;
    }
    pairs
}

const PAIRS: [[u8; 2]; 100] = pairs();
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// Those of the greatest number in base 10.
const DIGITS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(encode: fn(u64, &mut Vec<u8>), number: u64) -> String {
        let mut bytes = Vec::new();
        encode(number, &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_least_and_the_greatest() {
        for number in [0, 1, 9, 10, 15, 16, 0xff, 0x100, u64::MAX] {
            assert_eq!(written(encode, number), number.to_string());
            assert_eq!(written(encode_hex, number), format!("{number:x}"));
        }
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_does(number: u64, shift in 0..64) {
            let number = number >> shift;
            prop_assert_eq!(written(encode, number), number.to_string());
            prop_assert_eq!(written(encode_hex, number), format!("{number:x}"));
        }
    }
}
