//! Why an experiment has come to nothing.

use std::error::Error;
use std::fmt;
use std::io;

use crate::client::ClientError;
use crate::id::Kind;

/// Why an experiment has come to nothing; it reads as a sentence.
#[derive(Debug)]
pub enum LabError {
    /// What is asked for makes no sense, or would never end.
    Settings(String),
    /// There are fewer descriptors than connections.
    Descriptors {
        /// How many are needed.
        needed: u64,
        /// How many there are.
        there: u64,
    },
    /// The server does not start, in its own words.
    Start(String),
    /// A socket or a process of ours has failed.
    Io(io::Error),
    /// The ledger cannot be read.
    Ledger(ClientError),
    /// A subscriber of this mechanism does not come in.
    Subscriber(Kind, ClientError),
    /// The subscribers of this mechanism do not come in time.
    Late(Kind),
    /// What publishes is refused.
    Publisher(ClientError),
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(why) => f.write_str(why),
            Self::Descriptors { needed, there } => write!(
                f,
                "the experiment needs {needed} descriptors, and there are {there}: take fewer \
                 subscribers, or raise `ulimit -n`"
            ),
            Self::Start(why) => write!(f, "the server does not start: {why}"),
            Self::Io(error) => write!(f, "the experiment failed: {error}"),
            Self::Ledger(error) => write!(f, "the ledger cannot be read: {error}"),
            Self::Subscriber(kind, error) => {
                write!(f, "a subscriber of {} does not come in: {error}", kind.name())
            }
            Self::Late(kind) => {
                write!(f, "the subscribers of {} do not come in time", kind.name())
            }
            Self::Publisher(error) => write!(f, "nothing can be published: {error}"),
        }
    }
}

impl Error for LabError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Ledger(error) | Self::Subscriber(_, error) | Self::Publisher(error) => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl From<io::Error> for LabError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
