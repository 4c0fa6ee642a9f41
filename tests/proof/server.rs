//! A reactor on a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use pushscope::engine::Config;
use pushscope::event::Payload;
use pushscope::hub::Draft;
use pushscope::limits::Limits;
use pushscope::reactor::{Handle, Reactor};

use crate::line::PATIENCE;
use crate::task::Task;

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The thread of its loop.
    pub(crate) task: Task,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts.
    pub(crate) fn start(limits: Limits) -> Self {
        let (sender, receiver) = channel();
        let thread = std::thread::spawn(move || {
            let mut reactor = reactor(limits);
            sender.send((reactor.address().unwrap(), reactor.handle(), Task::own())).unwrap();
            reactor.run().unwrap();
        });
        let (address, handle, task) = receiver.recv_timeout(PATIENCE).unwrap();
        Self { address, task, handle, thread: Some(thread) }
    }

    /// Publishes without a request.
    pub(crate) fn publish(&self, channel: &str, text: &str) {
        let draft = Draft { name: None, payload: Payload::Text(Arc::from(text)) };
        self.handle.publish(channel, draft).unwrap();
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

/// A reactor on a port of its own choosing.
pub(crate) fn reactor(limits: Limits) -> Reactor {
    let config = Config { limits, ..Config::default() };
    Reactor::bind("127.0.0.1:0".parse().unwrap(), config).unwrap()
}
