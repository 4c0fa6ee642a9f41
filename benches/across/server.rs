//! The servers: ours, and those that it is compared with.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::cores::pinned;
use super::talk::free;

/// A server in a process of its own, on a core of its own.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    child: Child,
    /// Where its configuration lies.
    directory: Option<PathBuf>,
}

impl Server {
    /// The server of this package, as it was built for this bench.
    pub(crate) fn ours() -> Self {
        Self::pushscope("pushscope", pinned(env!("CARGO_BIN_EXE_pushscope")), &[])
    }

    /// The same with so many loops, on whichever cores there are; who is silent is left in peace.
    pub(crate) fn of_loops(count: usize) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_pushscope"));
        let count = count.to_string();
        let more = ["--reactors", &count, "--heartbeat-s", "0", "--ping-s", "0"];
        Self::pushscope("pushscope", command, &more)
    }

    /// Another build of it, if `PUSHSCOPE_FORMER` names one: what has a change brought?
    pub(crate) fn former() -> Option<Self> {
        let program = std::env::var_os("PUSHSCOPE_FORMER")?;
        Some(Self::pushscope("former", pinned(program), &[]))
    }

    fn pushscope(name: &'static str, mut command: Command, more: &[&str]) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim_end().trim_end_matches('/').rsplit('/').next().unwrap();
        Self { name, address: address.parse().unwrap(), child, directory: None }
    }

    /// nginx with these modules and locations, if they are installed.
    pub(crate) fn nginx(modules: &str, locations: &str) -> Option<Self> {
        let directory = std::env::temp_dir().join(format!("pushscope-bench-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let address = free();
        let settings = format!("{modules}\n{}", NGINX.replace("ADDRESS", &address.to_string()));
        let file = directory.join("nginx.conf");
        fs::write(&file, settings.replace("LOCATIONS", locations)).unwrap();
        let mut command = pinned("nginx");
        command.arg("-p").arg(&directory).arg("-c").arg(&file).args(["-e", "error.log"]);
        let mut found = Self::peer("nginx", command, address);
        match &mut found {
            Some(server) => server.directory = Some(directory),
            None => {
                let _ = fs::remove_dir_all(directory);
                eprintln!("not compared with nginx: `apt-get install nginx libnginx-mod-nchan`");
            }
        }
        found
    }

    /// nginx with nchan: `/pub/<channel>`, `/sub/<channel>` for long polls, `/events/<channel>`.
    pub(crate) fn nchan() -> Option<Self> {
        Self::nginx(NCHAN, CHANNELS)
    }

    /// uWebSockets, which sends back what comes at `/echo`, and to all at `/subscribe` what comes
    /// at `/publish`, if it was built.
    pub(crate) fn uws() -> Option<Self> {
        let address = free();
        let mut command = pinned(concat!(env!("CARGO_MANIFEST_DIR"), "/target/uws/echo"));
        command.arg(address.port().to_string());
        let found = Self::peer("uWebSockets", command, address);
        if found.is_none() {
            eprintln!("not compared with uWebSockets: benches/echo.rs says how it is built");
        }
        found
    }

    /// Another server, which is to listen there; none if it does not.
    pub(crate) fn peer(
        name: &'static str,
        mut command: Command,
        address: SocketAddr,
    ) -> Option<Self> {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && child.try_wait().unwrap().is_none() {
            if TcpStream::connect(address).is_ok() {
                return Some(Self { name, address, child, directory: None });
            }
            thread::yield_now();
        }
        let _ = child.kill();
        let _ = child.wait();
        None
    }

    /// The CPU time of all its threads so far, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> u64 {
        cpu_ns(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// The CPU time of all threads of a process so far, in nanoseconds.
pub(crate) fn cpu_ns(process: u32) -> u64 {
    let of_each = tasks(process, "schedstat").into_iter();
    of_each.map(|told| told.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// What proc(5) tells of each thread of a process, in the file of that name.
pub(crate) fn tasks(process: u32, file: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.map(|thread| fs::read_to_string(thread.unwrap().path().join(file)).unwrap()).collect()
}

/// CPU time of a process by the kernel's ticks, which say whose it was.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ticks {
    pub(crate) user: u64,
    pub(crate) system: u64,
}

/// What a process has taken so far (proc(5), `stat`).
pub(crate) fn ticks(process: u32) -> Ticks {
    let told = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The second field is a name, which may hold anything; `utime` is the fourteenth.
    let (_, fields) = told.rsplit_once(") ").unwrap();
    let field = |number: usize| fields.split(' ').nth(number - 3).unwrap().parse().unwrap();
    Ticks { user: field(14), system: field(15) }
}

/// One process that serves until it is killed, and logs nothing.
const NGINX: &str = "\
daemon off; master_process off; pid nginx.pid;
events { worker_connections 16384; }
http {
    access_log off; error_log error.log; server_tokens off;
    client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t;
    scgi_temp_path t; keepalive_requests 1000000000; keepalive_timeout 3600s;
    default_type text/plain;
    server { listen ADDRESS; LOCATIONS }
}";
const NCHAN: &str = "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;";
const CHANNELS: &str = "\
location = /healthz { return 200 ok; }
location ~ ^/pub/(.+)$ {
    nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 1000;
    client_body_buffer_size 128k;
}
location ~ ^/sub/(.+)$ {
    nchan_subscriber longpoll; nchan_channel_id $1; nchan_subscriber_first_message newest;
}
location ~ ^/events/(.+)$ {
    nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest;
}";
/// How soon a server must listen.
const PATIENCE: Duration = Duration::from_secs(3);
