//! Servers to talk to: a reactor on a thread, or the command as a process.
#![allow(dead_code, reason = "two tests use it, each its own part")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use pushscope::clock::SECOND_US;
use pushscope::engine::Config;
use pushscope::limits::Limits;
use pushscope::reactor::{Handle, Reactor};

use crate::peer::PATIENCE;

/// A reactor on a thread of its own.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// One with the limits that everybody has.
    pub(crate) fn start() -> Self {
        Self::with(Limits::default())
    }

    /// One with other limits; it drains faster than others, for the sake of the tests.
    pub(crate) fn with(limits: Limits) -> Self {
        let limits = Limits { drain_us_max: SECOND_US, ..limits };
        let config = Config { limits, ..Config::default() };
        let (sender, receiver) = channel();
        let thread = std::thread::spawn(move || {
            let mut reactor = Reactor::bind("127.0.0.1:0".parse().unwrap(), config).unwrap();
            sender.send((reactor.address().unwrap(), reactor.handle())).unwrap();
            reactor.run().unwrap();
        });
        let (address, handle) = receiver.recv_timeout(PATIENCE).unwrap();
        Self { address, handle, thread: Some(thread) }
    }

    /// A way to reach it that is no socket.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Has it say goodbye.
    pub(crate) fn drain(&self) {
        self.handle.drain();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been drained by the test; a second time it leaves at once.
        self.handle.drain();
        if std::thread::panicking() {
            // What has failed may be the loop, which would never end.
            return;
        }
        self.thread.take().map(JoinHandle::join).unwrap().unwrap();
    }
}

/// The command, as a process.
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    ended: Receiver<()>,
}

impl Process {
    /// `pushscope serve` on a port of its own choosing.
    pub(crate) fn serve(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
        Self::spawn(command.args(SERVE).args(arguments).stderr(Stdio::null()))
    }

    /// The same, with its log in a file.
    pub(crate) fn serve_logging(arguments: &[&str], log: File) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
        Self::spawn(command.args(SERVE).args(arguments).stderr(log))
    }

    /// The same, with so many descriptors and no more, and one loop: it takes its descriptors in
    /// one order, and whoever has to give way is one of its own.
    pub(crate) fn serve_with_descriptors(descriptors: u32) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &descriptors.to_string()]);
        let command = command.arg(env!("CARGO_BIN_EXE_pushscope")).args(SERVE).args(ONE_LOOP);
        Self::spawn(command.stderr(Stdio::null()))
    }

    /// The same, on a kernel that refuses what `strace` is told by this expression to inject; with
    /// one loop, for `strace` counts the calls of each thread.
    pub(crate) fn serve_refusing(inject: &str) -> Self {
        let mut command = Command::new("strace");
        // Detached, or the process that is watched here would be strace itself.
        command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={inject}")]);
        Self::spawn(command.arg(env!("CARGO_BIN_EXE_pushscope")).args(SERVE).args(ONE_LOOP))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, first) = channel();
        let (end, ended) = channel();
        std::thread::spawn(move || {
            // The tests may be over already.
            let _ = told.send(lines.next());
            while let Some(Ok(_)) = lines.next() {}
            let _ = end.send(());
        });
        let line = first.recv_timeout(PATIENCE).unwrap().unwrap().unwrap();
        let address = line.strip_prefix("pushscope listens on http://").unwrap();
        let address = address.trim_end_matches('/').parse().unwrap();
        Self { child, address, ended }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Takes descriptors away from it, down to so many, or gives them back.
    pub(crate) fn limit_descriptors(&self, descriptors: u32) {
        let id = self.child.id().to_string();
        let limit = format!("--nofile={descriptors}:");
        assert!(Command::new("prlimit").args(["--pid", &id, &limit]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.ended.recv_timeout(PATIENCE).expect("the server has not ended");
        self.child.wait().unwrap()
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> u32 {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count();
        u32::try_from(open).unwrap()
    }

    /// The number that its next descriptor will have: whoever started it may have left it some.
    pub(crate) fn next_descriptor(&self) -> u32 {
        let is_free = |number: &u32| {
            let place = format!("/proc/{}/fd/{number}", self.child.id());
            fs::symlink_metadata(place).is_err()
        };
        (0..).find(is_free).unwrap()
    }

    /// CPU time of its loops so far, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let of = |text: String| text.split(' ').next().unwrap().parse::<u64>().unwrap();
        self.loops("schedstat").into_iter().map(of).sum()
    }

    /// How often its loops have gone to sleep so far.
    pub(crate) fn sleeps(&self) -> u64 {
        let is_it = |line: &&str| line.starts_with("voluntary_ctxt_switches:");
        let of = |text: String| {
            let line = text.lines().find(is_it).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        self.loops("status").into_iter().map(of).sum()
    }

    /// What the kernel says in a file about each of its loops: it has no other threads.
    pub(crate) fn loops(&self, file: &str) -> Vec<String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.map(|one| fs::read_to_string(one.unwrap().path().join(file)).unwrap()).collect()
    }

    /// Memory that it shares with nobody, in bytes: pages of files are left out, for those of a
    /// program that was just built are dirty, too.
    pub(crate) fn private_bytes(&self) -> u64 {
        let text = self.proc("smaps_rollup");
        let line = text.lines().find(|line| line.starts_with("Anonymous:")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where a test has awaited that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];
const ONE_LOOP: [&str; 2] = ["--reactors", "1"];
