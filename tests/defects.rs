//! What has hurt servers of this kind before, and where it cannot hurt this one.
//!
//! Each row of the table is a defect that was published, the rule that it taught, and where the
//! rule is held here: by tests, or by an item that leaves no choice. A second table says the same
//! of every bound that no flag sets. Neither can rot: whatever a row names must be there. What no
//! other test shows is shown beside the tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "defects/bounds.rs"]
mod bounds;
#[path = "defects/events.rs"]
mod events;
#[path = "defects/framing.rs"]
mod framing;
#[path = "defects/growth.rs"]
mod growth;
mod support;
#[path = "defects/table.rs"]
mod table;
