//! Claim 5: server-sent events come back after three seconds.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use super::evidence::{Cell, Evidence, Outcome, written};
use super::returning::{Browser, Returning};
use super::wire::Wire;
use super::{Brief, Mistrial, Verdict};
use crate::client::connection::encode_request;
use crate::client::{Address, Resume, SubscribeOptions, Subscription};
use crate::clock::SECOND_US;
use crate::engine::Config;
use crate::id::Kind;
use crate::limits::CLIENT_CONTENT_BYTES_MAX;
use crate::reactor::Reactor;
use crate::wire::event_stream::Decoder;
use crate::wire::head::Method;

pub(super) const BRIEF: Brief = Brief {
    sentence: "Server-sent events reconnect after three seconds.",
    rule: "The reconnection times that this server tells, and those that clients wait whether \
           they were told one or not, are set against 3 s, a tenth more or less: true when all of \
           them are, false when none is.",
    commands: &[
        "curl -sN 'http://127.0.0.1:7777/orderpay?payid=1'",
        "pushscope serve --listen 127.0.0.1:7779 & sleep 1; (sleep 1; kill $!) & \
         curl -sN http://127.0.0.1:7779/c/t/sse",
    ],
    us: 6 * SECOND_US,
};

/// Reconnection times.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Measured {
    times: Vec<Time>,
    /// Why no browser was measured, if none was.
    unbrowsed: Option<String>,
}

/// One of them, in seconds.
#[derive(Clone, PartialEq, Debug)]
struct Time {
    name: String,
    /// What the server says.
    told: Option<f64>,
    /// What the client waits.
    waited: Option<f64>,
}

impl Measured {
    /// Hears what this server tells, and has clients come back to a server whose streams end.
    pub(super) fn of() -> Result<Self, Mistrial> {
        let told = thread::spawn(told);
        let browser = Browser::find().map(|program| thread::spawn(move || browsed(&program)));
        let own = subscribed()?;
        let lost = |_| Mistrial::new("a thread of the trial was lost");
        let mut times = told.join().map_err(lost)??;
        times.extend(waits("pushscope sub", &own));
        // A browser that cannot be had says nothing about the claim.
        let browsed = match browser {
            Some(browser) => browser.join().map_err(lost)?,
            None => Err(Mistrial::new("no Chromium was found")),
        };
        let unbrowsed = match browsed {
            Ok(waited) => {
                times.extend(waits("Chromium", &waited));
                None
            }
            Err(why) => Some(why.to_string()),
        };
        Ok(Self { times, unbrowsed })
    }

    /// The verdict, and the figures behind it.
    pub(super) fn outcome(&self) -> Outcome {
        let columns = [("server says", "s"), ("client waits", "s")];
        let title = "After how long a client comes back to an event stream";
        let mut evidence = Evidence::new(title, "when", &columns);
        for Time { name, told, waited } in &self.times {
            evidence = evidence.line(name, [Cell::from(*told), Cell::from(*waited)]);
        }
        let times = || self.times.iter().filter_map(|time| time.waited.or(time.told));
        let holding = times().filter(|seconds| (seconds - CLAIMED_S).abs() <= TOLERATED_S).count();
        let verdict = Verdict::of(holding, self.times.len());
        let least = written(times().fold(f64::INFINITY, f64::min));
        let most = written(times().fold(0.0, f64::max));
        let told = match verdict {
            Verdict::True => "All of them are 3 s.".to_owned(),
            Verdict::False => format!("They are from {least} to {most} s, and none is 3 s."),
            Verdict::Depends => format!("They are from {least} to {most} s."),
        };
        let browser = match &self.unbrowsed {
            None => String::new(),
            Some(why) => format!(" No browser was measured: {why}."),
        };
        let reason = format!(
            "{told} The server says it with `retry:`; until it does, the time is \
             implementation-defined (HTML §9.2), and each client has its own.{browser}"
        );
        Outcome { evidence, verdict, reason }
    }
}

/// What this server tells: when it ends an order, and when it drains.
fn told() -> Result<Vec<Time>, Mistrial> {
    let (sender, receiver) = channel();
    let server = thread::spawn(move || -> Result<(), Mistrial> {
        let mut reactor = Reactor::bind(([127, 0, 0, 1], 0).into(), Config::default())?;
        // Who does not listen any more has failed, and says why.
        let _ = sender.send((reactor.address()?, reactor.handle()));
        Ok(reactor.run()?)
    });
    let (place, handle) =
        receiver.recv().map_err(|_| Mistrial::new("a server could not be started"))?;
    let address = Address::parse(&place.to_string())
        .map_err(|_| Mistrial::new("a server is nowhere to be found"));
    let heard = address.and_then(|address| {
        let order = retry(stream(&address, "/orderpay?payid=1")?.content_until(EVENT_END)?)?;
        let mut parked = stream(&address, "/c/t/sse")?;
        parked.content_until(EVENT_END)?;
        handle.drain();
        Ok((order, retry(&parked.rest()?)?))
    });
    // Once is enough; it does no harm twice.
    handle.drain();
    let ended = server.join().map_err(|_| Mistrial::new("a server was lost"))?;
    let (order, drained) = heard?;
    ended?;
    let time = |name: &str, told| Time { name: name.to_owned(), told: Some(told), waited: None };
    Ok(vec![time("pushscope, of an order", order), time("pushscope, when it drains", drained)])
}

/// An event stream behind its head.
fn stream(address: &Address, path: &str) -> Result<Wire, Mistrial> {
    let fields = [("Accept", "text/event-stream")];
    let question = encode_request(Method::Get, address, &address.target(path), &fields, None);
    let mut wire = Wire::open(address)?;
    match wire.ask(&question)?.status {
        200 => Ok(wire),
        status => Err(Mistrial::new(format!("an event stream was answered with {status}"))),
    }
}

/// The reconnection time that a stream tells, in seconds.
fn retry(content: &[u8]) -> Result<f64, Mistrial> {
    let mut decoder = Decoder::new(CLIENT_CONTENT_BYTES_MAX);
    decoder
        .receive(content, &mut Vec::new())
        .map_err(|error| Mistrial::new(format!("an event stream is none: {error:?}")))?;
    let told = decoder.retry_ms().map(Duration::from_millis);
    told.map(|time| time.as_secs_f64())
        .ok_or_else(|| Mistrial::new("an event stream does not tell a reconnection time"))
}

/// After how long our own client comes back.
fn subscribed() -> Result<Vec<Duration>, Mistrial> {
    let returning = Returning::bind()?;
    let address = Address::parse(&returning.authority()?)
        .map_err(|_| Mistrial::new("a server is nowhere to be found"))?;
    let is_over = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&is_over);
    let client = thread::spawn(move || -> Result<(), Mistrial> {
        let options = SubscribeOptions { resume: Resume::Always, ..SubscribeOptions::default() };
        let mut stream = Subscription::open(&address, "t", Kind::Sse, None, options)?;
        while !is_done.load(Ordering::Relaxed) {
            stream.next(Some(Instant::now() + LOOK_EVERY))?;
        }
        Ok(())
    });
    let waits = returning.waits(&TOLD, Instant::now() + OWN_TIME);
    is_over.store(true, Ordering::Relaxed);
    let ended = client.join().map_err(|_| Mistrial::new("a client was lost"))?;
    let waits = waits?;
    ended.map(|()| waits)
}

/// After how long a browser's `EventSource` comes back.
fn browsed(program: &Path) -> Result<Vec<Duration>, Mistrial> {
    let returning = Returning::bind()?;
    let browser = Browser::open(program, &format!("http://{}/", returning.authority()?))?;
    let waits = returning.waits(&TOLD, Instant::now() + BROWSER_TIME);
    drop(browser);
    waits
}

fn waits(client: &str, waits: &[Duration]) -> Vec<Time> {
    let time = |(told, waited): (&Option<Duration>, &Duration)| Time {
        name: match told {
            None => format!("{client}, told nothing"),
            Some(_) => format!("{client}, told a time"),
        },
        told: told.map(|told| told.as_secs_f64()),
        waited: Some(waited.as_secs_f64()),
    };
    TOLD.iter().zip(waits).map(time).collect()
}

/// What the streams tell that end: nothing, and then a time.
const TOLD: [Option<Duration>; 2] = [None, Some(Duration::from_secs(1))];
const CLAIMED_S: f64 = 3.0;
const TOLERATED_S: f64 = 0.3;
const EVENT_END: &[u8] = b"\n\n";
/// Time for our own client to come back twice.
const OWN_TIME: Duration = Duration::from_secs(10);
/// How soon our own client sees that it is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time for a browser to start, and to come back twice.
const BROWSER_TIME: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(times: &[(Option<f64>, Option<f64>)]) -> Verdict {
        let time = |(told, waited): &(Option<f64>, Option<f64>)| Time {
            name: "a client".to_owned(),
            told: *told,
            waited: *waited,
        };
        let measured = Measured { times: times.iter().map(time).collect(), unbrowsed: None };
        measured.outcome().verdict
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        assert_eq!(verdict(&[(Some(3.0), None), (None, Some(3.2))]), Verdict::True);
        assert_eq!(verdict(&[(Some(3.0), None), (None, Some(0.25))]), Verdict::Depends);
        assert_eq!(verdict(&[(Some(1.0), None), (None, Some(0.25))]), Verdict::False);
        // What is waited counts, whatever was told.
        assert_eq!(verdict(&[(Some(3.0), Some(1.0))]), Verdict::False);
    }

    #[test]
    fn a_stream_tells_its_reconnection_time() {
        assert_eq!(retry(b"retry: 1500\n\n"), Ok(1.5));
        assert!(retry(b"data: x\n\n").is_err());
    }

    #[test]
    fn this_server_tells_two_times() {
        let told: Vec<Option<f64>> = told().unwrap().iter().map(|time| time.told).collect();
        assert_eq!(told, [Some(1.0), Some(3.0)]);
    }

    #[test]
    fn our_own_client_waits_as_it_is_told() {
        let waits = subscribed().unwrap();
        assert!(waits[0] < Duration::from_secs(1), "{waits:?}");
        assert!(waits[1] >= Duration::from_millis(950), "{waits:?}");
    }
}
