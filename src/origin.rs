//! Whose pages may connect: the server's own, and those that were allowed by name.

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
        let Some(origin) = head.field("Origin") else {
            // An image or a form of a foreign page sends a GET without Origin, but with this.
            let site = head.field("Sec-Fetch-Site");
            return matches!(site, Some(b"cross-site" | b"same-site"));
        };
        str::from_utf8(origin).map_or(true, |origin| !self.allows(origin, head.host))
    }

    /// The origin to name in `Access-Control-Allow-Origin`, if the page may read the answer.
    pub fn allowed<'h>(&self, head: &Head<'h, '_>) -> Option<&'h str> {
        head.text("Origin").filter(|origin| self.allows(origin, head.host))
    }

    fn allows(&self, origin: &str, host: &str) -> bool {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
            || self.allowed.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_host_and_the_named_are_allowed() {
        let origins = Origins::new(vec!["https://shop.example".to_owned()]);
        assert!(origins.allows("http://localhost:7777", "localhost:7777"));
        assert!(origins.allows("https://shop.example", "localhost:7777"));
        for origin in ["http://localhost:8080", "null", "http://evil.example", ""] {
            assert!(!origins.allows(origin, "localhost:7777"), "{origin}");
        }
        assert!(Origins::new(vec!["*".to_owned()]).allows("null", "x"));
    }
}
