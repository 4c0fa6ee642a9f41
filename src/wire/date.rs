//! The Date field, written once a second.

/// A moment as IMF-fixdate, and the second it stands for.
///
/// Wire: `day-name "," SP day SP month SP year SP HH:MM:SS SP "GMT"`, always 29 bytes.
///
/// Clause: RFC 9110 §5.6.7, §6.6.1. Cost: 29 bytes in each head.
///
/// Departs: four digits of year: what lies behind the year 9999 is written as its last second.
///
/// ```
/// use pushscope::wire::date::Date;
/// assert_eq!(Date::at(784_111_777).as_str(), "Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Date {
    text: [u8; DATE_BYTES],
    unix_s: u64,
}

impl Date {
    /// The moment `unix_s` seconds after 1970-01-01T00:00:00Z.
    pub fn at(unix_s: u64) -> Self {
        Self { text: encode(unix_s.min(UNIX_S_MAX)), unix_s }
    }

    /// Moves to another moment; nothing is encoded while the second stays the same.
    pub fn refresh(&mut self, unix_s: u64) {
        if self.unix_s != unix_s {
            *self = Self::at(unix_s);
        }
    }

    /// The 29 characters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The same as bytes: every head has them.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

/// `HH:MM:SS` of the moment `unix_s` seconds after 1970-01-01T00:00:00Z, in UTC.
pub fn time_of_day(unix_s: u64) -> [u8; 8] {
    let second = unix_s % DAY_S;
    let [h1, h0] = two_digits(second / 3_600);
    let [m1, m0] = two_digits(second / 60 % 60);
    let [s1, s0] = two_digits(second % 60);
    [h1, h0, b':', m1, m0, b':', s1, s0]
}

fn encode(unix_s: u64) -> [u8; DATE_BYTES] {
    let days = unix_s / DAY_S;
    let civil = Civil::from_days(days);
    // 1970-01-01 was a Thursday.
    let [w0, w1, w2] = name(DAY_NAMES, days % 7);
    let [d1, d0] = two_digits(civil.day);
    let [n0, n1, n2] = name(MONTH_NAMES, civil.month);
    let [y3, y2] = two_digits(civil.year / 100);
    let [y1, y0] = two_digits(civil.year % 100);
    let [h1, h0, c1, m1, m0, c0, s1, s0] = time_of_day(unix_s);
    [
        w0, w1, w2, b',', b' ', d1, d0, b' ', n0, n1, n2, b' ', y3, y2, y1, y0, b' ', //
        h1, h0, c1, m1, m0, c0, s1, s0, b' ', b'G', b'M', b'T',
    ]
}

/// A day of the proleptic Gregorian calendar.
struct Civil {
    year: u64,
    /// 0 is January.
    month: u64,
    /// Counts from 1.
    day: u64,
}

impl Civil {
    /// The day `days` days after 1970-01-01.
    ///
    /// Years are counted from March, so that a leap day is the last of its year, and in eras of
    /// 400 years, after which the calendar repeats.
    fn from_days(days: u64) -> Self {
        let since_era = days + DAYS_TO_1970;
        let era = since_era / ERA_DAYS;
        let day_of_era = since_era % ERA_DAYS;
        // A leap day every 4 years of 1,461 days, none every 100, one every 400.
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // March to July and August to December have 153 days each, and so would the next five.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12;
        let year = era * 400 + year_of_era + u64::from(month < 2);
        Self { year, month, day }
    }
}

/// The three letters at `index`; the tables hold one entry for each remainder that comes here.
fn name(names: &[[u8; 3]], index: u64) -> [u8; 3] {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or(*b"???")
}

/// The last two decimal digits.
fn two_digits(number: u64) -> [u8; 2] {
    let digit = |number: u64| b'0' + u8::try_from(number % 10).unwrap_or_default();
    [digit(number / 10), digit(number)]
}

const DATE_BYTES: usize = 29;
const DAY_S: u64 = 86_400;
/// Days of 400 years: 365.2425 each.
const ERA_DAYS: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;
/// 9999-12-31T23:59:59Z.
const UNIX_S_MAX: u64 = 253_402_300_799;
const DAY_NAMES: &[[u8; 3]] = &[*b"Thu", *b"Fri", *b"Sat", *b"Sun", *b"Mon", *b"Tue", *b"Wed"];
const MONTH_NAMES: &[[u8; 3]] = &[
    *b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct",
    *b"Nov", *b"Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (68_169_599, "Mon, 28 Feb 1972 23:59:59 GMT"),
            (68_169_600, "Tue, 29 Feb 1972 00:00:00 GMT"),
            (68_256_000, "Wed, 01 Mar 1972 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (UNIX_S_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (UNIX_S_MAX + 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (unix_s, text) in cases {
            assert_eq!(Date::at(unix_s).as_str(), text);
        }
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let (mut year, mut month, mut day) = (1970, 0, 1);
        for days in 0..=UNIX_S_MAX / DAY_S {
            let civil = Civil::from_days(days);
            assert_eq!((civil.year, civil.month, civil.day), (year, month, day), "day {days}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                1 => 28 + u64::from(leap),
                3 | 5 | 8 | 10 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day == last) {
                (_, false) => (year, month, day + 1),
                (11, true) => (year + 1, 0, 1),
                (_, true) => (year, month + 1, 1),
            };
        }
    }

    #[test]
    fn a_date_is_encoded_when_the_second_changes() {
        let mut date = Date::at(59);
        date.text = [0xa5; DATE_BYTES];
        date.refresh(59);
        assert_eq!(date.text, [0xa5; DATE_BYTES]);
        date.refresh(60);
        assert_eq!(date, Date::at(60));
        date.refresh(u64::MAX);
        assert_eq!(date, Date::at(u64::MAX));
    }

    #[test]
    fn a_day_has_86_400_seconds() {
        assert_eq!(&time_of_day(0), b"00:00:00");
        assert_eq!(&time_of_day(DAY_S - 1), b"23:59:59");
        assert_eq!(&time_of_day(DAY_S * 400 + 3_661), b"01:01:01");
    }
}
