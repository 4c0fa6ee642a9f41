//! Why a claim could not be tried.

use std::error::Error;
use std::fmt;
use std::io;

use crate::client::ClientError;
use crate::lab::LabError;

/// Why there is no verdict; it reads as a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistrial {
    reason: String,
}

impl Mistrial {
    /// There is none for this reason.
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for Mistrial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Mistrial {}

impl From<LabError> for Mistrial {
    fn from(error: LabError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<ClientError> for Mistrial {
    fn from(error: ClientError) -> Self {
        Self::new(format!("the server was not understood: {error}"))
    }
}

impl From<io::Error> for Mistrial {
    fn from(error: io::Error) -> Self {
        LabError::from(error).into()
    }
}
