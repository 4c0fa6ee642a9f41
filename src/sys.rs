//! Calls that no safe crate makes, and an allocator that counts. The only file with `unsafe`.
#![allow(unsafe_code, reason = "socket options, limits and allocators have no safe interface")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{self, Command};

use mio::net::TcpStream;

use crate::cost::{Heap, Kernel};
use crate::inspect::Peer;

/// How many descriptors this process may have, after raising the soft limit to the hard one.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit for the call to fill.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: `raised` is a valid rlimit, and is only read.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) };
    // Where raising is forbidden, the soft limit is what there is.
    Ok(if done == 0 { raised.rlim_cur } else { limit.rlim_cur })
}

/// What the kernel says about a TCP socket, its queues' memory included: two `getsockopt`.
///
/// Memory is what the queues hold: `rmem_alloc` (received and not read), `wmem_queued` (sent and
/// not acknowledged, or not sent) and `backlog` (received while the socket was locked), each with
/// the kernel's own overhead per buffer. Left out are `wmem_alloc`, which is the same buffers again
/// while the device has them, and `fwd_alloc`, which is a quota and holds nothing.
pub fn kernel(socket: &impl AsRawFd) -> io::Result<Kernel> {
    let counts = kernel_counts(socket)?;
    let mut memory = [0; MEMINFO_BYTES];
    fill(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, &mut memory)?;
    let held = [MEMINFO_RMEM_ALLOC, MEMINFO_WMEM_QUEUED, MEMINFO_BACKLOG];
    Ok(Kernel { memory_bytes: held.map(|at| u32_at(&memory, at)).iter().sum(), ..counts })
}

/// The same without memory: one `getsockopt`. What this kernel does not tell is 0.
///
/// Bytes are counted by sequence numbers, and SYN and FIN have one each. `bytes_received` is one
/// more than what can be read once the peer's FIN is here; `bytes_acked` is one more than what was
/// written once our FIN is acknowledged, and one more on the side that connected, for its SYN.
/// `bytes_sent` counts neither. A RST counts for nothing but a segment. Of the handshake, the side
/// that accepted has counted two segments in (SYN, ACK) and none out: its SYN-ACK left before
/// there was a socket.
pub fn kernel_counts(socket: &impl AsRawFd) -> io::Result<Kernel> {
    let mut info = [0; INFO_BYTES];
    fill(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    Ok(Kernel {
        sockets: 1,
        bytes_sent: u64_at(&info, INFO_BYTES_SENT),
        bytes_retransmitted: u64_at(&info, INFO_BYTES_RETRANS),
        bytes_acked: u64_at(&info, INFO_BYTES_ACKED),
        bytes_received: u64_at(&info, INFO_BYTES_RECEIVED),
        segments_out: u32_at(&info, INFO_SEGS_OUT),
        segments_in: u32_at(&info, INFO_SEGS_IN),
        segments_retransmitted: u32_at(&info, INFO_TOTAL_RETRANS),
        memory_bytes: 0,
    })
}

/// Who is at the other end of a connection, the kernel's smoothed round trip time, and what waits
/// in its buffer.
pub fn peer(socket: &TcpStream) -> Peer {
    let mut info = [0; INFO_BYTES];
    let told = fill(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, &mut info);
    Peer {
        address: socket.peer_addr().map_or_else(|_| String::new(), |peer| peer.to_string()),
        rtt_us: told.is_ok().then(|| u32_at(&info, INFO_RTT)),
        unsent: told.is_ok().then(|| u32_at(&info, INFO_NOTSENT_BYTES)),
    }
}

/// How many wait to be accepted by a listener, if this kernel says so: of a listener,
/// `tcpi_unacked` is how long its backlog is, and `tcpi_sacked` how long it may be.
pub fn waiting(listener: &impl AsRawFd) -> Option<u64> {
    let mut info = [0; INFO_BYTES];
    fill(listener.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).ok()?;
    (u32_at(&info, INFO_SACKED) > 0).then(|| u32_at(&info, INFO_UNACKED))
}

/// Fills `value` with an option: all of it, or as much as this kernel has.
fn fill(fd: RawFd, level: i32, name: i32, value: &mut [u8]) -> io::Result<()> {
    let mut length = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    let into = value.as_mut_ptr().cast();
    // SAFETY: `value` outlives the call and has `length` bytes; the kernel writes no more of them.
    let done = unsafe { libc::getsockopt(fd, level, name, into, &raw mut length) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u32::from_ne_bytes(*bytes).into())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

/// Has the kernel kill what `command` starts when who started it dies, however that is: by
/// `kill -9`, too (`PR_SET_PDEATHSIG`, prctl(2)).
///
/// The kernel's parent of a process is a thread: the child ends with the thread that starts it.
pub fn die_with_parent(command: &mut Command) {
    let parent = process::id();
    let ask = move || {
        // SAFETY: this call takes no pointer, and changes nothing but this process.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // Who died before the question is not waited for any more: another process is the parent.
        // SAFETY: this call only reads.
        match u32::try_from(unsafe { libc::getppid() }) == Ok(parent) {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    };
    // SAFETY: between fork and exec, `ask` makes two system calls; it locks and allocates nothing.
    unsafe { command.pre_exec(ask) };
}

/// The CPU time of this process so far, in nanoseconds.
pub fn process_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// The CPU time of this thread so far, in nanoseconds. A system call.
pub fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The time since some moment before this process began, in nanoseconds; it never goes back.
/// No system call: the kernel maps this clock into the process (vdso(7)).
pub fn monotonic_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC)
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// The system's allocator, which counts for each thread what it is asked for.
///
/// Cost: some loads and stores of the thread's own memory per call; no lock, no shared word. A
/// block is counted where it is handed out, and where it is taken back: these may be two threads.
#[derive(Debug)]
pub struct Counting;

/// What this thread has asked of [`Counting`] so far; nothing if another allocator serves.
pub fn heap() -> Heap {
    HEAP.try_with(Cell::get).unwrap_or_default()
}

/// Whether [`Counting`] serves this process. To find out, it allocates one byte.
pub fn heap_is_counted() -> bool {
    let before = heap().allocations;
    drop(std::hint::black_box(Box::new(0_u8)));
    heap().allocations != before
}

thread_local! {
    // Without initialiser or destructor: it allocates nothing, and lives as long as its thread.
    static HEAP: Cell<Heap> = const {
        Cell::new(Heap { allocations: 0, frees: 0, allocated_bytes: 0, freed_bytes: 0 })
    };
}

// SAFETY: every block comes from `System` and returns to it, with the layout it was asked with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the one that `System` asks for.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            book_allocated(layout.size());
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            book_allocated(layout.size());
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) };
        book_freed(layout.size());
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { System.realloc(block, layout, size) };
        if !moved.is_null() {
            book_allocated(size);
            book_freed(layout.size());
        }
        moved
    }
}

fn book_allocated(bytes: usize) {
    book(|heap| {
        heap.allocations = heap.allocations.wrapping_add(1);
        heap.allocated_bytes = heap.allocated_bytes.wrapping_add(bytes as u64);
    });
}

fn book_freed(bytes: usize) {
    book(|heap| {
        heap.frees = heap.frees.wrapping_add(1);
        heap.freed_bytes = heap.freed_bytes.wrapping_add(bytes as u64);
    });
}

/// An allocator must not unwind: what could fail or overflow here does nothing instead.
fn book(entry: impl FnOnce(&mut Heap)) {
    let _ = HEAP.try_with(|cell| {
        let mut heap = cell.get();
        entry(&mut heap);
        cell.set(heap);
    });
}

// Where the counters stand in `struct tcp_info` (linux/tcp.h), which only grows at its end; the
// ones from `INFO_BYTES_SENT` on since Linux 4.19.
const INFO_UNACKED: usize = 24;
const INFO_SACKED: usize = 28;
const INFO_RTT: usize = 68;
const INFO_TOTAL_RETRANS: usize = 100;
const INFO_BYTES_ACKED: usize = 120;
const INFO_BYTES_RECEIVED: usize = 128;
const INFO_SEGS_OUT: usize = 136;
const INFO_SEGS_IN: usize = 140;
const INFO_NOTSENT_BYTES: usize = 144;
const INFO_BYTES_SENT: usize = 200;
const INFO_BYTES_RETRANS: usize = 208;
const INFO_BYTES: usize = INFO_BYTES_RETRANS + 8;

// Where the words stand that `SO_MEMINFO` fills (linux/sock_diag.h).
const MEMINFO_RMEM_ALLOC: usize = 0;
const MEMINFO_WMEM_QUEUED: usize = 5 * 4;
const MEMINFO_BACKLOG: usize = 7 * 4;
const MEMINFO_BYTES: usize = MEMINFO_BACKLOG + 4;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        (server, client)
    }

    #[test]
    fn both_ends_count_the_same_bytes() {
        let (mut server, mut client) = pair();
        client.write_all(&[1; 100]).unwrap();
        server.read_exact(&mut [0; 100]).unwrap();
        // The answer carries the acknowledgement of what it answers.
        server.write_all(&[2; 1_000]).unwrap();
        client.read_exact(&mut [0; 1_000]).unwrap();
        let (here, there) = (kernel(&server).unwrap(), kernel(&client).unwrap());
        assert_eq!((here.sockets, there.sockets), (1, 1));
        assert_eq!((here.bytes_sent, there.bytes_sent), (1_000, 100));
        assert_eq!((here.bytes_received, there.bytes_received), (100, 1_000));
        assert_eq!(there.bytes_acked, 100 + 1, "who connects counts its own SYN");
        assert!(here.segments_out >= 1 && here.segments_in >= 3, "{here:?}");
        assert_eq!(there.memory_bytes, 0, "all is read and acknowledged");
    }

    #[test]
    fn a_fin_counts_for_one() {
        let (mut server, mut client) = pair();
        server.write_all(&[2; 1_000]).unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut [0; 1]).unwrap(), 0);
        let (here, there) = (kernel_counts(&server).unwrap(), kernel_counts(&client).unwrap());
        assert_eq!((here.bytes_sent, here.bytes_acked), (1_000, 1_000 + 1));
        assert_eq!((here.bytes_received, there.bytes_received), (1, 1_000 + 1));
        assert_eq!(there.bytes_sent, 0);
    }

    #[test]
    fn what_is_not_read_holds_memory() {
        let (mut server, client) = pair();
        server.write_all(&[2; 1_000]).unwrap();
        assert_eq!(client.peek(&mut [0; 1_000]).unwrap(), 1_000);
        assert!(kernel(&client).unwrap().memory_bytes >= 1_000);
        assert_eq!(kernel_counts(&client).unwrap().memory_bytes, 0, "not asked for");
    }

    #[test]
    fn what_is_no_tcp_socket_has_no_counts() {
        assert!(kernel(&UdpSocket::bind(("127.0.0.1", 0)).unwrap()).is_err());
    }

    #[test]
    fn the_threads_clock_runs_while_it_works() {
        let (wall, cpu) = (monotonic_ns(), thread_cpu_ns());
        while thread_cpu_ns() == cpu {}
        let (worked, passed) = (thread_cpu_ns() - cpu, monotonic_ns() - wall);
        // Halved: only the second clock is disciplined, so they need not run at the same rate.
        assert!(worked / 2 <= passed, "{worked} ns of work in {passed} ns");
    }

    #[test]
    fn a_block_that_grows_is_handed_out_anew() {
        assert!(!heap_is_counted(), "another allocator serves these tests");
        let before = heap();
        let layout = Layout::from_size_align(100, 8).unwrap();
        let grown = Layout::from_size_align(300, 8).unwrap();
        // SAFETY: each block is used with the layout it has, and not after it is freed.
        unsafe {
            let block = Counting.realloc(Counting.alloc(layout), layout, grown.size());
            Counting.dealloc(block, grown);
            let zeroed = Counting.alloc_zeroed(layout);
            assert_eq!(*zeroed.add(99), 0);
            Counting.dealloc(zeroed, layout);
        }
        let bytes = 100 + 300 + 100;
        let booked = Heap { allocations: 3, frees: 3, allocated_bytes: bytes, freed_bytes: bytes };
        assert_eq!(heap() - before, booked);
    }
}
