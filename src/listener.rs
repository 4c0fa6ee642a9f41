//! Listening sockets: made with a backlog and options that every accepted socket inherits.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::cost::{Calls, Syscall};
use crate::limits;
use crate::sys;

/// A listener, and a descriptor held in reserve for the day when there is none left.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    reserve: Option<std::fs::File>,
    /// Calls that brought no connection, since somebody last asked.
    calls: Calls,
}

/// What an attempt to accept came to.
#[derive(Debug)]
pub enum Accepted {
    /// A connection.
    Stream(TcpStream, SocketAddr),
    /// Nobody else waits.
    Drained,
    /// Somebody waits whom nothing can be done for now: no descriptor is left.
    Exhausted,
}

impl Listener {
    /// Listens on `address`.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        // On Linux an accepted socket inherits these: set once, they cost no call per connection.
        socket.set_tcp_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(limits::TCP_KEEPALIVE_S))
            .with_interval(Duration::from_secs(limits::TCP_KEEPALIVE_INTERVAL_S))
            .with_retries(limits::TCP_KEEPALIVE_PROBES);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(Duration::from_millis(limits::USER_TIMEOUT_MS.into())))?;
        sys::set_notsent_low_water(&socket, limits::NOTSENT_BYTES)?;
        socket.bind(&address.into())?;
        socket.listen(limits::BACKLOG.into())?;
        Ok(Self {
            socket: TcpListener::from_std(socket.into()),
            reserve: reserve(),
            calls: Calls::default(),
        })
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
        for _ in 0..limits::ACCEPT_FAILURES_MAX {
            let accepted = self.socket.accept();
            if accepted.is_err() {
                self.calls.book(Syscall::AcceptBlocked);
            }
            match accepted {
                Ok((stream, peer)) => return Accepted::Stream(stream, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Accepted::Drained;
                }
                Err(error) if is_exhaustion(&error) => return self.turn_away(),
                // The peer has left the backlog already (ECONNABORTED), or a signal came.
                Err(error) => log::debug!("accept: {error}"),
            }
        }
        Accepted::Exhausted
    }

    /// Gives up the reserve for a moment, so that a peer is told by a FIN rather than left to
    /// wait. An edge-triggered listener would say nothing more, so the reactor tries again later.
    fn turn_away(&mut self) -> Accepted {
        if self.reserve.take().is_some() {
            self.calls.book(Syscall::Close);
        }
        match self.socket.accept() {
            Ok((stream, _)) => {
                self.calls.book(Syscall::Accept);
                drop(stream);
                self.calls.book(Syscall::Close);
            }
            Err(_) => self.calls.book(Syscall::AcceptBlocked),
        }
        self.reserve = reserve();
        self.calls.book(Syscall::Open);
        Accepted::Exhausted
    }
}

fn reserve() -> Option<std::fs::File> {
    std::fs::File::open("/dev/null").ok()
}

fn is_exhaustion(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
