//! The mask of a payload: put on or taken off where it lies, or on its way elsewhere.

/// Masks or unmasks `payload` in place; `at` is the offset of its first byte within the frame.
///
/// Wire: byte `i` of a frame is XORed with byte `i % 4` of the key.
/// Clause: RFC 6455 §5.3.
///
/// ```
/// let mut payload = *b"\x7f\x9f\x4d\x51\x58";
/// pushscope::wire::ws_frame::mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
/// assert_eq!(&payload, b"Hello");
/// ```
pub fn mask(payload: &mut [u8], mut key: [u8; 4], at: usize) {
    key.rotate_left(at % 4);
    let (words, rest) = payload.as_chunks_mut();
    for word in words {
        *word = masked(*word, key);
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

/// A copy of `payload`, unmasked.
pub(in crate::wire) fn unmasked(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut words = Vec::with_capacity(payload.len().div_ceil(WORD_BYTES));
    unmask(payload, key, &mut words);
    let mut bytes = words.into_flattened();
    bytes.truncate(payload.len());
    bytes
}

/// Appends `payload` unmasked. What fills its last word is of no meaning.
///
/// A copy that is unmasked where it lands is walked over twice.
pub(in crate::wire) fn unmask(payload: &[u8], key: [u8; 4], into: &mut Vec<Word>) {
    let (words, rest) = payload.as_chunks();
    into.extend(words.iter().map(|word| masked(*word, key)));
    if !rest.is_empty() {
        let mut last = [0; WORD_BYTES];
        last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        into.push(masked(last, key));
    }
}

/// Two halves of one width are what the compiler turns into one vector instruction.
#[inline]
fn masked(mut word: Word, [a, b, c, d]: [u8; 4]) -> Word {
    let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (halves, _) = word.as_chunks_mut();
    for half in halves {
        *half = (u64::from_ne_bytes(*half) ^ key).to_ne_bytes();
    }
    word
}

/// So many bytes that the key begins anew with each word.
type Word = [u8; WORD_BYTES];
pub(in crate::wire) const WORD_BYTES: usize = 16;
