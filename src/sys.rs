//! Calls that no safe crate makes. This is the only file with `unsafe`.
#![allow(unsafe_code, reason = "socket options and limits have no safe interface")]

use std::io;
use std::os::fd::{AsRawFd, RawFd};

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

/// Bounds the unsent bytes that the kernel holds for a socket (`TCP_NOTSENT_LOWAT`, tcp(7)).
pub fn set_notsent_low_water(socket: &impl AsRawFd, bytes: u32) -> io::Result<()> {
    set_u32(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes)
}

fn set_u32(fd: RawFd, level: i32, name: i32, value: u32) -> io::Result<()> {
    const LENGTH: libc::socklen_t = 4;
    // SAFETY: `value` outlives the call, and `LENGTH` is its size.
    let done = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), LENGTH) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The CPU time of this process so far, in nanoseconds.
pub fn process_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}
