//! What a statement or a receipt says, as tables.

use std::collections::BTreeSet;

use pushscope::client::Address;
use pushscope::cost::{Kernel, Phase, Syscall};
use pushscope::statement::{Account, Receipt, Share, Statement, Unasked};
use pushscope::wire::date;

use super::table::{self, Rows, Screen, Table};
use super::text;

/// The whole statement.
pub(super) fn describe(statement: &Statement, address: &Address, screen: Screen) -> String {
    let since = match &statement.since {
        Some(name) => format!("since snapshot {}", text::escaped(name)),
        None => "since the server began".to_owned(),
    };
    let clock = date::time_of_day(statement.time / 1000);
    let clock = String::from_utf8_lossy(&clock);
    let mut text = format!("{address} at {clock} UTC: {} s {since}\n", tenths(statement.span_us));
    for table in tables(statement) {
        text.push('\n');
        text.push_str(&table.print(screen));
    }
    let was_witnessed = |account: &Account| account.kernel.sockets > 0;
    if statement.accounts.iter().any(was_witnessed) {
        text.push_str(WITNESS);
    }
    text.push_str(&unasked(&statement.unasked));
    text.push_str(if statement.balances { BALANCED } else { UNBALANCED });
    text
}

/// Those who are on no account yet.
fn unasked(unasked: &Unasked) -> String {
    let Unasked { connections, calls, read, held_bytes, .. } = unasked;
    if *connections == 0 {
        return String::new();
    }
    let calls: u64 = calls.values().sum();
    format!(
        "\n{connections} open without a request so far, on no account yet: {calls} calls, \
         {read} B read, {held_bytes} B held.\n"
    )
}

/// What one message has cost.
pub(super) fn describe_receipt(receipt: &Receipt, screen: Screen) -> String {
    let clock = date::time_of_day(receipt.time / 1000);
    let clock = String::from_utf8_lossy(&clock);
    let others = match receipt.batch.saturating_sub(1) {
        0 => String::new(),
        1 => "Handed over together with 1 other: what they share is told in halves.\n".to_owned(),
        others => {
            format!(
                "Handed over together with {others} others: what they share is told in parts.\n"
            )
        }
    };
    let head = format!(
        "{} of channel {}, published at {clock} UTC: {} bytes\n{others}\n",
        text::escaped(&receipt.id),
        text::escaped(&receipt.channel),
        table::thousands(&receipt.bytes.to_string()),
    );
    let shares = &receipt.mechanisms[..];
    let names = shares.iter().map(|share| share.mechanism.clone()).chain(["all".to_owned()]);
    let mut table = Table::new("By mechanism, over all subscribers", names.collect(), Rows::Used);
    let figures = |read: fn(&Share) -> f64| -> Vec<String> {
        let values: Vec<f64> = shares.iter().map(read).collect();
        let all = values.iter().sum();
        values.into_iter().chain([all]).map(table::figure).collect()
    };
    let counts = |read: fn(&Share) -> u64| -> Vec<String> {
        let all = sum(shares.iter().map(read));
        shares.iter().map(read).chain([all]).map(table::count).collect()
    };
    // There is no sum of extremes.
    let each = |read: fn(&Share) -> f64| -> Vec<String> {
        shares.iter().map(|share| table::figure(read(share).round())).collect()
    };
    table.push("queued for", counts(|share| share.subscribers));
    table.push("delivered", counts(|share| share.delivered));
    table.push("head", figures(|share| share.head));
    table.push("framing", figures(|share| share.framing));
    table.push("payload", figures(|share| share.payload));
    table.push("calls", figures(|share| share.calls));
    table.push("CPU µs", figures(|share| share.cpu_ns / 1000.0));
    table.push("allocations", figures(|share| share.allocations));
    table.push("allocated B", figures(|share| share.allocated_bytes));
    table.push(
        "delay min µs",
        shares.iter().map(|share| table::count(share.delay_us_min)).collect(),
    );
    table.push("mean µs", each(|share| share.delay_us_mean));
    table.push("max µs", shares.iter().map(|share| table::count(share.delay_us_max)).collect());
    head + &table.print(screen)
}

fn tables(statement: &Statement) -> Vec<Table> {
    let accounts = &statement.accounts[..];
    let mut tables = vec![
        connections(accounts),
        sent(accounts),
        received(accounts),
        calls(accounts),
        cpu(accounts),
        memory(statement),
        kernel("The kernel's own count, of closed connections", accounts, |account| {
            Some(account.kernel)
        }),
    ];
    if accounts.iter().any(|account| account.kernel_open.is_some()) {
        let title = "The kernel's own count, of open connections";
        tables.push(kernel(title, accounts, |account| account.kernel_open));
    }
    tables.push(faults(statement));
    tables
}

fn faults(statement: &Statement) -> Table {
    let (names, counts): (Vec<String>, Vec<u64>) = statement.faults.clone().into_iter().unzip();
    let mut table = Table::new("Refused and closed, by reason", names, Rows::Used);
    table.push("times", counts.into_iter().map(table::count).collect());
    table
}

fn connections(accounts: &[Account]) -> Table {
    let mut table = Table::new("Connections and deliveries", owners(accounts), Rows::All);
    table.push("opened", counts(accounts, |account| account.opened));
    table.push("open", counts(accounts, |account| account.open));
    table.push("open s", sums(accounts, |account| account.open_us, tenths));
    table.push("ticks", counts(accounts, |account| account.ticks));
    table.push("deliveries", counts(accounts, |account| account.deliveries));
    if accounts.iter().any(|account| account.missed > 0) {
        table.push("missed", counts(accounts, |account| account.missed));
    }
    // There is no sum of quantiles.
    let each = |read: fn(&Account) -> u64| {
        accounts.iter().map(|account| table::count(read(account))).collect()
    };
    table.push("delay p50 µs", each(|account| account.delay_us.p50));
    table.push("p99 µs", each(|account| account.delay_us.p99));
    table.push("max µs", each(|account| account.delay_us.max));
    table
}

fn sent(accounts: &[Account]) -> Table {
    let mut table =
        Table::new("Bytes down: made, and what became of them", owners(accounts), Rows::Used);
    table.push("brought", counts(accounts, |account| account.sent.brought));
    table.push("head", counts(accounts, |account| account.sent.made.head));
    table.push("framing", counts(accounts, |account| account.sent.made.framing));
    table.push("payload", counts(accounts, |account| account.sent.made.payload));
    table.push("control", counts(accounts, |account| account.sent.made.control));
    table.push("= taken", counts(accounts, |account| account.sent.taken));
    table.push("queued", counts(accounts, |account| account.sent.queued));
    table.push("dropped", counts(accounts, |account| account.sent.dropped));
    table.push("carried", counts(accounts, |account| account.sent.carried));
    table
}

fn received(accounts: &[Account]) -> Table {
    let mut table = Table::new("Bytes up: read, and what they were", owners(accounts), Rows::Used);
    table.push("read", counts(accounts, |account| account.received.read));
    table.push("= head", counts(accounts, |account| account.received.parsed.head));
    table.push("framing", counts(accounts, |account| account.received.parsed.framing));
    table.push("payload", counts(accounts, |account| account.received.parsed.payload));
    table.push("control", counts(accounts, |account| account.received.parsed.control));
    table.push("waiting", counts(accounts, |account| account.received.waiting));
    table
}

fn calls(accounts: &[Account]) -> Table {
    let known = Syscall::ALL.map(Syscall::name);
    let mut table = Table::new("System calls", owners(accounts), Rows::Used);
    for name in in_order(&known, accounts.iter().flat_map(|account| account.calls.keys())) {
        table.push(name, counts(accounts, |account| account.calls.get(name).copied().unwrap_or(0)));
    }
    table.push("all", counts(accounts, |account| sum(account.calls.values().copied())));
    table
}

fn cpu(accounts: &[Account]) -> Table {
    let known = Phase::ALL.map(Phase::name);
    let mut table = Table::new("CPU time of the loop, in µs", owners(accounts), Rows::Used);
    for name in in_order(&known, accounts.iter().flat_map(|account| account.cpu_ns.keys())) {
        let ns = |account: &Account| account.cpu_ns.get(name).copied().unwrap_or(0);
        table.push(name, sums(accounts, ns, micros));
    }
    let ns = |account: &Account| sum(account.cpu_ns.values().copied());
    table.push("all", sums(accounts, ns, micros));
    table
}

fn memory(statement: &Statement) -> Table {
    let accounts = &statement.accounts[..];
    let title = if statement.heap_counted { MEMORY } else { MEMORY_HELD };
    let mut table = Table::new(title, owners(accounts), Rows::Used);
    table.push("held bytes", counts(accounts, |account| account.held_bytes));
    if statement.heap_counted {
        table.push("allocations", counts(accounts, |account| account.heap.allocations));
        table.push("frees", counts(accounts, |account| account.heap.frees));
        table.push("allocated bytes", counts(accounts, |account| account.heap.allocated_bytes));
        table.push("freed bytes", counts(accounts, |account| account.heap.freed_bytes));
    }
    table
}

fn kernel(title: &str, accounts: &[Account], read: fn(&Account) -> Option<Kernel>) -> Table {
    let counts = |count: fn(&Kernel) -> u64| {
        counts(accounts, |account| read(account).as_ref().map_or(0, count))
    };
    let mut table = Table::new(title, owners(accounts), Rows::Used);
    table.push("sockets", counts(|kernel| kernel.sockets));
    table.push("sent B", counts(|kernel| kernel.bytes_sent));
    table.push("again", counts(|kernel| kernel.bytes_retransmitted));
    table.push("acked B", counts(|kernel| kernel.bytes_acked));
    table.push("received B", counts(|kernel| kernel.bytes_received));
    table.push("segments out", counts(|kernel| kernel.segments_out));
    table.push("again", counts(|kernel| kernel.segments_retransmitted));
    table.push("segments in", counts(|kernel| kernel.segments_in));
    table.push("memory B", counts(|kernel| kernel.memory_bytes));
    table
}

/// The names of the rows, and of the one that sums them up.
fn owners(accounts: &[Account]) -> Vec<String> {
    accounts.iter().map(|account| account.owner.clone()).chain(["all".to_owned()]).collect()
}

fn counts(accounts: &[Account], read: impl Fn(&Account) -> u64) -> Vec<String> {
    sums(accounts, read, table::count)
}

/// A cell for each account, and one for their sum.
fn sums(
    accounts: &[Account],
    read: impl Fn(&Account) -> u64,
    encode: fn(u64) -> String,
) -> Vec<String> {
    let values: Vec<u64> = accounts.iter().map(read).collect();
    let all = sum(values.iter().copied());
    values.into_iter().chain([all]).map(encode).collect()
}

/// A sum that whatever a server says cannot break.
fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::saturating_add)
}

/// The names that occur: first those that are known, in their order.
fn in_order<'a>(known: &[&'a str], occurring: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut occurring: BTreeSet<&str> = occurring.map(String::as_str).collect();
    let mut names: Vec<&str> =
        known.iter().copied().filter(|name| occurring.remove(name)).collect();
    names.extend(occurring);
    names
}

/// Microseconds in seconds.
fn tenths(us: u64) -> String {
    match us {
        0 => table::count(0),
        us => format!("{}.{}", table::thousands(&(us / 1_000_000).to_string()), us / 100_000 % 10),
    }
}

/// Nanoseconds in microseconds.
fn micros(ns: u64) -> String {
    match ns {
        0 => table::count(0),
        ns => table::thousands(&(ns / 1000).to_string()),
    }
}

const MEMORY: &str = "Memory of open connections, and the heap";
const MEMORY_HELD: &str =
    "Memory of open connections (the heap is counted in builds with --features heap)";
const WITNESS: &str = "
The kernel has received one more than was read for each connection that its peer has closed: the
end of a stream takes a sequence number, as a byte does.
";
const BALANCED: &str = "
Every account balances: brought + made = taken + queued + dropped + carried, and
read = parsed + waiting. A row or a column that is not there is 0.
";
const UNBALANCED: &str = "
AN ACCOUNT DOES NOT BALANCE: brought + made is not taken + queued + dropped + carried, or
read is not parsed + waiting. That is a defect of the server.
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pushscope::cost::{Bytes, Heap};
    use pushscope::statement::{Delay, Received, Sent};

    use super::*;

    fn sse() -> Account {
        Account {
            owner: "sse".to_owned(),
            opened: 2,
            open: 1,
            open_us: 61_250_000,
            deliveries: 1_000,
            missed: 0,
            ticks: 3,
            sent: Sent {
                made: Bytes { head: 406, framing: 116_000, payload: 64_000, control: 42 },
                taken: 180_400,
                queued: 48,
                ..Sent::default()
            },
            received: Received { parsed: Bytes::head(207), read: 207, ..Received::default() },
            calls: BTreeMap::from([("writev".to_owned(), 9), ("read".to_owned(), 1_200)]),
            heap: Heap { allocations: 7, allocated_bytes: 8_000, ..Heap::default() },
            held_bytes: 376,
            cpu_ns: BTreeMap::from([("flush".to_owned(), 1_234_567), ("new".to_owned(), 999)]),
            delay_us: Delay { count: 1_000, mean: 80.0, p50: 75, p90: 90, p99: 150, max: 2_047 },
            kernel: Kernel { sockets: 1, bytes_sent: 839, segments_in: 10, ..Kernel::default() },
            kernel_open: Some(Kernel { sockets: 1, memory_bytes: 4_608, ..Kernel::default() }),
        }
    }

    fn statement() -> Statement {
        let waiting = Account {
            owner: "loop".to_owned(),
            calls: BTreeMap::from([("epoll_wait".to_owned(), 146)]),
            ..Account::default()
        };
        Statement {
            snapshot: "8".to_owned(),
            since: Some("7".to_owned()),
            time: 3_723_004,
            span_us: 60_123_456,
            heap_counted: true,
            balances: true,
            accounts: vec![sse(), waiting],
            unasked: Unasked::default(),
            faults: BTreeMap::from([("idle".to_owned(), 3), ("not_found".to_owned(), 1_200)]),
        }
    }

    fn address() -> Address {
        Address::parse("http://127.0.0.1:7777").unwrap()
    }

    #[test]
    fn a_statement_is_printed_whole() {
        let text = describe(&statement(), &address(), Screen::Bare);
        assert_eq!(text, WHOLE, "{text}");
    }

    #[test]
    fn whatever_a_server_says_is_printed_harmlessly() {
        let hostile = Account {
            owner: "\u{1b}[2J".to_owned(),
            opened: u64::MAX,
            open_us: u64::MAX,
            calls: BTreeMap::from([("\u{1b}".to_owned(), u64::MAX), ("a".to_owned(), u64::MAX)]),
            cpu_ns: BTreeMap::from([("\u{202e}".to_owned(), u64::MAX)]),
            ..Account::default()
        };
        let accounts = vec![hostile.clone(), hostile];
        let since = Some("\u{1b}".to_owned());
        let faults = BTreeMap::from([("\u{1b}[2J".to_owned(), u64::MAX)]);
        let (time, balances) = (u64::MAX, false);
        let hostile = Statement { accounts, since, time, balances, faults, ..statement() };
        let text = describe(&hostile, &address(), Screen::Bare);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(text.contains("AN ACCOUNT DOES NOT BALANCE"), "{text}");
        let nothing = Statement { accounts: Vec::new(), ..statement() };
        describe(&nothing, &address(), Screen::Bare);
    }

    #[test]
    fn a_receipt_is_printed_whole() {
        let share = |mechanism: &str, calls: f64| Share {
            mechanism: mechanism.to_owned(),
            subscribers: 2,
            delivered: 2,
            framing: 4.0,
            payload: 2_468.0,
            calls,
            cpu_ns: 7_654.0,
            delay_us_min: 80,
            delay_us_mean: 90.4,
            delay_us_max: 1_000,
            ..Share::default()
        };
        let mut receipt = Receipt {
            id: "7-1".to_owned(),
            channel: "a\u{1b}".to_owned(),
            time: 3_723_004,
            bytes: 1_234,
            batch: 4,
            mechanisms: vec![share("sse", 0.5), share("websocket", 2.0)],
        };
        assert_eq!(describe_receipt(&receipt, Screen::Bare), RECEIPT);
        receipt.mechanisms.clear();
        let text = describe_receipt(&receipt, Screen::Bare);
        assert!(text.ends_with("By mechanism, over all subscribers: nothing\n"), "{text}");
    }

    const WHOLE: &str = "\
http://127.0.0.1:7777 at 01:02:03 UTC: 60.1 s since snapshot 7

Connections and deliveries
      opened  open  open s  ticks  deliveries  delay p50 µs  p99 µs  max µs
sse        2     1    61.2      3       1,000            75     150   2,047
loop       ·     ·       ·      ·           ·             ·       ·       ·
all        2     1    61.2      3       1,000

Bytes down: made, and what became of them
     head  framing  payload  control  = taken  queued
sse   406  116,000   64,000       42  180,400      48
all   406  116,000   64,000       42  180,400      48

Bytes up: read, and what they were
     read  = head
sse   207     207
all   207     207

System calls
       read  writev  epoll_wait    all
sse   1,200       9           ·  1,209
loop      ·       ·         146    146
all   1,200       9         146  1,355

CPU time of the loop, in µs
     flush  new    all
sse  1,234    0  1,235
all  1,234    0  1,235

Memory of open connections, and the heap
     held bytes  allocations  allocated bytes
sse         376            7            8,000
all         376            7            8,000

The kernel's own count, of closed connections
     sockets  sent B  segments in
sse        1     839           10
all        1     839           10

The kernel's own count, of open connections
     sockets  memory B
sse        1     4,608
all        1     4,608

Refused and closed, by reason
           times
idle           3
not_found  1,200

The kernel has received one more than was read for each connection that its peer has closed: the
end of a stream takes a sequence number, as a byte does.

Every account balances: brought + made = taken + queued + dropped + carried, and
read = parsed + waiting. A row or a column that is not there is 0.
";
    const RECEIPT: &str = "\
7-1 of channel a\\u{1b}, published at 01:02:03 UTC: 1,234 bytes
Handed over together with 3 others: what they share is told in parts.

By mechanism, over all subscribers
           queued for  delivered  framing  payload  calls  CPU µs  delay min µs  mean µs  max µs
sse                 2          2        4    2,468    0.5    7.65            80       90   1,000
websocket           2          2        4    2,468      2    7.65            80       90   1,000
all                 4          4        8    4,936    2.5   15.31
";
}
