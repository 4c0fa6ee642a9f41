//! Listening sockets: made with a backlog and options that every accepted socket inherits.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::cost::{Calls, Syscall};
use crate::{limits, sys};

/// A listener, and a descriptor held in reserve for the day when there is none left.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    reserve: Option<File>,
    /// Calls that brought no connection, since somebody last asked.
    calls: Calls,
}

/// Whether others listen on the same address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sharing {
    Alone,
    Shared,
}

/// What an attempt to accept came to.
#[derive(Debug)]
pub enum Accepted {
    /// A connection.
    Stream(TcpStream, SocketAddr),
    /// Nobody else waits.
    Drained,
    /// Whoever was next has left already.
    Lost,
    /// Somebody waits for whom there is no descriptor.
    Exhausted,
    /// Somebody may wait, and nothing can be done for them for now: the kernel has no memory.
    Starved,
}

impl Listener {
    /// Listens on `address`, alone.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::listen(bound(address, Sharing::Alone)?)
    }

    /// Listens on `address` with others of this process: the kernel deals the connections out.
    pub fn bind_shared(address: SocketAddr) -> io::Result<Self> {
        Self::listen(bound(address, Sharing::Shared)?)
    }

    /// Whether an address is free. Who shares it would share it with a stranger, too: with another
    /// process of the same user that does (socket(7), `SO_REUSEPORT`).
    pub fn probe(address: SocketAddr) -> io::Result<()> {
        bound(address, Sharing::Alone).map(drop)
    }

    fn listen(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // On Linux an accepted socket inherits these: set once, they cost no call per connection.
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(limits::TCP_KEEPALIVE_S))
            .with_interval(Duration::from_secs(limits::TCP_KEEPALIVE_INTERVAL_S))
            .with_retries(limits::TCP_KEEPALIVE_PROBES);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(Duration::from_millis(limits::USER_TIMEOUT_MS.into())))?;
        socket.set_tcp_notsent_lowat(limits::NOTSENT_BYTES)?;
        socket.listen(limits::BACKLOG.into())?;
        let socket = TcpListener::from_std(socket.into());
        Ok(Self { socket, reserve: reserve(), calls: Calls::default() })
    }

    /// The address it really listens on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The socket, to be registered with a poll.
    pub fn source(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    /// Closes it; returns how many descriptors that were.
    pub fn close(self) -> usize {
        1 + usize::from(self.reserve.is_some())
    }

    /// Calls that brought no connection: asks once.
    pub fn take_calls(&mut self) -> Calls {
        std::mem::take(&mut self.calls)
    }

    /// Accepts the next connection.
    pub fn accept(&mut self) -> Accepted {
        self.hold_reserve();
        self.accept_once()
    }

    /// Gives up the reserve to accept the next connection. An edge-triggered listener says nothing
    /// more of those who wait already: without this they would be left to wait.
    pub fn accept_with_reserve(&mut self) -> Accepted {
        if self.reserve.take().is_none() {
            return Accepted::Exhausted;
        }
        self.calls.book(Syscall::Close);
        self.accept_once()
    }

    /// Takes a descriptor into reserve again, if there is none. Nobody is accepted before: at the
    /// limit, the first that is given back is the reserve's.
    pub fn hold_reserve(&mut self) {
        if self.reserve.is_none() {
            self.reserve = reserve();
            self.calls.book(Syscall::Open);
        }
    }

    /// Whether somebody waits; somebody may where the kernel does not say.
    pub fn has_waiting(&mut self) -> bool {
        self.calls.book(Syscall::Getsockopt);
        sys::waiting(&self.socket).is_none_or(|count| count > 0)
    }

    fn accept_once(&mut self) -> Accepted {
        let accepted = self.socket.accept();
        if accepted.is_err() {
            self.calls.book(Syscall::AcceptBlocked);
        }
        match accepted {
            Ok((stream, peer)) => Accepted::Stream(stream, peer),
            Err(error) => refused(&error),
        }
    }
}

fn bound(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(sharing == Sharing::Shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

/// What a failed attempt means (accept(2)).
fn refused(error: &io::Error) -> Accepted {
    match error.raw_os_error() {
        Some(libc::EAGAIN) => Accepted::Drained,
        Some(libc::EMFILE | libc::ENFILE) => Accepted::Exhausted,
        // Whoever was next has left the backlog already, by an RST or a network that has failed
        // ("should be treated like EAGAIN by retrying"), or a signal came. The next attempt is
        // about the next one.
        Some(
            libc::ECONNABORTED
            | libc::ECONNRESET
            | libc::EINTR
            | libc::EPROTO
            | libc::ENOPROTOOPT
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ENONET
            | libc::EOPNOTSUPP
            | libc::ETIMEDOUT,
        ) => {
            log::debug!("accept: {error}");
            Accepted::Lost
        }
        // ENOBUFS, ENOMEM, EPERM (who is forbidden to accept leaves them in the backlog), and
        // whatever else may come again at once.
        _ => {
            log::warn!("accept: {error}");
            Accepted::Starved
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use socket2::SockRef;

    use super::*;

    #[test]
    fn an_accepted_socket_inherits_every_option() {
        let mut listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let _client = std::net::TcpStream::connect(listener.address().unwrap()).unwrap();
        let accepted = listener.accept();
        let Accepted::Stream(stream, _) = accepted else { panic!("{accepted:?}") };
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), limits::TCP_KEEPALIVE_S);
        let interval = socket.tcp_keepalive_interval().unwrap();
        assert_eq!(interval.as_secs(), limits::TCP_KEEPALIVE_INTERVAL_S);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), limits::TCP_KEEPALIVE_PROBES);
        let patience = socket.tcp_user_timeout().unwrap();
        assert_eq!(patience, Some(Duration::from_millis(limits::USER_TIMEOUT_MS.into())));
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), limits::NOTSENT_BYTES);
        let read = std::io::Read::read(&mut &stream, &mut [0; 1]);
        assert!(read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
        assert!(matches!(listener.accept(), Accepted::Drained));
    }

    #[test]
    fn who_waits_is_known_before_they_are_accepted() {
        let mut listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        assert!(!listener.has_waiting());
        let _client = std::net::TcpStream::connect(listener.address().unwrap()).unwrap();
        assert!(listener.has_waiting());
        assert!(matches!(listener.accept(), Accepted::Stream(..)));
        assert!(!listener.has_waiting());
    }

    #[test]
    fn every_refusal_is_about_the_next_peer_or_about_ourselves() {
        let of = |code| refused(&io::Error::from_raw_os_error(code));
        assert!(matches!(of(libc::EAGAIN), Accepted::Drained));
        for code in [libc::EMFILE, libc::ENFILE] {
            assert!(matches!(of(code), Accepted::Exhausted), "{code}");
        }
        for code in [libc::ECONNABORTED, libc::EINTR, libc::EPROTO] {
            assert!(matches!(of(code), Accepted::Lost), "{code}");
        }
        for code in [libc::ENOBUFS, libc::ENOMEM, libc::EPERM, libc::EINVAL] {
            assert!(matches!(of(code), Accepted::Starved), "{code}");
        }
    }

    #[test]
    fn the_reserve_is_given_up_and_held_again() {
        let mut listener = Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        assert!(matches!(listener.accept_with_reserve(), Accepted::Drained));
        assert!(matches!(listener.accept_with_reserve(), Accepted::Exhausted), "it is gone");
        listener.hold_reserve();
        let _client = std::net::TcpStream::connect(listener.address().unwrap()).unwrap();
        assert!(matches!(listener.accept_with_reserve(), Accepted::Stream(..)));
    }
}
