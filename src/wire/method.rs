//! Request methods.

/// A request method. Clause: RFC 9110 §9, RFC 5789.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Method {
    /// Asks for a representation.
    Get,
    /// Asks for the head of what GET would answer.
    Head,
    /// Hands content to the target.
    Post,
    /// Replaces what the target names.
    Put,
    /// Removes what the target names.
    Delete,
    /// Asks what the target allows.
    Options,
    /// Changes parts of what the target names.
    Patch,
    /// Asks for the request itself.
    Trace,
    /// Asks for a tunnel.
    Connect,
    /// Any other token: methods are compared with case.
    Unknown,
}

impl Method {
    /// The method as it stands on the wire; `?`, which is no token, if it is not known.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Unknown => "?",
        }
    }

    #[inline]
    pub(super) fn of(token: &str) -> Self {
        match token {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            "PATCH" => Self::Patch,
            "TRACE" => Self::Trace,
            "CONNECT" => Self::Connect,
            _ => Self::Unknown,
        }
    }
}
