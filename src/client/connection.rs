//! One connection to a server: questions go out, heads and contents come in.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use crate::client::address::Address;
use crate::client::error::{ClientError, Refused};
use crate::id;
use crate::limits;
use crate::wire::body::Body;
use crate::wire::cursor::Parse;
use crate::wire::head::{Content, Method, Room, Scan, room};
use crate::wire::response::{self, Answer, Answered};

/// A connection to a server, kept alive between questions.
///
/// It is asked one question at a time. A connection that the server has closed meanwhile, as it
/// does with idle ones, is opened anew before the next question.
#[derive(Debug)]
pub struct Connection {
    address: Address,
    stream: TcpStream,
    /// What has arrived and is not read yet.
    unread: Vec<u8>,
    /// Where the search for the end of the next head stands in it.
    scan: Scan,
    buffer: Box<[u8]>,
    /// Whether the next question may go out on it.
    reusable: bool,
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    /// [`ClientError::Connect`], with the last of the host's addresses that was tried.
    pub fn open(address: &Address) -> Result<Self, ClientError> {
        Self::open_by(address, Instant::now() + CONNECT_TIME_MAX)
    }

    /// The same, until a moment.
    pub(super) fn open_by(address: &Address, deadline: Instant) -> Result<Self, ClientError> {
        let refused = |error| ClientError::Connect(address.authority().to_owned(), error);
        let stream = connect(address, deadline).map_err(refused)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(ANSWER_TIME_MAX))?;
        // A server that vanishes without a word would be awaited for ever.
        SockRef::from(&stream).set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_time(Duration::from_secs(limits::TCP_KEEPALIVE_S))
                .with_interval(Duration::from_secs(limits::TCP_KEEPALIVE_INTERVAL_S))
                .with_retries(limits::TCP_KEEPALIVE_PROBES),
        )?;
        Ok(Self {
            address: address.clone(),
            stream,
            unread: Vec::new(),
            scan: Scan::default(),
            buffer: vec![0; limits::READ_BUFFER_BYTES].into_boxed_slice(),
            reusable: true,
        })
    }

    /// The server's address.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Asks a question, and awaits the whole answer to it.
    pub(super) fn exchange(&mut self, question: &[u8]) -> Result<Exchanged, ClientError> {
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        self.ask(question)?;
        let head = self.head(Some(deadline))?.ok_or(ClientError::Late)?;
        let mut room = room();
        let answer = head.parse(&mut room)?;
        let (status, retry_after) = (answer.status, retry_after(&answer));
        let mut framing = self.framing(&answer)?;
        let mut content = Vec::new();
        self.whole_content(&mut framing, deadline, &mut content)?;
        Ok(Exchanged { status, retry_after, content })
    }

    /// Sends a question, on a new connection if this one cannot be used again.
    pub(super) fn ask(&mut self, question: &[u8]) -> Result<(), ClientError> {
        if !self.is_open() {
            *self = Self::open(&self.address)?;
        }
        self.reusable = false;
        match self.stream.write_all(question) {
            // A server that refuses early stops reading, and may have said why: the answer tells.
            Err(error) if is_closed(&error) => Ok(()),
            written => Ok(written?),
        }
    }

    /// Sends what belongs to a conversation that goes on.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Reads on until the head of an answer is there; `None` when the deadline comes first.
    pub(super) fn head(&mut self, deadline: Option<Instant>) -> Result<Option<Head>, ClientError> {
        loop {
            let mut room = room();
            match response::parse(&self.unread, Method::Get, &mut self.scan, &mut room)? {
                Parse::Complete(answer, taken) => {
                    // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses
                    // received prior to a final response".
                    let interim = answer.status < 200 && answer.status != SWITCHING_PROTOCOLS;
                    let rest = self.unread.split_off(taken);
                    let bytes = std::mem::replace(&mut self.unread, rest);
                    self.scan = Scan::default();
                    if !interim {
                        return Ok(Some(Head { bytes }));
                    }
                }
                Parse::Partial => match self.receive(deadline)? {
                    Arrived::Late => return Ok(None),
                    Arrived::Closed => return Err(ClientError::Cut),
                    Arrived::Bytes(count) => {
                        let bytes = self.buffer.get(..count).unwrap_or_default();
                        self.unread.extend_from_slice(bytes);
                    }
                },
            }
        }
    }

    /// How the content behind a head is framed.
    pub(super) fn framing(&mut self, answer: &Answer<'_, '_>) -> Result<Framing, ClientError> {
        let content = match answer.content {
            _ if answer.status == SWITCHING_PROTOCOLS => return Ok(Framing::Protocol),
            Answered::UntilClose => return Ok(Framing::UntilClose),
            Answered::None => Content::None,
            Answered::Length(length) => Content::Length(length),
            Answered::Chunked => Content::Chunked,
        };
        self.reusable = answer.keep_alive;
        // A stream has no end: its lines are bounded, not its sum.
        Ok(Framing::Body(Body::new(content, usize::MAX)?))
    }

    /// Appends content that has arrived; at least some, unless the deadline comes first.
    pub(super) fn content(
        &mut self,
        framing: &mut Framing,
        deadline: Option<Instant>,
        into: &mut Vec<u8>,
    ) -> Result<Progress, ClientError> {
        if let Framing::Body(body) = framing
            && body.is_empty()
        {
            return Ok(Progress::Whole);
        }
        let mut arrived = std::mem::take(&mut self.unread);
        if arrived.is_empty() {
            match self.receive(deadline)? {
                Arrived::Late => return Ok(Progress::Late),
                Arrived::Closed if *framing == Framing::UntilClose => return Ok(Progress::Whole),
                Arrived::Closed => return Err(ClientError::Cut),
                Arrived::Bytes(count) => {
                    arrived.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
                }
            }
        }
        let Framing::Body(body) = framing else {
            into.append(&mut arrived);
            return Ok(Progress::Part);
        };
        let step = body.receive(&arrived, into)?;
        self.unread = arrived.split_off(step.taken);
        Ok(if step.done { Progress::Whole } else { Progress::Part })
    }

    /// Reads a refusal that follows a head.
    pub(super) fn refusal(&mut self, answer: &Answer<'_, '_>) -> ClientError {
        let (status, retry_after) = (answer.status, retry_after(answer));
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        let mut content = Vec::new();
        // Whatever becomes of its words, the refusal stands.
        if let Ok(mut framing) = self.framing(answer) {
            let _ = self.whole_content(&mut framing, deadline, &mut content);
        }
        ClientError::Refused(Box::new(Refused::parse(status, retry_after, &content)))
    }

    fn whole_content(
        &mut self,
        framing: &mut Framing,
        deadline: Instant,
        into: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        loop {
            match self.content(framing, Some(deadline), into)? {
                Progress::Whole => return Ok(()),
                Progress::Late => return Err(ClientError::Late),
                Progress::Part if into.len() > limits::CLIENT_CONTENT_BYTES_MAX => {
                    return Err(ClientError::ContentTooLong);
                }
                Progress::Part => {}
            }
        }
    }

    fn receive(&mut self, deadline: Option<Instant>) -> Result<Arrived, ClientError> {
        loop {
            let patience = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Ok(Arrived::Late),
                patience => patience,
            };
            self.stream.set_read_timeout(patience)?;
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(Arrived::Closed),
                Ok(count) => return Ok(Arrived::Bytes(count)),
                Err(error) if is_late(&error) || error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_closed(&error) => return Err(ClientError::Cut),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether another question may go out: nothing may have come that was not asked for, and
    /// neither may the end.
    pub(super) fn is_open(&self) -> bool {
        if !self.reusable || !self.unread.is_empty() {
            return false;
        }
        if self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        let quiet = self.stream.peek(&mut [0]).is_err_and(|error| is_late(&error));
        quiet && self.stream.set_nonblocking(false).is_ok()
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Exchanged {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) content: Vec<u8>,
}

/// The bytes of a whole head.
#[derive(Debug)]
pub(super) struct Head {
    bytes: Vec<u8>,
}

impl Head {
    /// The head, borrowed from its bytes.
    pub(super) fn parse<'h, 'r>(
        &'h self,
        room: &'r mut Room<'h>,
    ) -> Result<Answer<'h, 'r>, ClientError> {
        match response::parse(&self.bytes, Method::Get, &mut Scan::default(), room)? {
            Parse::Complete(answer, _) => Ok(answer),
            Parse::Partial => Err(ClientError::Cut),
        }
    }
}

/// How content is told from what follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    /// By length or by chunks.
    Body(Body),
    /// Nothing follows.
    UntilClose,
    /// The connection speaks another protocol now.
    Protocol,
}

/// How much of the content is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// A part more.
    Part,
    /// All of it.
    Whole,
    /// Nothing new before the deadline.
    Late,
}

/// What a read has brought.
enum Arrived {
    Bytes(usize),
    Closed,
    Late,
}

/// Appends a request: its head, and its content if there is any.
///
/// Values must be free of control characters; names and the target are ours.
pub(crate) fn encode_request(
    method: Method,
    address: &Address,
    target: &str,
    fields: &[(&str, &str)],
    content: Option<&[u8]>,
) -> Vec<u8> {
    let length = content.map(|content| content.len().to_string());
    let length = length.as_deref().map(|length| ("Content-Length", length));
    let credentials = address.credentials().map(|value| ("Authorization", value));
    let mut head = format!("{} {target} HTTP/1.1\r\n", method.as_str());
    let host = [("Host", address.authority())];
    for (name, value) in host.iter().chain(&credentials).chain(fields).chain(&length) {
        for part in [name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(content.unwrap_or_default());
    bytes
}

/// `Retry-After` in its form of seconds; the form of a date is for other servers. RFC 9110 §10.2.3.
fn retry_after(answer: &Answer<'_, '_>) -> Option<Duration> {
    answer.text("Retry-After").and_then(id::decimal).map(Duration::from_secs)
}

fn connect(address: &Address, deadline: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(ErrorKind::AddrNotAvailable);
    for candidate in (address.host(), address.port()).to_socket_addrs()? {
        let patience = deadline.saturating_duration_since(Instant::now());
        if patience.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&candidate, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// Time for a connection to be made.
pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_micros(limits::CLIENT_CONNECT_US_MAX);
/// Time for the whole answer to a question that is answered at once.
const ANSWER_TIME_MAX: Duration = Duration::from_micros(limits::CLIENT_ANSWER_US_MAX);
/// RFC 9110 §15.2.2.
const SWITCHING_PROTOCOLS: u16 = 101;

#[cfg(test)]
pub(super) mod tests {
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// A server that answers each connection's questions from a script; it keeps request lines.
    ///
    /// One entry per connection; one answer per question. The connection is closed behind the last.
    pub(in crate::client) fn serve(script: Vec<Vec<String>>) -> (Address, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let server = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for answers in script {
                let (mut stream, _) = listener.accept().unwrap();
                for answer in answers {
                    let mut question = Vec::new();
                    let mut byte = [0];
                    while !question.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                        question.extend(byte);
                    }
                    let question = String::from_utf8(question).unwrap();
                    asked.push(question.lines().next().unwrap_or_default().to_owned());
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
            asked
        });
        (address, server)
    }

    /// An answer with its length.
    pub(in crate::client) fn answer(head: &str, content: &str) -> String {
        format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{content}", content.len())
    }

    const QUESTION: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn an_answer_is_whole_however_it_is_framed() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\nhello\r\n0\r\n\r\n";
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let until_close = "HTTP/1.1 200 OK\r\n\r\nhello";
        let answers = vec![
            format!("HTTP/1.1 100 Continue\r\n\r\n{interim}{}", answer("200 OK", "hello")),
            chunked.to_owned(),
            until_close.to_owned(),
        ];
        let (address, server) = serve(vec![answers]);
        let mut connection = Connection::open(&address).unwrap();
        for _ in 0..3 {
            let exchanged = connection.exchange(QUESTION).unwrap();
            assert_eq!((exchanged.status, &*exchanged.content), (200, &b"hello"[..]));
        }
        server.join().unwrap();
    }

    #[test]
    fn an_answer_that_is_cut_is_no_answer() {
        let whole = answer("200 OK", "hello");
        for cut in [0, 1, 20, whole.len() - 6, whole.len() - 1] {
            let (address, server) = serve(vec![vec![whole[..cut].to_owned()]]);
            let mut connection = Connection::open(&address).unwrap();
            let exchanged = connection.exchange(QUESTION);
            assert!(matches!(exchanged, Err(ClientError::Cut)), "{cut}: {exchanged:?}");
            server.join().unwrap();
        }
    }

    #[test]
    fn what_nobody_has_asked_for_is_no_answer_to_the_next_question() {
        let first = answer("200 OK", "1") + &answer("200 OK", "smuggled");
        let (address, server) = serve(vec![vec![first], vec![answer("200 OK", "2")]]);
        let mut connection = Connection::open(&address).unwrap();
        assert_eq!(connection.exchange(QUESTION).unwrap().content, b"1");
        assert_eq!(connection.exchange(QUESTION).unwrap().content, b"2");
        server.join().unwrap();
    }
}
