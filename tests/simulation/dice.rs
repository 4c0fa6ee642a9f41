//! Chance, by a seed: the same seed throws the same.

/// Throws (SplitMix64: every seed is a good one).
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The dice of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Dice of their own for one purpose: what others throw does not change what these do.
    pub(crate) const fn apart(&self, purpose: u64) -> Self {
        let mut dice = Self { state: self.state ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93) };
        dice.u64();
        dice
    }

    /// Any number.
    pub(crate) const fn u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.u64() % end as u64).expect("below a usize")
    }

    /// A number of `from..=to`.
    pub(crate) const fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.u64() % (to - from + 1)
    }

    /// A number of `from..=to`, small ones as often as large ones; `from` is not 0.
    pub(crate) fn between_by_size(&mut self, from: u64, to: u64) -> u64 {
        let (low, high) = (from.ilog2(), to.ilog2());
        let bits = low + u32::try_from(self.below((high - low + 1) as usize)).expect("64 bits");
        let base = 1_u64 << bits;
        (base + self.u64() % base).clamp(from, to)
    }

    /// True so many times in a million.
    pub(crate) const fn odds(&mut self, in_a_million: u32) -> bool {
        in_a_million > 0 && self.u64() % 1_000_000 < in_a_million as u64
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Another order.
    pub(crate) fn shuffle<T>(&mut self, these: &mut [T]) {
        for end in (1..these.len()).rev() {
            these.swap(end, self.below(end + 1));
        }
    }
}
