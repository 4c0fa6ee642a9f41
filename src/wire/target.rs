//! Request targets: split first, decode once, resolve nothing.

use std::borrow::Cow;
use std::iter;

use memchr::{memchr, memchr2};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::limits::{QUERY_PAIRS_MAX, SEGMENTS_MAX};
use crate::wire::field::among;

/// A request target, split at its delimiters and not yet decoded.
///
/// Wire: origin-form `/path?query`, absolute-form `http://authority/path?query`, asterisk-form `*`.
///
/// Clause: RFC 9112 §3.2, RFC 3986 §3.
///
/// Departs: authority-form is refused, since nothing here answers CONNECT; so is a fragment, which
/// a client keeps to itself. Bytes that RFC 3986 wants escaped but browsers send bare (`|`, `{`,
/// `"`) stand for themselves.
///
/// ```
/// use pushscope::wire::target::Target;
///
/// let target = Target::parse("/c/a%2Fb/sse?since=10m&event=x+y").unwrap();
/// assert_eq!(target.segments().unwrap().as_slice(), ["c", "a/b", "sse"]);
/// assert_eq!(target.query("event").unwrap().as_deref(), Some("x y"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target<'b> {
    authority: Option<&'b str>,
    path: &'b str,
    query: Option<&'b str>,
}

impl<'b> Target<'b> {
    /// Splits the target that [`crate::wire::head::Head`] carries. Clause: RFC 9112 §3.2.
    ///
    /// # Errors
    /// [`TargetError::FormUnknown`], [`TargetError::Fragment`].
    pub fn parse(target: &'b str) -> Result<Self, TargetError> {
        if memchr(b'#', target.as_bytes()).is_some() {
            return Err(TargetError::Fragment);
        }
        if target == ASTERISK {
            return Ok(Self { authority: None, path: ASTERISK, query: None });
        }
        if target.starts_with('/') {
            return Ok(Self::origin(None, target));
        }
        let (authority, rest) = absolute(target).ok_or(TargetError::FormUnknown)?;
        Ok(Self::origin(Some(authority), rest))
    }

    fn origin(authority: Option<&'b str>, rest: &'b str) -> Self {
        let (path, query) = match cut(rest, b'?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        // RFC 9110 §4.2.3: "an empty path component is equivalent to an absolute path of "/"".
        Self { authority, path: if path.is_empty() { "/" } else { path }, query }
    }

    /// Whether the server as a whole is meant, as in `OPTIONS *`. Clause: RFC 9112 §3.2.4.
    pub fn is_asterisk(&self) -> bool {
        self.path == ASTERISK
    }

    /// The authority of an absolute-form. Clause: RFC 9112 §3.2.2.
    pub fn authority(&self) -> Option<&'b str> {
        self.authority
    }

    /// The path as it was sent; it begins with `/` unless the target is `*`.
    pub fn path(&self) -> &'b str {
        self.path
    }

    /// The path's segments, each decoded on its own. Clause: RFC 3986 §3.3, §2.4.
    ///
    /// An escaped `/` stays inside its segment; `.` and `..` are text like any other: no path is
    /// ever opened, so there is nothing to resolve.
    ///
    /// # Errors
    /// [`TargetError::EscapeInvalid`], [`TargetError::Utf8Invalid`].
    pub fn segments(&self) -> Result<Segments<'b>, TargetError> {
        let mut segments = Segments::default();
        let Some(path) = self.path.strip_prefix('/').filter(|path| !path.is_empty()) else {
            return Ok(segments);
        };
        // Most paths escape nothing: that is looked at once, and not in each segment.
        let is_plain = memchr(b'%', path.as_bytes()).is_none();
        for segment in pieces(path, b'/') {
            let Some(place) = segments.decoded.get_mut(segments.count) else {
                break;
            };
            if segments.count < SEGMENTS_MAX {
                *place = if is_plain { Cow::Borrowed(segment) } else { decode(segment)? };
            }
            segments.count += 1;
        }
        Ok(segments)
    }

    /// The value of the first pair called `name`, decoded; a pair without `=` has an empty value.
    ///
    /// Clause: RFC 3986 §3.4, and the URL Standard's `application/x-www-form-urlencoded` for `&`,
    /// `=` and `+`. Departs: bytes that are not UTF-8 are refused, where that parser replaces them.
    ///
    /// # Errors
    /// [`TargetError::EscapeInvalid`], [`TargetError::Utf8Invalid`] of any pair looked at;
    /// [`TargetError::PairsTooMany`].
    pub fn query(&self, name: &str) -> Result<Option<Cow<'b, str>>, TargetError> {
        self.queries(name).next().transpose()
    }

    /// The values of all pairs called `name`; the first error ends them.
    pub fn queries(&self, name: &str) -> impl Iterator<Item = Result<Cow<'b, str>, TargetError>> {
        self.pairs().filter_map(move |pair| match pair {
            Ok((this, value)) => (this == name).then(|| decode_form(value)),
            Err(error) => Some(Err(error)),
        })
    }

    /// Every pair of the query, its name decoded and its value as it was sent: see [`decode_form`].
    /// The first error ends them.
    pub fn pairs(&self) -> impl Iterator<Item = Result<(Cow<'b, str>, &'b str), TargetError>> {
        let pieces = pieces(self.query.unwrap_or_default(), b'&').enumerate();
        let pairs = pieces.filter(|(count, pair)| !pair.is_empty() || *count >= QUERY_PAIRS_MAX);
        pairs.map(|(count, pair)| {
            if count >= QUERY_PAIRS_MAX {
                return Err(TargetError::PairsTooMany);
            }
            let (name, value) = cut(pair, b'=').unwrap_or((pair, ""));
            Ok((decode_form(name)?, value))
        })
    }
}

/// At most four decoded segments; a fifth, empty element stands for all further ones.
///
/// So a path that is too deep matches no route, and is not mistaken for a shorter one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Segments<'b> {
    decoded: [Cow<'b, str>; SEGMENTS_MAX + 1],
    count: usize,
}

impl<'b> Segments<'b> {
    /// The segments, first to last: none for `/`, `["a", ""]` for `/a/`.
    pub fn as_slice(&self) -> &[Cow<'b, str>] {
        self.decoded.get(..self.count).unwrap_or_default()
    }
}

/// What a peer did wrong in a request target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum TargetError {
    /// It is neither origin-form, nor absolute-form of http or https, nor `*`. RFC 9112 §3.2.
    FormUnknown,
    /// It carries a `#`. RFC 9110 §7.1: the fragment is not part of the target URI's request.
    Fragment,
    /// A `%` stands before something else than two hexadecimal digits. RFC 3986 §2.1.
    EscapeInvalid,
    /// The decoded bytes are not UTF-8. RFC 3986 §2.5.
    Utf8Invalid,
    /// The query has more pairs than are looked at. Ours, see [`QUERY_PAIRS_MAX`].
    PairsTooMany,
}

impl TargetError {
    /// Every variant.
    pub const ALL: &[Self] = &[
        Self::FormUnknown,
        Self::Fragment,
        Self::EscapeInvalid,
        Self::Utf8Invalid,
        Self::PairsTooMany,
    ];
}

/// Splits an absolute-form into its authority and what follows; `None` for every other form.
///
/// Clause: RFC 9112 §3.2.2; RFC 3986 §3.1: schemes are compared without case.
pub fn absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = memchr2(b'/', b'?', rest.as_bytes()).unwrap_or(rest.len());
    rest.split_at_checked(end)
}

/// Whether this is `uri-host [ ":" port ]`, the value of a Host field; it may be empty.
///
/// Clause: RFC 9110 §7.2, RFC 3986 §3.2. Departs: userinfo is refused (RFC 9110 §4.2.4 calls it
/// an error), and so are IPvFuture literals, of which none exists.
#[inline]
pub fn is_host(host: &[u8]) -> bool {
    let rest = match host.strip_prefix(b"[") {
        Some(literal) => after_ipv6(literal),
        None => after_reg_name(host),
    };
    match rest {
        Some([]) => true,
        Some([b':', port @ ..]) => {
            port.len() <= PORT_DIGITS_MAX && port.iter().all(u8::is_ascii_digit)
        }
        Some(_) | None => false,
    }
}

/// Appends `text` as one path segment: everything but unreserved characters is escaped.
///
/// Clause: RFC 3986 §2.1, §2.3.
///
/// ```
/// let mut path = String::from("/c/");
/// pushscope::wire::target::encode_segment("a/b é", &mut path);
/// assert_eq!(path, "/c/a%2Fb%20%C3%A9");
/// ```
pub fn encode_segment(text: &str, into: &mut String) {
    into.extend(utf8_percent_encode(text, RESERVED));
}

/// What stands before and behind the first of these bytes, which are ASCII.
///
/// `split_once` searches for characters of any length: every request would pay for that.
pub fn cut(text: &str, delimiter: u8) -> Option<(&str, &str)> {
    let (before, rest) = text.split_at_checked(memchr(delimiter, text.as_bytes())?)?;
    Some((before, rest.get(1..)?))
}

/// What stands between these bytes, which are ASCII.
fn pieces(text: &str, delimiter: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let (piece, more) = match cut(rest?, delimiter) {
            Some((piece, more)) => (piece, Some(more)),
            None => (rest?, None),
        };
        rest = more;
        Some(piece)
    })
}

/// Decodes a path segment. RFC 3986 §2.4: never twice.
fn decode(text: &str) -> Result<Cow<'_, str>, TargetError> {
    let mut rest = text.as_bytes();
    if memchr(b'%', rest).is_none() {
        // Text already, as mostly.
        return Ok(Cow::Borrowed(text));
    }
    while let Some(at) = memchr(b'%', rest) {
        let escape = rest.get(at + 1..at + 3).ok_or(TargetError::EscapeInvalid)?;
        if !escape.iter().all(u8::is_ascii_hexdigit) {
            return Err(TargetError::EscapeInvalid);
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    percent_decode_str(text).decode_utf8().map_err(|_| TargetError::Utf8Invalid)
}

/// Decodes a name or a value of a query, in which `+` is a space.
///
/// # Errors
/// [`TargetError::EscapeInvalid`], [`TargetError::Utf8Invalid`].
pub fn decode_form(text: &str) -> Result<Cow<'_, str>, TargetError> {
    if memchr2(b'+', b'%', text.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    Ok(Cow::Owned(decode(&spaced)?.into_owned()))
}

/// What follows the `]` of an IPv6 literal. RFC 3986 §3.2.2.
#[cold]
fn after_ipv6(literal: &[u8]) -> Option<&[u8]> {
    let (address, rest) = literal.split_at_checked(memchr(b']', literal)?)?;
    let spelled = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let right = address.contains(&b':') && address.iter().all(spelled);
    if right { rest.get(1..) } else { None }
}

/// What follows a name or an IPv4 address: `*( unreserved / pct-encoded / sub-delims )`.
#[inline]
fn after_reg_name(mut host: &[u8]) -> Option<&[u8]> {
    loop {
        let is_other = |&byte: &u8| REG_NAME.get(usize::from(byte)) != Some(&true);
        let end = host.iter().position(is_other).unwrap_or(host.len());
        match host.get(end..)? {
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                host = rest;
            }
            rest => return Some(rest),
        }
    }
}

/// The asterisk-form.
const ASTERISK: &str = "*";
/// The unreserved characters and the sub-delims of RFC 3986 §2.2, §2.3.
const REG_NAME: [bool; 256] = among(b"-._~!$&'()*+,;=");
/// 65535 has five.
const PORT_DIGITS_MAX: usize = 5;
/// What a segment escapes: all but RFC 3986 §2.3's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_are_split_before_they_are_decoded() {
        let cases: [(&str, &[&str]); 14] = [
            ("/", &[]),
            ("/?a", &[]),
            ("/a", &["a"]),
            ("/a/", &["a", ""]),
            ("//a", &["", "a"]),
            ("/c/a%2fb/sse?x=/y", &["c", "a/b", "sse"]),
            ("/c/%E2%82%AC", &["c", "€"]),
            ("/c/a+b", &["c", "a+b"]),
            ("/c/%2e%2E/..", &["c", "..", ".."]),
            ("/c/%2525", &["c", "%25"]),
            ("/a/b/c/d", &["a", "b", "c", "d"]),
            ("/a/b/c/d/e", &["a", "b", "c", "d", ""]),
            ("/a/b/c/d/%zz/f/g", &["a", "b", "c", "d", ""]),
            ("http://h", &[]),
        ];
        for (target, expected) in cases {
            let segments = Target::parse(target).unwrap().segments().unwrap();
            assert_eq!(segments.as_slice(), expected, "{target}");
        }
    }

    #[test]
    fn each_form_is_split() {
        let cases = [
            ("/p?q", None, "/p"),
            ("HTTP://h:1/p?q", Some("h:1"), "/p"),
            ("https://h", Some("h"), "/"),
            ("http://h?a=/b", Some("h"), "/"),
            ("http:///p", Some(""), "/p"),
            ("*", None, "*"),
        ];
        for (target, authority, path) in cases {
            let parsed = Target::parse(target).unwrap();
            assert_eq!((parsed.authority(), parsed.path()), (authority, path), "{target}");
            assert_eq!(parsed.is_asterisk(), target == "*");
        }
    }

    #[test]
    fn the_first_pair_of_a_name_is_its_value() {
        let cases = [
            ("/", "a", Ok(None)),
            ("/?", "a", Ok(None)),
            ("/?", "", Ok(None)),
            ("/?a", "a", Ok(Some(""))),
            ("/?a=", "a", Ok(Some(""))),
            ("/?&&a=1&a=2", "a", Ok(Some("1"))),
            ("/?ab=1&a=b=c", "a", Ok(Some("b=c"))),
            ("/?%61=%2B+%26", "a", Ok(Some("+ &"))),
            ("/?a=%2", "a", Err(TargetError::EscapeInvalid)),
            ("/?a=%+1", "a", Err(TargetError::EscapeInvalid)),
            ("/?%=1&a=2", "a", Err(TargetError::EscapeInvalid)),
            ("/?a=%FF", "a", Err(TargetError::Utf8Invalid)),
            ("/?a=1&b=%FF", "a", Ok(Some("1"))),
            ("/?a=%C0%AF", "a", Err(TargetError::Utf8Invalid)),
        ];
        for (target, name, expected) in cases {
            let value = Target::parse(target).unwrap().query(name);
            assert_eq!(value, expected.map(|value| value.map(Cow::Borrowed)), "{target}");
        }
    }

    #[test]
    fn pairs_are_looked_at_up_to_the_limit() {
        let fits = format!("/?{}a=1", "b&".repeat(QUERY_PAIRS_MAX - 1));
        assert_eq!(Target::parse(&fits).unwrap().query("a"), Ok(Some(Cow::Borrowed("1"))));
        let beyond = format!("/?{}a=1", "b&".repeat(QUERY_PAIRS_MAX));
        assert_eq!(Target::parse(&beyond).unwrap().query("a"), Err(TargetError::PairsTooMany));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        let cases = [
            ("", TargetError::FormUnknown),
            ("a", TargetError::FormUnknown),
            ("**", TargetError::FormUnknown),
            ("?a", TargetError::FormUnknown),
            ("h:443", TargetError::FormUnknown),
            ("ftp://h/p", TargetError::FormUnknown),
            ("://h/p", TargetError::FormUnknown),
            ("/a#b", TargetError::Fragment),
        ];
        for (target, error) in cases {
            assert_eq!(Target::parse(target), Err(error), "{target:?}");
        }
        for path in ["/%", "/%1", "/%g0", "/%0g", "/a/%%41", "/%+1", "/% 1"] {
            let segments = Target::parse(path).unwrap().segments();
            assert_eq!(segments, Err(TargetError::EscapeInvalid), "{path}");
        }
        for path in ["/%80", "/%ED%A0%80", "/%C0%80", "/%E2%82"] {
            let segments = Target::parse(path).unwrap().segments();
            assert_eq!(segments, Err(TargetError::Utf8Invalid), "{path}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_a_port() {
        for host in
            ["", "a", "a.b:80", "a:", "127.0.0.1:65535", "[::1]", "[::ffff:1.2.3.4]:7", "%41"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["a b", "u@h", "a/b", "a:b", "[::1", "[]", "[::1]a", "::1", "a:123456", "%4", "é"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    proptest! {
        #[test]
        fn a_segment_comes_back_as_it_was(text in "\\PC{0,40}") {
            let mut path = String::from("/c/");
            encode_segment(&text, &mut path);
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
            let segments = Target::parse(&path).unwrap().segments().unwrap();
            prop_assert_eq!(segments.as_slice(), &["c", text.as_str()]);
        }

        #[test]
        fn no_target_is_a_trap(target in "\\PC{0,60}", name in "\\PC{0,5}") {
            if let Ok(parsed) = Target::parse(&target) {
                let _ = parsed.segments();
                let _ = parsed.query(&name);
            }
        }
    }
}
