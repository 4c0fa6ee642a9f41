//! How long one takes beside another: in turns, there and back, so that what else the machine does
//! meets both.

use std::env;
use std::time::Instant;

/// Prints the median of the ratios of neighbours, with the quartiles, and where that lies beside
/// the bound.
pub(crate) fn beside(question: &str, bound: f64, mut one: impl FnMut(), mut other: impl FnMut()) {
    let Some(count) = count(&mut other) else { return one() };
    let ratio = |at: usize| match at % 2 {
        0 => span_ns(count, &mut one) / span_ns(count, &mut other),
        // Whoever comes second comes first the next time.
        _ => span_ns(count, &mut other).recip() * span_ns(count, &mut one),
    };
    tell(question, bound, (0..ROUNDS).map(ratio).collect());
}

/// Prints the median of its times in nanoseconds, and where that lies beside the bound.
pub(crate) fn alone(question: &str, bound_ns: f64, mut one: impl FnMut()) {
    let Some(count) = count(&mut one) else { return };
    let time_ns = |_| span_ns(count, &mut one) / f64::from(count);
    tell(question, bound_ns, (0..ROUNDS).map(time_ns).collect());
}

fn tell(question: &str, bound: f64, mut figures: Vec<f64>) {
    figures.sort_by(f64::total_cmp);
    let [low, middle, high] = [1, 2, 3].map(|quarter| figures[(figures.len() - 1) * quarter / 4]);
    let verdict = if high <= bound {
        "below"
    } else if low > bound {
        "above"
    } else {
        "undecided"
    };
    println!("{question:<42} {middle:>6.2} ({low:.2}–{high:.2})   {verdict} {bound:.2}");
}

/// How often it is called in one turn; never, unless cargo says that it is to be measured. It has
/// been called once then.
fn count(called: &mut impl FnMut()) -> Option<u32> {
    called();
    if !env::args().any(|argument| argument == "--bench") {
        return None;
    }
    let counts = (0..20).map(|power| 1 << power);
    counts.into_iter().find(|count| span_ns(*count, called) >= TURN_NS)
}

fn span_ns(count: u32, called: &mut impl FnMut()) -> f64 {
    let from = Instant::now();
    for _ in 0..count {
        called();
    }
    from.elapsed().as_secs_f64() * 1e9
}

const ROUNDS: usize = 2_001;
const TURN_NS: f64 = 100_000.0;
