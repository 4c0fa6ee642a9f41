//! Reads the formulae of the cards: `j + 5 + hex(j + 1)`, `p + 2 + 2·[p > 125]`, `read + send`.
//!
//! ```text
//! sum     = product *( "+" product )
//! product = atom *( "·" atom )
//! atom    = number / name / ( "hex" / "dec" ) "(" sum ")" / "[" sum ">" sum "]"
//! ```

/// What a formula comes to, given what its names stand for. Fails on what is no formula.
pub(crate) fn evaluate(formula: &str, value: &dyn Fn(&str) -> Option<u64>) -> u64 {
    let mut reader = Reader { formula, rest: formula.trim_end(), value };
    let sum = reader.sum();
    assert!(reader.rest.is_empty(), "{formula:?} ends before {:?}", reader.rest);
    sum
}

/// The names in a formula.
pub(crate) fn names(formula: &str) -> Vec<&str> {
    let words = formula.split(|c: char| !c.is_ascii_alphabetic() && c != '_');
    words.filter(|word| !word.is_empty() && !matches!(*word, "hex" | "dec")).collect()
}

struct Reader<'a> {
    formula: &'a str,
    rest: &'a str,
    value: &'a dyn Fn(&str) -> Option<u64>,
}

impl<'a> Reader<'a> {
    fn sum(&mut self) -> u64 {
        let mut sum = self.product();
        while self.takes("+") {
            sum += self.product();
        }
        sum
    }

    fn product(&mut self) -> u64 {
        let mut product = self.atom();
        while self.takes("·") {
            product *= self.atom();
        }
        product
    }

    fn atom(&mut self) -> u64 {
        if self.takes("[") {
            let left = self.sum();
            self.take(">");
            let right = self.sum();
            self.take("]");
            return u64::from(left > right);
        }
        let word = self.word();
        match word {
            "hex" => self.digits_in(16),
            "dec" => self.digits_in(10),
            _ => {
                let number = word.parse().ok().or_else(|| (self.value)(word));
                number.unwrap_or_else(|| panic!("{:?}: what is {word:?}?", self.formula))
            }
        }
    }

    /// How many digits the number in parentheses has.
    fn digits_in(&mut self, base: u64) -> u64 {
        self.take("(");
        let number = self.sum();
        self.take(")");
        number.checked_ilog(base).map_or(1, |log| u64::from(log) + 1)
    }

    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn takes(&mut self, mark: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take(&mut self, mark: &str) {
        assert!(self.takes(mark), "{:?}: no {mark:?} before {:?}", self.formula, self.rest);
    }
}
