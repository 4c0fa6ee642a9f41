//! What a server is set to.

use crate::access::Access;
use crate::host::Hosts;
use crate::limits::Limits;
use crate::origin::Origins;
use crate::slow::Policies;

/// What a server is set to; by default, to serve whoever can reach it.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The bounds.
    pub limits: Limits,
    /// By which names it may be called.
    pub hosts: Hosts,
    /// Whose pages may connect.
    pub origins: Origins,
    /// Who may do what.
    pub access: Access,
    /// What is done about slow readers, mechanism by mechanism.
    pub slow: Policies,
    /// With which the inspector lets others look than whoever sits at this machine.
    pub inspect_token: Option<String>,
}
