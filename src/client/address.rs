//! Where a server is.

use std::error::Error;
use std::fmt;

use crate::wire::target;

/// The address of a server: host, port, and the path under which its addresses stand; and, where
/// the server wants one, the token that every question shows.
///
/// ```
/// use pushscope::client::Address;
///
/// let address = Address::parse("127.0.0.1:7777").unwrap();
/// assert_eq!(address.authority(), "127.0.0.1:7777");
/// assert_eq!(address.target("/c/news"), "/c/news");
///
/// let address = Address::parse("http://[::1]/push/").unwrap();
/// assert_eq!((address.host(), address.port()), ("::1", 80));
/// assert_eq!(address.target("/c/news"), "/push/c/news");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    authority: String,
    host: String,
    port: u16,
    /// Empty, or `/` and more; it does not end with `/`.
    base: String,
    token: Option<Token>,
}

impl Address {
    /// Reads `http://host[:port][/path]`, or the same without the scheme.
    ///
    /// Without a port it is 80. Clause: RFC 9110 §4.2.1, RFC 3986 §3.2.
    ///
    /// # Errors
    /// The part that is wrong, see [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if is_tls(scheme) => return Err(AddressError::TlsUnspoken),
            Some(_) => return Err(AddressError::SchemeUnknown),
        };
        let (authority, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
            Some(parts) => parts,
            None => (rest, ""),
        };
        let (host, port) = split_port(authority);
        let name = host.trim_start_matches('[').trim_end_matches(']');
        if name.is_empty() || !target::is_host(authority.as_bytes()) {
            return Err(AddressError::HostInvalid);
        }
        let port = match port {
            "" => PORT,
            digits => digits.parse().map_err(|_| AddressError::PortInvalid)?,
        };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains(['?', '#']) {
            return Err(AddressError::PathInvalid);
        }
        Ok(Self {
            authority: authority.to_owned(),
            host: name.to_owned(),
            port,
            base: path.trim_end_matches('/').to_owned(),
            token: None,
        })
    }

    /// The same server, each of whose questions shows this token. Clause: RFC 6750 §2.1.
    ///
    /// # Errors
    /// [`AddressError::TokenInvalid`].
    pub fn with_token(self, token: Option<&str>) -> Result<Self, AddressError> {
        let is_token =
            |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_some_and(|token| !is_token(token)) {
            return Err(AddressError::TokenInvalid);
        }
        Ok(Self { token: token.map(|token| Token(format!("Bearer {token}"))), ..self })
    }

    /// What every question says of who asks: a value of the Authorization field.
    pub fn credentials(&self) -> Option<&str> {
        self.token.as_ref().map(|Token(credentials)| credentials.as_str())
    }

    /// Host and port as they were written: the value of the Host field. Clause: RFC 9110 §7.2.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path under which the server's addresses stand; empty if that is the root.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same server, its addresses standing under the root.
    pub fn root(mut self) -> Self {
        self.base.clear();
        self
    }

    /// The request target of one of the server's paths.
    pub fn target(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.base)
    }
}

/// Credentials, which are no text for a log.
#[derive(Clone, PartialEq, Eq)]
struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What is wrong with an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AddressError {
    /// It is `https` or `wss`, which this client does not speak yet.
    TlsUnspoken,
    /// It has another scheme than `http`. RFC 9110 §4.2.1.
    SchemeUnknown,
    /// It has no host, or one that can be no host's name. RFC 9110 §4.2.1, RFC 3986 §3.2.2.
    HostInvalid,
    /// Its port is more than 65,535. RFC 3986 §3.2.3.
    PortInvalid,
    /// Its path holds a query, a fragment, or what must be percent-encoded. RFC 3986 §3.3.
    PathInvalid,
    /// Its token is empty, or has what no field value may have. RFC 6750 §2.1.
    TokenInvalid,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsUnspoken => "TLS is not spoken yet: use http://",
            Self::SchemeUnknown => "the scheme is not http",
            Self::HostInvalid => "the host is missing, or can be no host's name",
            Self::PortInvalid => "the port is no number from 0 to 65535",
            Self::PathInvalid => "the path holds `?`, `#`, or what must be percent-encoded",
            Self::TokenInvalid => "the token is empty, or has more than visible ASCII",
        })
    }
}

impl Error for AddressError {}

/// Splits `host[:port]`; the colons of an IPv6 address stand within brackets.
fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    }
}

fn is_tls(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
}

/// The port of `http`. RFC 9110 §4.2.1.
const PORT: u16 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split() {
        let cases = [
            ("h", "h", "h", 80, ""),
            ("h:1", "h:1", "h", 1, ""),
            ("HTTP://h:/", "h:", "h", 80, ""),
            ("http://127.0.0.1:7777/", "127.0.0.1:7777", "127.0.0.1", 7777, ""),
            ("[::1]:65535", "[::1]:65535", "::1", 65535, ""),
            ("http://[::1]", "[::1]", "::1", 80, ""),
            ("http://h/a/b//", "h", "h", 80, "/a/b"),
        ];
        for (text, authority, host, port, base) in cases {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.authority(), authority, "{text}");
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
            assert_eq!(address.base(), base, "{text}");
            assert_eq!(Address::parse(&address.to_string()), Ok(address), "{text}");
        }
    }

    #[test]
    fn a_token_is_shown_to_the_server_and_to_nobody_else() {
        let address = Address::parse("h:1/a").unwrap().with_token(Some("secret==")).unwrap();
        assert_eq!(address.credentials(), Some("Bearer secret=="));
        assert_eq!(address.to_string(), "http://h:1/a");
        assert!(!format!("{address:?}").contains("secret"));
        assert_eq!(address.with_token(None).unwrap().credentials(), None);
        for token in ["", "a b", "a\r\nX: y", "é"] {
            let address = Address::parse("h").unwrap().with_token(Some(token));
            assert_eq!(address, Err(AddressError::TokenInvalid), "{token:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let cases = [
            ("", AddressError::HostInvalid),
            ("http://", AddressError::HostInvalid),
            ("http:///c", AddressError::HostInvalid),
            ("http://:80", AddressError::HostInvalid),
            ("[]:80", AddressError::HostInvalid),
            ("a b", AddressError::HostInvalid),
            ("u@h", AddressError::HostInvalid),
            ("h\r\nX: y", AddressError::HostInvalid),
            ("::1", AddressError::HostInvalid),
            ("h:x", AddressError::HostInvalid),
            ("h:99999", AddressError::PortInvalid),
            ("h/a?b", AddressError::PathInvalid),
            ("h/a b", AddressError::PathInvalid),
            ("h/é", AddressError::PathInvalid),
            ("https://h", AddressError::TlsUnspoken),
            ("WSS://h", AddressError::TlsUnspoken),
            ("ws://h", AddressError::SchemeUnknown),
        ];
        for (text, error) in cases {
            assert_eq!(Address::parse(text), Err(error), "{text:?}");
        }
    }
}
