use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::cost::{Heap, Kernel, Owner, Phase, Syscall};
use crate::statement::{Delay, Received, Sent, Unasked};

/// One account in which every figure is another, and one in which all are 0.
fn statement() -> Statement {
    let sse = Account {
        owner: "sse".to_owned(),
        opened: 1,
        open: 2,
        open_us: 3_000_004,
        deliveries: 5,
        missed: 40,
        ticks: 6,
        sent: Sent {
            made: Bytes { head: 7, framing: 8, payload: 9, control: 10 },
            brought: 11,
            taken: 12,
            queued: 13,
            dropped: 14,
            carried: 15,
        },
        received: Received {
            parsed: Bytes { head: 16, framing: 17, payload: 18, control: 19 },
            read: 20,
            waiting: 21,
        },
        calls: BTreeMap::from([("read".to_owned(), 22), ("writev".to_owned(), 23)]),
        heap: Heap { allocations: 24, frees: 25, allocated_bytes: 26, freed_bytes: 27 },
        held_bytes: 28,
        cpu_ns: BTreeMap::from([("flush".to_owned(), 29), ("tick".to_owned(), 30_000_000_000)]),
        delay_us: Delay { count: 4, mean: 1.5, p50: 1, p90: 20, p99: 300, max: 4000 },
        kernel: Kernel {
            sockets: 31,
            bytes_sent: 32,
            bytes_retransmitted: 33,
            bytes_acked: 34,
            bytes_received: 35,
            segments_out: 36,
            segments_in: 37,
            segments_retransmitted: 38,
            memory_bytes: 39,
        },
        kernel_open: None,
    };
    Statement {
        snapshot: "7".to_owned(),
        since: None,
        time: 0,
        span_us: 12_500_000,
        heap_counted: true,
        balances: true,
        accounts: vec![sse],
        unasked: Unasked { connections: 3, ..Unasked::default() },
        faults: BTreeMap::from([("idle".to_owned(), 40)]),
    }
}

/// What a server says: every owner, every call, every phase.
fn whole() -> Statement {
    let account = |owner: Owner| Account {
        owner: owner.name().to_owned(),
        calls: Syscall::ALL.iter().map(|call| (call.name().to_owned(), 1)).collect(),
        cpu_ns: Phase::ALL.iter().map(|phase| (phase.name().to_owned(), 1)).collect(),
        ..Account::default()
    };
    Statement { accounts: Owner::all().map(account).collect(), ..statement() }
}

#[test]
fn a_statement_is_encoded_whole() {
    let text = encode(&statement());
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let (faults, samples): (Vec<&str>, Vec<&str>) =
        samples.partition(|line| line.starts_with("pushscope_faults_total"));
    assert_eq!(samples, SAMPLES.lines().collect::<Vec<_>>());
    let given = faults.iter().filter(|line| !line.ends_with(" 0"));
    assert_eq!(given.collect::<Vec<_>>(), [&"pushscope_faults_total{reason=\"idle\"} 40"]);
    let met = fault::FAULTS.iter().filter(|row| row.fault.ends() != Ends::Answer);
    assert_eq!(faults.len(), met.count(), "a series for every reason that a server can give");
    let about: Vec<&str> = text.lines().take(2).collect();
    assert_eq!(
        about,
        [
            "# HELP pushscope_build_info The program that answers; always 1.",
            "# TYPE pushscope_build_info gauge"
        ]
    );
    assert!(text.ends_with('\n'));
}

#[test]
fn every_line_is_what_the_format_allows() {
    let hostile = Account { owner: "a\"b\\c\nd{}, é".to_owned(), ..Account::default() };
    let hostile = Statement { accounts: vec![hostile], ..statement() };
    assert!(encode(&hostile).contains("{owner=\"a\\\"b\\\\c\\nd{}, é\"} 0\n"));
    for statement in [statement(), whole(), hostile] {
        check(&encode(&statement)).unwrap();
    }
}

#[test]
fn the_heap_is_there_only_when_it_is_counted() {
    let uncounted = Statement { heap_counted: false, ..statement() };
    assert!(encode(&statement()).contains("pushscope_heap_"));
    assert!(!encode(&uncounted).contains("pushscope_heap_"));
}

#[test]
fn of_no_delivery_there_is_no_quantile() {
    let text = encode(&whole());
    let delays = |what: &str| format!("pushscope_delivery_delay_seconds{what}\n");
    assert!(text.contains(&delays("{owner=\"loop\",quantile=\"0.99\"} NaN")));
    assert!(text.contains(&delays("_sum{owner=\"loop\"} 0")));
    assert!(text.contains(&delays("_count{owner=\"loop\"} 0")));
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let about = "# HELP a_total A.\n# TYPE a_total counter\n";
    assert_eq!(check(&format!("{about}a_total{{b=\"c\"}} 1\n")), Ok(()));
    for wrong in [
        "a_total 1\n",
        "# TYPE a_total counter\na_total 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n",
        &format!("{about}a_total 1"),
        &format!("{about}a_total 1\na_total 2\n"),
        &format!("{about}{about}a_total 1\n"),
        &format!("{about}b_total 1\n"),
        &format!("{about}a_total one\n"),
        &format!("{about}a_total{{}} 1\n"),
        &format!("{about}a_total{{b=\"c}} 1\n"),
        &format!("{about}a_total{{b=\"c\"d\"}} 1\n"),
        &format!("{about}a_total{{b=\"\\t\"}} 1\n"),
        &format!("{about}a_total{{b=\"c\",}} 1\n"),
        &format!("{about}a_total{{b=\"c\",b=\"c\"}} 1\n"),
        &format!("{about}a_total  1\n"),
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}

/// Checks a whole text, more strictly than a scraper does.
fn check(text: &str) -> Result<(), String> {
    let mut families = BTreeSet::new();
    let mut series = BTreeSet::new();
    let mut described = None;
    let mut family: Option<(&str, &str)> = None;
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').ok_or("the last line has no end")?;
        let fail = |why: &str| Err(format!("{why}: {line}"));
        if let Some(about) = line.strip_prefix("# HELP ") {
            let (name, help) = about.split_once(' ').ok_or("a help without text")?;
            if !is_name(name) || help.is_empty() || !families.insert(name) {
                return fail("a help that is none, or comes twice");
            }
            described = Some(name);
            continue;
        }
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').ok_or("a name without type")?;
            let is_counter = kind == "counter";
            if described.take() != Some(name) || is_counter != name.ends_with("_total") {
                return fail("a type that does not belong here");
            }
            if !["counter", "gauge", "summary"].contains(&kind) {
                return fail("no type");
            }
            family = Some((name, kind));
            continue;
        }
        let (name, labels, value) = sample(line).ok_or_else(|| format!("no sample: {line}"))?;
        let is_named = family.is_some_and(|(family, kind)| {
            let rest = name.strip_prefix(family);
            rest == Some("") || (kind == "summary" && matches!(rest, Some("_sum" | "_count")))
        });
        if !is_named || described.is_some() {
            return fail("a sample of another family");
        }
        let names: BTreeSet<&String> = labels.iter().map(|(name, _)| name).collect();
        if names.len() != labels.len() || !series.insert((name.to_owned(), labels)) {
            return fail("a label or a series twice");
        }
        if value != "NaN" && !value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return fail("no plain number");
        }
        value.parse::<f64>().map_err(|_| format!("no number: {line}"))?;
    }
    Ok(())
}

/// Names and values.
type Labels = Vec<(String, String)>;

/// `name{label="value",…} value`
fn sample(line: &str) -> Option<(&str, Labels, &str)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"")?;
            let (value, behind) = quoted(value)?;
            labels.push((label.to_owned(), value));
            if !is_name(label) {
                return None;
            }
            rest = behind;
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    is_name(name).then_some((name, labels, rest.strip_prefix(' ')?))
}

/// A label's value up to its closing quotation mark, and what follows that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            _ => value.push(character),
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.bytes().all(is_allowed) && name.starts_with(|first: char| first.is_ascii_lowercase())
}

const SAMPLES: &str = r#"pushscope_build_info{version="0.1.0"} 1
pushscope_uptime_seconds 12.5
pushscope_ledger_balances 1
pushscope_unasked_connections 3
pushscope_opened_total{owner="sse"} 1
pushscope_connections{owner="sse"} 2
pushscope_open_seconds_total{owner="sse"} 3.000004
pushscope_deliveries_total{owner="sse"} 5
pushscope_missed_total{owner="sse"} 40
pushscope_ticks_total{owner="sse"} 6
pushscope_sent_bytes_total{owner="sse",kind="head"} 7
pushscope_sent_bytes_total{owner="sse",kind="framing"} 8
pushscope_sent_bytes_total{owner="sse",kind="payload"} 9
pushscope_sent_bytes_total{owner="sse",kind="control"} 10
pushscope_brought_bytes_total{owner="sse"} 11
pushscope_taken_bytes_total{owner="sse"} 12
pushscope_queued_bytes{owner="sse"} 13
pushscope_dropped_bytes_total{owner="sse"} 14
pushscope_carried_bytes_total{owner="sse"} 15
pushscope_received_bytes_total{owner="sse",kind="head"} 16
pushscope_received_bytes_total{owner="sse",kind="framing"} 17
pushscope_received_bytes_total{owner="sse",kind="payload"} 18
pushscope_received_bytes_total{owner="sse",kind="control"} 19
pushscope_waiting_bytes{owner="sse"} 21
pushscope_syscalls_total{owner="sse",call="read"} 22
pushscope_syscalls_total{owner="sse",call="writev"} 23
pushscope_cpu_seconds_total{owner="sse",phase="flush"} 0.000000029
pushscope_cpu_seconds_total{owner="sse",phase="tick"} 30
pushscope_held_bytes{owner="sse"} 28
pushscope_kernel_sockets_total{owner="sse"} 31
pushscope_kernel_sent_bytes_total{owner="sse"} 32
pushscope_kernel_retransmitted_bytes_total{owner="sse"} 33
pushscope_kernel_acked_bytes_total{owner="sse"} 34
pushscope_kernel_received_bytes_total{owner="sse"} 35
pushscope_kernel_sent_segments_total{owner="sse"} 36
pushscope_kernel_received_segments_total{owner="sse"} 37
pushscope_kernel_retransmitted_segments_total{owner="sse"} 38
pushscope_heap_allocations_total{owner="sse"} 24
pushscope_heap_frees_total{owner="sse"} 25
pushscope_heap_allocated_bytes_total{owner="sse"} 26
pushscope_heap_freed_bytes_total{owner="sse"} 27
pushscope_delivery_delay_seconds{owner="sse",quantile="0.5"} 0.000001
pushscope_delivery_delay_seconds{owner="sse",quantile="0.9"} 0.00002
pushscope_delivery_delay_seconds{owner="sse",quantile="0.99"} 0.0003
pushscope_delivery_delay_seconds_sum{owner="sse"} 0.000006
pushscope_delivery_delay_seconds_count{owner="sse"} 4
"#;
