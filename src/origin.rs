//! Whose pages may connect: the server's own, and those that were allowed by name.

use std::fmt;

use crate::wire::head::Head;

/// The origins that were allowed, besides the server's own (RFC 6454).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    /// These, each as `scheme://host[:port]`; `*` allows all.
    pub fn new(allowed: Vec<String>) -> Self {
        Self { allowed }
    }

    /// Whether the request comes from a page whose origin is neither ours nor allowed.
    ///
    /// A client that is no browser sends no `Origin`, and could send any: this protects users of
    /// browsers from foreign pages, not the server from clients.
    pub fn is_foreign(&self, head: &Head<'_, '_>) -> bool {
        let is_allowed = |origin: &[u8]| {
            str::from_utf8(origin).is_ok_and(|origin| self.allows(origin, head.host()))
        };
        // Of two, either may be the true one.
        if let Some(all_are) =
            head.fields("Origin").map(is_allowed).reduce(|one, other| one & other)
        {
            return !all_are;
        }
        // An image or a form of a foreign page sends a GET without Origin, but with this.
        if let Some(site) = head.field("Sec-Fetch-Site") {
            return matches!(site, b"cross-site" | b"same-site");
        }
        // So does one in a browser of before 2023, which at most says from where.
        let Some(referer) = head.field("Referer") else { return false };
        let origin = str::from_utf8(referer).ok().and_then(origin_of);
        !origin.is_some_and(|origin| self.allows(origin, head.host()))
    }

    /// The origin to name in `Access-Control-Allow-Origin`, if the page may read the answer.
    pub fn allowed<'h>(&self, head: &Head<'h, '_>) -> Option<&'h str> {
        let is_one = head.fields("Origin").count() == 1;
        head.text("Origin").filter(|origin| is_one && self.allows(origin, head.host()))
    }

    fn allows(&self, origin: &str, host: &str) -> bool {
        // By either scheme: a proxy in front of us may have done the TLS.
        let authority = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
            || self.allowed.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}

/// The origin of an address: its scheme and its authority (RFC 6454 §4).
fn origin_of(address: &str) -> Option<&str> {
    let authority = address.find("://")? + "://".len();
    let rest = address.get(authority..)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    address.get(..authority + end)
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its own")?;
        self.allowed.iter().try_for_each(|origin| write!(f, ", {origin}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_an_origin() {
        for (address, origin) in [
            ("http://h/a?b#c", Some("http://h")),
            ("http://h:7777", Some("http://h:7777")),
            ("http://h?http://evil", Some("http://h")),
            ("about:blank", None),
            ("", None),
        ] {
            assert_eq!(origin_of(address), origin);
        }
    }

    #[test]
    fn the_own_host_and_the_named_are_allowed() {
        let origins = Origins::new(vec!["https://shop.example".to_owned()]);
        assert!(origins.allows("http://localhost:7777", "localhost:7777"));
        assert!(origins.allows("https://shop.example", "localhost:7777"));
        for origin in
            ["http://localhost:8080", "null", "http://evil.example", "", "ftp://localhost:7777"]
        {
            assert!(!origins.allows(origin, "localhost:7777"), "{origin}");
        }
        assert!(Origins::new(vec!["*".to_owned()]).allows("null", "x"));
    }
}
