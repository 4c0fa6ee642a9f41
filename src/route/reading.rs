//! What is asked of the ledger.

use crate::id::Id;

/// What is to be read of the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// A statement of account.
    Statement {
        /// Of what has come since this snapshot.
        since: Option<Id>,
        /// Whose word is taken.
        witness: Witness,
    },
    /// The same for Prometheus.
    Metrics,
    /// Who is connected, one by one.
    Connections,
    /// What one message has cost.
    Receipt {
        /// Its channel.
        channel: String,
        /// The message.
        id: Id,
    },
}

impl Reading {
    /// Whose word it takes.
    pub const fn witness(&self) -> Witness {
        match self {
            Self::Statement { witness, .. } => *witness,
            Self::Connections => Witness::Kernel,
            Self::Metrics | Self::Receipt { .. } => Witness::Ledger,
        }
    }

    /// Whether it is about what everybody has cost.
    pub const fn wants_books(&self) -> bool {
        matches!(self, Self::Statement { .. } | Self::Metrics)
    }
}

/// Who is asked about open connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Witness {
    /// The ledger alone.
    Ledger,
    /// The kernel too, socket by socket.
    Kernel,
}
