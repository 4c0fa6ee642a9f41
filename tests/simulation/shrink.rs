//! One run from outside: what it came to, and how little of it is needed to fail.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::plan::{Class, Plan};
use super::trail::Tally;
use super::world::World;

/// A run that came to its end.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) hash: u64,
    pub(crate) struck: [u64; Class::ALL.len()],
}

/// Plays a plan; a failure is told with the last that has happened, if it is asked for by a seed.
pub(crate) fn outcome(plan: &Plan, told: Option<u64>) -> Result<Outcome, String> {
    let mut world = World::new(plan, told.is_some());
    match catch_unwind(AssertUnwindSafe(|| world.play())) {
        Ok(tally) => {
            let struck = world.scene.chance.struck;
            Ok(Outcome { tally, hash: world.scene.trail.hash, struck })
        }
        Err(_) => {
            let wrong = WRONG.take();
            let whom = wrong.split(": ").find_map(|part| part.strip_prefix("client "));
            let whom = whom.map(|number| format!("client {number} "));
            match told {
                Some(_) => Err(format!("{wrong}\n{}", world.scene.trail.last(whom.as_deref()))),
                None => Err(wrong),
            }
        }
    }
}

/// What fails is kept to be told, not printed at once.
pub(crate) fn hush() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        let wrong = info.payload_as_str().unwrap_or("a panic");
        let wrong = format!("{}: {wrong}", place.unwrap_or_default());
        if std::thread::current().name().is_some() {
            eprintln!("{wrong}");
        }
        WRONG.set(wrong);
    }));
}

/// The smallest plan of a seed that still fails, in words.
pub(crate) fn shrink(seed: u64) -> String {
    let whole = Plan::new(seed);
    let Err(first) = outcome(&whole, None) else {
        return format!("seed {seed} fails only sometimes");
    };
    let mut least = whole.clone();
    for class in Class::ALL {
        let plan = least.without(class);
        if plan.classes() != least.classes() && outcome(&plan, None).is_err() {
            least = plan;
        }
    }
    while least.steps > 1 {
        let plan = Plan { steps: least.steps / 2, ..least.clone() };
        if outcome(&plan, None).is_ok() {
            break;
        }
        least = plan;
    }
    for place in (0..least.cast.len()).rev() {
        let plan = least.without_part(place);
        if plan.can_be_played() && outcome(&plan, None).is_err() {
            least = plan;
        }
    }
    let told = outcome(&least, Some(seed)).err().unwrap_or_default();
    let without = whole.classes().into_iter().filter(|class| least.rate(*class) == 0);
    let without: Vec<String> = without.map(|class| format!("{class:?}")).collect();
    let absent: Vec<String> = least.absent.iter().map(ToString::to_string).collect();
    format!(
        "seed {seed}: {first}\n\nit still fails so:\n\n\
         SIMULATION_SEED={seed} SIMULATION_WITHOUT={} SIMULATION_STEPS={} SIMULATION_ABSENT={} \
         cargo test --test simulation -- --nocapture a_seed\n\n{told}",
        without.join(","),
        least.steps,
        absent.join(","),
    )
}

/// The plan without what the environment wants left out.
pub(crate) fn asked(mut plan: Plan) -> Plan {
    let list = |name| std::env::var(name).unwrap_or_default();
    for name in list("SIMULATION_WITHOUT").split(',').filter(|name| !name.is_empty()) {
        let class = Class::ALL.into_iter().find(|class| format!("{class:?}") == name);
        plan = plan.without(class.unwrap_or_else(|| panic!("{name} is no class of faults")));
    }
    if let Ok(steps) = list("SIMULATION_STEPS").parse() {
        plan.steps = steps;
    }
    for place in list("SIMULATION_ABSENT").split(',').filter_map(|place| place.parse().ok()) {
        plan = plan.without_part(place);
    }
    plan
}

thread_local! {
    /// What went wrong last on this thread.
    static WRONG: RefCell<String> = const { RefCell::new(String::new()) };
}
