//! Numbers as people read them: thousands apart, and no more digits than mean something.

use crate::prose::apart;

pub(in crate::lab) use crate::prose::counted;

/// How precisely the figures of a column are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Precision {
    /// With so many digits behind the point.
    Always(usize),
    /// With none where all figures of the column are whole, else with so many.
    UpTo(usize),
    /// As spans of time that are known to two digits, in microseconds.
    Time,
}

impl Precision {
    /// The format for these figures.
    pub(super) fn format(self, figures: impl IntoIterator<Item = f64>) -> Format {
        match self {
            Self::Always(digits) => Format::Places(digits),
            Self::UpTo(digits) => {
                // Whole is what would be written with zeros behind the point.
                let is_whole = |figure: f64| fixed(figure, digits) == fixed(figure.round(), digits);
                Format::Places(if figures.into_iter().all(is_whole) { 0 } else { digits })
            }
            Self::Time => Format::Time,
        }
    }
}

/// How a figure is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// With so many digits behind the point; its unit stands elsewhere.
    Places(usize),
    /// With two digits, and a unit that suits it.
    Time,
}

impl Format {
    /// The figure in words.
    pub(super) fn words(self, figure: f64) -> String {
        match self {
            Self::Places(digits) => grouped(figure, digits),
            Self::Time => {
                let (number, unit) = timed(figure);
                format!("{number}\u{a0}{unit}")
            }
        }
    }

    /// The figures from one to another in words; a unit that they share is told once.
    pub(super) fn range(self, min: f64, max: f64) -> String {
        match (self, timed(min), timed(max)) {
            (Self::Time, (least, one), (most, unit)) if one == unit => {
                format!("{least}–{most}\u{a0}{unit}")
            }
            _ => format!("{}–{}", self.words(min), self.words(max)),
        }
    }
}

/// The number with its thousands apart: `1,234.5`. What is there, and less than a half of the last
/// digit, is `<0.1`: it is little, and not nothing.
pub(in crate::lab) fn grouped(number: f64, digits: usize) -> String {
    let fixed = fixed(number, digits);
    let is_zero = !fixed.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if is_zero && number != 0.0 {
        let least = format!("{:.digits$}", 0.1_f64.powf(places(digits)));
        return if number < 0.0 { format!(">−{least}") } else { format!("<{least}") };
    }
    let (sign, fixed) = match fixed.strip_prefix('-') {
        Some(fixed) if !is_zero => ("−", fixed),
        Some(fixed) => ("", fixed),
        None => ("", fixed.as_str()),
    };
    let (whole, fraction) = fixed.split_at(fixed.find('.').unwrap_or(fixed.len()));
    format!("{sign}{}{fraction}", apart(whole))
}

/// The number as short as an axis wants it: `0.05`, `200`, `20k`, `1.5M`.
pub(super) fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 999_999_500.0 => scaled(number, 1e9) + "G",
        size if size >= 999_999.5 => scaled(number, 1e6) + "M",
        size if size >= 9_999.5 => scaled(number, 1e3) + "k",
        _ => scaled(number, 1.0),
    }
}

/// Microseconds in seconds: `4`, `0.25`.
pub(super) fn seconds(us: u64) -> String {
    let fraction = format!("{:06}", us % 1_000_000);
    match fraction.trim_end_matches('0') {
        "" => format!("{}", us / 1_000_000),
        fraction => format!("{}.{fraction}", us / 1_000_000),
    }
}

/// The number with its first two digits; zeros are in the place of the others.
pub(super) fn two_digits(number: f64) -> f64 {
    // Rounding in decimal is what the formatter does.
    format!("{number:.1e}").parse().unwrap_or(number)
}

/// A span of microseconds as two digits, and their unit: `61` and `µs`, `1.2` and `ms`.
fn timed(us: f64) -> (String, &'static str) {
    let us = two_digits(us);
    let (number, unit) = match us {
        us if us < 1e3 => (us, "µs"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    let digits = if number == 0.0 || number >= 10.0 { 0 } else { 1 };
    (grouped(number, digits), unit)
}

fn fixed(number: f64, digits: usize) -> String {
    format!("{number:.digits$}")
}

/// At most three digits behind the point, and no zeros at the end.
fn scaled(number: f64, unit: f64) -> String {
    let text = fixed(number / unit, 3);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn places(digits: usize) -> f64 {
    u8::try_from(digits).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let cases = [
            (0.0, 0, "0"),
            (-0.0, 1, "0.0"),
            (999.0, 0, "999"),
            (1000.0, 0, "1,000"),
            (1_234_567.891, 2, "1,234,567.89"),
            (-1234.5, 1, "−1,234.5"),
            (-123.0, 0, "−123"),
            (0.04, 1, "<0.1"),
            (0.06, 1, "0.1"),
            (0.3, 0, "<1"),
            (-0.004, 2, ">−0.01"),
        ];
        for (number, digits, text) in cases {
            assert_eq!(grouped(number, digits), text);
        }
    }

    #[test]
    fn digits_are_there_where_they_say_something() {
        assert_eq!(Precision::UpTo(1).format([1.0, 2.0]), Format::Places(0));
        assert_eq!(Precision::UpTo(1).format([1.0, 2.5]), Format::Places(1));
        assert_eq!(Precision::UpTo(1).format([1.0, 2.04]), Format::Places(0));
        assert_eq!(Precision::UpTo(2).format([0.02]), Format::Places(2));
        assert_eq!(Precision::Always(2).format([1.0]), Format::Places(2));
    }

    #[test]
    fn a_time_has_two_digits_and_a_unit() {
        let cases = [
            (0.0, "0 µs"),
            (0.5, "0.5 µs"),
            (9.96, "10 µs"),
            (61.4, "61 µs"),
            (994.0, "990 µs"),
            (996.0, "1.0 ms"),
            (1_249.0, "1.2 ms"),
            (501_759.0, "500 ms"),
            (61_000_000.0, "61 s"),
        ];
        for (us, words) in cases {
            assert_eq!(Format::Time.words(us).replace('\u{a0}', " "), words);
        }
        let range = |min, max| Format::Time.range(min, max).replace('\u{a0}', " ");
        assert_eq!(range(55.0, 64.0), "55–64 µs");
        assert_eq!(range(990.0, 1_600.0), "990 µs–1.6 ms");
        assert_eq!(Format::Places(1).range(55.0, 64.0), "55.0–64.0");
    }

    #[test]
    fn an_axis_is_short() {
        let cases = [
            (0.0, "0"),
            (0.05, "0.05"),
            (2.5, "2.5"),
            (5000.0, "5000"),
            (10_000.0, "10k"),
            (1_500_000.0, "1.5M"),
            (2e9, "2G"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn times_are_words() {
        assert_eq!((seconds(4_000_000), seconds(250_000)), ("4".to_owned(), "0.25".to_owned()));
    }
}
