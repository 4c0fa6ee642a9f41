//! Values of flags: what they may say, and what they mean.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::Args;
use pushscope::client::Address;
use pushscope::clock::SECOND_US;
use pushscope::id::{Kind, Since, decimal};
use pushscope::limits;
use pushscope::slow::{self, Policy};
use pushscope::wire::target;

use super::Failure;

/// A number of bytes: `1000`, `16KiB`, `64MiB`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bytes(pub(super) usize);

impl Bytes {
    /// Reads it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits).unwrap_or_default();
        let unit = match unit {
            "" => Some(1),
            "KiB" => Some(KIB),
            "MiB" => Some(MIB),
            "GiB" => Some(GIB),
            _ => None,
        };
        decimal(number)
            .and_then(|number| usize::try_from(number).ok())
            .and_then(|number| number.checked_mul(unit?))
            .filter(|bytes| *bytes <= BYTES_MAX)
            .map(Self)
            .ok_or_else(|| "a number of bytes up to 64GiB, such as 1000, 16KiB or 64MiB".into())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % GIB == 0 => write!(f, "{}GiB", bytes / GIB),
            bytes if bytes > 0 && bytes % MIB == 0 => write!(f, "{}MiB", bytes / MIB),
            bytes if bytes > 0 && bytes % KIB == 0 => write!(f, "{}KiB", bytes / KIB),
            bytes => write!(f, "{bytes}"),
        }
    }
}

/// A time in seconds: `15`, `0.25`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seconds {
    /// The same in microseconds.
    pub(super) us: u64,
}

impl Seconds {
    /// So many microseconds.
    pub(super) const fn from_us(us: u64) -> Self {
        Self { us }
    }

    /// Reads it; what is finer than a microsecond is refused.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = (whole.len() <= 9 && fraction.len() <= 6).then_some(fraction);
        let fraction = digits.and_then(|digits| decimal(&format!("{digits:0<6}")));
        match (decimal(whole), fraction) {
            (Some(whole), Some(fraction)) if !text.ends_with('.') => {
                Ok(Self { us: whole * SECOND_US + fraction })
            }
            _ => Err("a time in seconds, such as 15 or 0.25".into()),
        }
    }

    /// The same as a duration.
    pub(super) const fn duration(self) -> Duration {
        Duration::from_micros(self.us)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.us / SECOND_US)?;
        match format!("{:06}", self.us % SECOND_US).trim_end_matches('0') {
            "" => Ok(()),
            fraction => write!(f, ".{fraction}"),
        }
    }
}

/// Reads how many: `1000`.
pub(super) fn count(text: &str) -> Result<u64, String> {
    decimal(text).ok_or_else(|| "a whole number, such as 1000".into())
}

/// Reads how many loops: a number, or `cores`.
pub(super) fn reactors(text: &str) -> Result<usize, String> {
    let count = match text {
        "cores" => std::thread::available_parallelism().map_or(1, usize::from),
        _ => decimal(text).and_then(|count| usize::try_from(count).ok()).unwrap_or_default(),
    };
    let may_be = (1..=limits::LOOPS_MAX).contains(&count) || text == "cores";
    let refused = || format!("a number from 1 to {}, or cores", limits::LOOPS_MAX);
    may_be.then_some(count.min(limits::LOOPS_MAX)).ok_or_else(refused)
}

/// Reads an address to listen on: an IP address or `localhost`, and a port.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let refused = "an IP address and a port, such as 127.0.0.1:7777 or [::1]:7777";
    match text.strip_prefix("localhost:") {
        Some(_) => text.to_socket_addrs().ok().and_then(|mut found| found.next()),
        None => text.parse().ok(),
    }
    .ok_or_else(|| refused.to_owned())
}

/// Reads an origin as browsers write it: lower case, and without the scheme's own port.
pub(super) fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let text = text.to_ascii_lowercase();
    let default_port = match text.split_once("://") {
        Some(("http", host)) if is_host(host) => ":80",
        Some(("https", host)) if is_host(host) => ":443",
        _ => return Err("`*`, or http or https, a host and perhaps a port: https://h:8443".into()),
    };
    Ok(text.strip_suffix(default_port).unwrap_or(&text).to_owned())
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && !host.starts_with(':') && !host.ends_with(':') && {
        target::is_host(host.as_bytes())
    }
}

/// Reads a name by which the server may be called, without a port.
pub(super) fn host(text: &str) -> Result<String, String> {
    let is_name = is_host(text) && !text.contains(['[', ':']);
    if text == "*" || is_name {
        return Ok(text.to_ascii_lowercase());
    }
    Err("`*`, or a name without a port: push.example".into())
}

/// Reads a token: an empty one would let in whoever gives none.
pub(super) fn token(text: &str) -> Result<(), String> {
    if text.len() < limits::TOKEN_BYTES_MIN || text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(format!(
            "a token has at least {} visible ASCII characters",
            limits::TOKEN_BYTES_MIN
        ));
    }
    Ok(())
}

/// The server that a command talks to.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The server, unless the URL says it
    #[arg(long, value_name = "URL", env = "PUSHSCOPE_TO", hide_env = true)]
    #[arg(value_parser = Address::parse, default_value = "http://127.0.0.1:7777")]
    pub(super) to: Address,
    /// Shows this token to the server
    #[arg(long, value_name = "TOKEN", env = "PUSHSCOPE_TOKEN", hide_env = true)]
    #[arg(hide_env_values = true)]
    token: Option<String>,
}

impl Server {
    /// An address, with the token that every question shows there.
    pub(super) fn show(&self, address: Address) -> Result<Address, Failure> {
        let shown = address.with_token(self.token.as_deref());
        shown.map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// Reads the name of a mechanism, as its file or as its address is named.
pub(super) fn kind(text: &str) -> Result<Kind, String> {
    let name = match text {
        "longpoll" => "long_poll",
        "ws" => "websocket",
        "stream" => "xhr_stream",
        name => name,
    };
    Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

/// What is done about slow readers of these mechanisms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slow {
    pub(super) kinds: Vec<Kind>,
    pub(super) policy: Policy,
}

/// Reads a policy, or a mechanism and its policy: `latest`, `sse=oldest`.
pub(super) fn slow(text: &str) -> Result<Slow, String> {
    let (kinds, policy) = match text.split_once('=') {
        Some((name, policy)) => (vec![kind(name)?], policy),
        None => (Kind::ALL.into_iter().filter(|kind| slow::streams(*kind)).collect(), text),
    };
    if let Some(kind) = kinds.iter().find(|kind| !slow::streams(**kind)) {
        return Err(format!("nothing is queued behind the answer of a {}", kind.name()));
    }
    let policy = Policy::named(policy);
    policy
        .map(|policy| Slow { kinds, policy })
        .ok_or_else(|| format!("one of {}", Policy::ALL.map(Policy::name).join(", ")))
}

/// Reads a cursor, which is then sent as it is.
pub(super) fn since(text: &str) -> Result<String, String> {
    match Since::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("an id, `all`, `latest`, a duration (10m) or a Unix time".into()),
    }
}

/// Where a command is aimed at: `[URL] CHANNEL`, and what follows them.
///
/// The URL is a server's, or a channel's own (`http://127.0.0.1:7777/c/news`), which names the
/// channel too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Aim {
    pub(super) address: Address,
    pub(super) channel: String,
    pub(super) rest: Vec<String>,
}

impl Aim {
    /// Reads the words of a command; without a URL it is aimed at `to`.
    pub(super) fn parse(words: Vec<String>, to: &Address) -> Result<Self, Failure> {
        let mut words = words.into_iter().peekable();
        let Some(url) = words.next_if(|word| word.contains("://")) else {
            return Self::at(to.clone(), words);
        };
        let address = Address::parse(&url).map_err(|error| Failure::Usage(error.to_string()))?;
        let Some((base, segment)) = address.base().rsplit_once("/c/") else {
            return Self::at(address, words);
        };
        let path = format!("/{segment}");
        let segments = target::Target::parse(&path).and_then(|target| target.segments());
        let server = Address::parse(&format!("http://{}{base}", address.authority()));
        match (segments.as_ref().map(target::Segments::as_slice), server) {
            (Ok([channel]), Ok(address)) => {
                Ok(Self { address, channel: channel.to_string(), rest: words.collect() })
            }
            _ => Err(Failure::Usage(format!("{url} is no channel's address"))),
        }
    }

    fn at(address: Address, mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let channel = words.next().ok_or_else(|| Failure::Usage(NO_CHANNEL.to_owned()))?;
        Ok(Self { address, channel, rest: words.collect() })
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;
/// No flag of ours means more than this.
const BYTES_MAX: usize = 64 * GIB;
const NO_CHANNEL: &str = "which channel? Its name follows the address, or stands in it: …/c/NAME";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_and_written_alike() {
        for (text, bytes) in [("0", 0), ("1000", 1_000), ("16KiB", 16_384), ("64MiB", 67_108_864)] {
            assert_eq!(Bytes::parse(text), Ok(Bytes(bytes)), "{text}");
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        for text in ["", "MiB", "-1", "+1", "1.5MiB", "1 MiB", "1mib", "65GiB", "9999999999MiB"] {
            assert!(Bytes::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn seconds_are_read_and_written_alike() {
        for (text, us) in [("0", 0), ("15", 15_000_000), ("0.25", 250_000), ("1.000001", 1_000_001)]
        {
            assert_eq!(Seconds::parse(text), Ok(Seconds { us }), "{text}");
            assert_eq!(Seconds { us }.to_string(), text);
        }
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1.0000001", "1s", "1.-5", "1234567890"] {
            assert!(Seconds::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_origin_is_what_browsers_write() {
        let cases = [
            ("*", "*"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("https://Shop.Example:443", "https://shop.example"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://h:443", "http://h:443"),
        ];
        for (text, read) in cases {
            assert_eq!(origin(text).as_deref(), Ok(read), "{text}");
        }
        for text in
            ["", "**", "null", "h", "ftp://h", "http://", "http://h/", "http://:80", "http://h:"]
        {
            assert!(origin(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_mechanism_has_the_name_of_its_file_or_of_its_address() {
        for kind in Kind::ALL {
            assert_eq!(super::kind(kind.name()), Ok(kind));
        }
        assert_eq!(kind("ws"), Ok(Kind::WebSocket));
        assert_eq!(kind("longpoll"), Ok(Kind::LongPoll));
        assert_eq!(kind("stream"), Ok(Kind::XhrStream));
        assert!(kind("SSE").is_err());
    }

    #[test]
    fn slowness_is_of_one_mechanism_or_of_all_that_stream() {
        let all = vec![Kind::Iframe, Kind::XhrStream, Kind::Sse, Kind::WebSocket];
        assert_eq!(slow("latest"), Ok(Slow { kinds: all, policy: Policy::Latest }));
        let one = Slow { kinds: vec![Kind::WebSocket], policy: Policy::Oldest };
        assert_eq!(slow("ws=oldest"), Ok(one));
        for text in ["", "fast", "sse", "sse=", "=close", "poll=latest", "sse=close=close"] {
            assert!(slow(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_an_address_of_this_machine_or_another_is_listened_on() {
        assert_eq!(listen("127.0.0.1:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert!(listen("[::1]:7777").is_ok());
        for text in ["", "7777", ":7777", "127.0.0.1", "127.0.0.1:70000", "example.net:80"] {
            assert!(listen(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_command_is_aimed_at_a_server_and_a_channel() {
        let to = Address::parse("http://default").unwrap();
        let aim = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            Aim::parse(words, &to)
                .map(|aim| format!("{} {} {}", aim.address, aim.channel, aim.rest.join(" ")))
        };
        let cases: [(&[&str], &str); 5] = [
            (&["news"], "http://default news "),
            (&["news", "a://b"], "http://default news a://b"),
            (&["http://h:7/", "news", "hi"], "http://h:7 news hi"),
            (&["http://h/base", "news"], "http://h/base news "),
            (&["http://h/base/c/a%2Fb", "hi"], "http://h/base a/b hi"),
        ];
        for (words, expected) in cases {
            assert_eq!(aim(words).unwrap(), expected, "{words:?}");
        }
        for words in
            [&["http://h"][..], &["https://h", "c"], &["http://h/c/a/sse"], &["http://h/c/%"]]
        {
            assert!(matches!(aim(words), Err(Failure::Usage(_))), "{words:?}");
        }
    }
}
