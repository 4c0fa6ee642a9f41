//! By which names the server may be called.
//!
//! To a browser, a page is of the origin by whose name it was fetched. Whoever owns a name may make
//! it lead here (DNS rebinding), and has a page that asks us as one of our own: nothing but the
//! name that it asks for tells. No name server is asked about an address or about `localhost`.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt;

/// The names that may stand in a Host field, besides those that cannot be made to lead elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Hosts {
    /// All: whoever drives the engine knows who reaches it.
    #[default]
    Any,
    /// These, without a port.
    Named(Vec<String>),
}

impl Hosts {
    /// These, each a name without a port; `*` stands for all.
    pub fn new(named: Vec<String>) -> Self {
        if named.iter().any(|name| name == "*") {
            return Self::Any;
        }
        Self::Named(named)
    }

    /// Whether the server may be called by this: `host [":" port]`, as RFC 9110 §7.2 has it.
    ///
    /// None at all is a client's that knows no names, as HTTP/1.0 allows: no browser's.
    pub fn has(&self, host: &str) -> bool {
        let Self::Named(named) = self else { return true };
        let name = without_port(host);
        name.is_empty()
            || is_address(name)
            || is_localhost(name)
            || named.iter().any(|named| named.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Named(named) = self else { return f.write_str("any") };
        f.write_str("addresses, localhost")?;
        named.iter().try_for_each(|name| write!(f, ", {name}"))
    }
}

/// Whether a Host names this machine, and cannot be made to name another.
pub fn is_local(host: &str) -> bool {
    let name = without_port(host);
    let is_loopback = |name: &str| {
        name == "[::1]" || name.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
    };
    is_localhost(name) || is_loopback(name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// RFC 6761 §6.3: names below `localhost` lead to this machine, too.
fn is_localhost(name: &str) -> bool {
    let (below, last) =
        name.split_at_checked(name.len().saturating_sub(LOCALHOST.len())).unwrap_or_default();
    last.eq_ignore_ascii_case(LOCALHOST) && (below.is_empty() || below.ends_with('.'))
}

/// An IPv6 address stands in brackets, an IPv4 address is four decimal numbers and nothing else.
fn is_address(name: &str) -> bool {
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match literal {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_said_or_lead_nowhere_else_are_ours() {
        let hosts = Hosts::new(vec!["Shop.example".to_owned()]);
        for host in [
            "shop.example",
            "SHOP.EXAMPLE:8443",
            "localhost:7777",
            "a.LocalHost",
            "10.0.0.1",
            "203.0.113.9:80",
            "[2001:db8::1]:7777",
            "[::1]",
            "",
        ] {
            assert!(hosts.has(host), "{host}");
        }
        for host in [
            "evil.example",
            "shop.example.evil.example",
            "evilshop.example",
            "shop.example.",
            "127.0.0.1.evil.example",
            // Some resolvers read these as 127.0.0.1; others ask somebody.
            "127.1",
            "0x7f.0.0.1",
            "017700000001",
            "localhost.evil.example",
            "[evil]",
            "::1",
        ] {
            assert!(!hosts.has(host), "{host}");
        }
        assert!(Hosts::new(vec!["*".to_owned()]).has("evil.example"));
        assert!(Hosts::default().has("evil.example"));
    }

    #[test]
    fn only_this_machine_is_local() {
        for host in ["localhost", "localhost:7777", "127.0.0.1:1", "[::1]:7777", "a.localhost"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["", "evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil"] {
            assert!(!is_local(host), "{host}");
        }
    }
}
