//! What the formulae of the cards come to.
//!
//! ```text
//! sum     = product *( "+" product )
//! product = atom *( "·" atom )
//! atom    = number / name / ( "hex" / "dec" ) "(" sum ")" / "[" sum ">" sum "]"
//! ```
//!
//! `tests/lessons/learn.rs` holds it against the reader of `tests/formulae.rs`.

/// What a formula comes to, given what its names stand for; none when it is no formula.
///
/// ```
/// use pushscope::site::learn::formula::evaluate;
/// let value = |name: &str| (name == "p").then_some(200);
/// assert_eq!(evaluate("p + 2 + 2·[p > 125] + hex(p)", value), Some(206));
/// assert_eq!(evaluate("p + q", value), None);
/// ```
pub fn evaluate<F>(formula: &str, value: F) -> Option<u64>
where
    F: Fn(&str) -> Option<u64>,
{
    let mut reader = Reader { rest: formula, value };
    let sum = reader.sum()?;
    reader.rest.trim().is_empty().then_some(sum)
}

struct Reader<'a, F> {
    rest: &'a str,
    value: F,
}

impl<F> Reader<'_, F>
where
    F: Fn(&str) -> Option<u64>,
{
    fn sum(&mut self) -> Option<u64> {
        let mut sum = self.product()?;
        while self.takes("+") {
            sum = sum.checked_add(self.product()?)?;
        }
        Some(sum)
    }

    fn product(&mut self) -> Option<u64> {
        let mut product = self.atom()?;
        while self.takes("·") {
            product = product.checked_mul(self.atom()?)?;
        }
        Some(product)
    }

    fn atom(&mut self) -> Option<u64> {
        if self.takes("[") {
            let left = self.sum()?;
            let right = self.takes(">").then(|| self.sum())??;
            return self.takes("]").then_some(u64::from(left > right));
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, rest) = rest.split_at_checked(end)?;
        self.rest = rest;
        match word {
            "hex" => self.digits_in(16),
            "dec" => self.digits_in(10),
            _ => word.parse().ok().or_else(|| (self.value)(word)),
        }
    }

    /// How many digits the number in parentheses has.
    fn digits_in(&mut self, base: u64) -> Option<u64> {
        let number = self.takes("(").then(|| self.sum())??;
        let digits = number.checked_ilog(base).map_or(1, |log| u64::from(log) + 1);
        self.takes(")").then_some(digits)
    }

    fn takes(&mut self, mark: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}
