//! A small experiment, for tests: three runs, two mechanisms, a refusal, and hostile words.

use crate::id::Kind;
use crate::lab::experiment::{
    Beside, Experiment, Figures, Machine, Pace, Refused, Row, Settings, Spent, Spread,
};

/// The experiment.
pub(super) fn experiment() -> Experiment {
    Experiment { settings: settings(), machine: machine(), rows: vec![long_poll(), sse()] }
}

fn settings() -> Settings {
    Settings {
        command: "pushscope cost --mechanisms long_poll,sse --runs 3".to_owned(),
        kinds: vec![Kind::LongPoll, Kind::Sse],
        subscribers: 50,
        messages: 100,
        size_bytes: 64,
        rate_per_s: 50.0,
        runs: 3,
        together: false,
        quiet_us: 4_000_000,
        pace: Pace { heartbeat_us: 1_000_000, ping_us: 1_500_000, park_us: 1_500_000 },
        pace_default: Pace { heartbeat_us: 15_000_000, ping_us: 25_000_000, park_us: 25_000_000 },
        interval_us: 1_000_000,
    }
}

fn machine() -> Machine {
    Machine {
        processor: "A <b>processor</b> & \"more\"".to_owned(),
        cores: 2,
        kernel: "Linux 6.18".to_owned(),
        version: "0.1.0 (1234567)".to_owned(),
        allocator: "system, not counted".to_owned(),
        date: "Sun, 06 Nov 1994 08:49:37 GMT".to_owned(),
    }
}

fn long_poll() -> Row {
    Row {
        mechanism: "long_poll".to_owned(),
        open: Figures { up_bytes: all(96.0), calls: all(3.0), cpu_us: all(14.2), ..NONE },
        quiet: Figures { down_bytes: all(357.6), up_bytes: all(283.2), calls: all(7.2), ..NONE },
        message: Figures {
            down_bytes: all(278.0),
            up_bytes: all(118.0),
            overhead_factor: all(6.1875),
            calls: of(2.02, 2.0, 2.51),
            cpu_us: of(9.9, 9.1, 12.0),
            delay_p50_us: of(61.0, 55.0, 64.0),
            delay_p99_us: of(1204.0, 900.0, 1310.0),
            ..NONE
        },
        beside: BESIDE,
        close: Figures { down_bytes: all(0.0), up_bytes: all(0.0), calls: all(2.0), ..NONE },
        refused: vec![Refused {
            question: "message".to_owned(),
            columns: vec!["cpu_us".to_owned(), "delay_p99_us".to_owned()],
            reason: "The client was busy for 91 % of the time, of at most 85 % <allowed>."
                .to_owned(),
        }],
    }
}

fn sse() -> Row {
    Row {
        mechanism: "sse".to_owned(),
        open: Figures {
            down_bytes: all(181.0),
            up_bytes: all(98.0),
            calls: all(4.0),
            held_bytes: of(344.0, 344.0, 344.0),
            user_memory_bytes: of(1310.4, 1228.8, 1392.0),
            cpu_us: all(19.7),
            ..NONE
        },
        quiet: Figures { down_bytes: all(8.0), up_bytes: all(0.0), calls: all(4.0), ..NONE },
        message: Figures {
            down_bytes: all(92.0),
            up_bytes: all(0.0),
            overhead_factor: all(1.4375),
            calls: all(1.0),
            cpu_us: of(3.4, 3.31, 3.9),
            delay_p50_us: of(34.0, 30.0, 35.0),
            delay_p99_us: of(112.0, 99.0, 160.0),
            ..NONE
        },
        beside: BESIDE,
        close: Figures { down_bytes: all(0.0), up_bytes: all(0.0), calls: all(2.0), ..NONE },
        refused: Vec::new(),
    }
}

const fn all(median: f64) -> Option<Spread> {
    of(median, median, median)
}

const fn of(median: f64, min: f64, max: f64) -> Option<Spread> {
    Some(Spread { median, min, max })
}

const BESIDE: Beside = Beside {
    publish: Spent { calls: all(2.0), cpu_us: of(26.9, 25.0, 30.1) },
    r#loop: Spent { calls: all(1.1), cpu_us: all(9.8) },
};

const NONE: Figures = Figures {
    down_bytes: None,
    up_bytes: None,
    overhead_factor: None,
    segments: None,
    calls: None,
    allocations: None,
    held_bytes: None,
    user_memory_bytes: None,
    kernel_memory_bytes: None,
    cpu_us: None,
    delay_p50_us: None,
    delay_p99_us: None,
};
