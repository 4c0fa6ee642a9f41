//! Flags of `pushscope serve` that say who may do what.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use pushscope::access::{Access, Right};
use pushscope::engine::Config;
use pushscope::host::Hosts;
use pushscope::keyring::{Keyring, Keys};
use pushscope::limits::Limits;
use pushscope::origin::Origins;

use super::value;

/// Who may do what.
#[derive(Debug, Args)]
pub(super) struct Rights {
    /// Lets whoever shows this publish, mark as read and delete; repeated, each of them
    #[arg(long, value_name = "TOKEN", env = "PUSHSCOPE_PUBLISH_TOKEN", hide_env = true)]
    #[arg(hide_env_values = true, value_delimiter = ',')]
    publish_token: Vec<String>,
    /// The same, a token a line; SIGHUP has it read anew
    #[arg(long, value_name = "FILE", env = "PUSHSCOPE_PUBLISH_TOKEN_FILE", hide_env = true)]
    publish_token_file: Vec<PathBuf>,
    /// Lets whoever shows this subscribe, count and read the ledger; without one, all may
    #[arg(long, value_name = "TOKEN", env = "PUSHSCOPE_SUBSCRIBE_TOKEN", hide_env = true)]
    #[arg(hide_env_values = true, value_delimiter = ',')]
    subscribe_token: Vec<String>,
    /// The same, a token a line; SIGHUP has it read anew
    #[arg(long, value_name = "FILE", env = "PUSHSCOPE_SUBSCRIBE_TOKEN_FILE", hide_env = true)]
    subscribe_token_file: Vec<PathBuf>,
    /// Lets whoever gives this as `?token=` use the inspector; without it, only this machine may
    #[arg(long, value_name = "TOKEN", env = "PUSHSCOPE_INSPECT_TOKEN", hide_env = true)]
    #[arg(hide_env_values = true)]
    inspect_token: Option<String>,
    /// Lets other machines publish without a token
    #[arg(long)]
    open: bool,
    /// Names by which the server may be called, besides addresses and localhost; `*` is all
    #[arg(long, value_name = "NAME", env = "PUSHSCOPE_HOST", hide_env = true)]
    #[arg(value_parser = value::host, value_delimiter = ',')]
    host: Vec<String>,
    /// Origins whose pages may connect besides the server's own: a list, or repeated; `*` is all
    #[arg(long, value_name = "ORIGIN", env = "PUSHSCOPE_CORS_ORIGIN", hide_env = true)]
    #[arg(alias = "origin", value_parser = value::origin, value_delimiter = ',')]
    cors_origin: Vec<String>,
}

/// What the flags have come to.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) config: Config,
    pub(super) keyring: Keyring,
    /// What somebody should look at, in a sentence each.
    pub(super) warnings: Vec<String>,
}

impl Rights {
    /// Makes a configuration of them, for a server that listens there; or says everything that
    /// keeps it from being one, in a sentence each, none of which shows a token.
    pub(super) fn resolve(
        self,
        listen: SocketAddr,
        limits: Limits,
    ) -> Result<Granted, Vec<String>> {
        let keyring = Keyring {
            publish: Keys { said: self.publish_token, files: self.publish_token_file },
            subscribe: Keys { said: self.subscribe_token, files: self.subscribe_token_file },
        };
        let mut errors = Vec::new();
        let (access, mut warnings) = match keyring.open() {
            Ok(opened) => (opened.access, opened.warnings),
            Err(found) => {
                errors.extend(found.iter().map(ToString::to_string));
                (Access::default(), Vec::new())
            }
        };
        let is_shut = !keyring.publish.said.is_empty() || !keyring.publish.files.is_empty();
        let is_exposed = !listen.ip().to_canonical().is_loopback();
        if is_exposed && !is_shut && !self.open {
            errors.push(exposed(listen));
        }
        if is_exposed && access.tokens(Right::Publish).is_empty() && self.open {
            let why = "can be reached by other machines, and whoever reaches it may publish";
            warnings.push(format!("{listen} {why}"));
        }
        if let Some(Err(why)) = self.inspect_token.as_deref().map(value::token) {
            errors.push(format!("--inspect-token: {why}"));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let hosts = Hosts::new(self.host);
        let origins = Origins::new(self.cors_origin);
        let inspect_token = self.inspect_token;
        let rest = Config::default();
        let config = Config { limits, hosts, origins, access, inspect_token, ..rest };
        Ok(Granted { config, keyring, warnings })
    }
}

impl Granted {
    /// Who may do what, in lines that show no token.
    pub(super) fn describe(&self) -> Vec<String> {
        let Config { hosts, origins, access, inspect_token, .. } = &self.config;
        let count = |right| match access.tokens(right).len() {
            0 => "no token is needed".to_owned(),
            1 => "1 token".to_owned(),
            count => format!("{count} tokens"),
        };
        let inspects = if inspect_token.is_some() { "1 token" } else { "only from this machine" };
        let mut lines = vec![
            format!("to publish: {}", count(Right::Publish)),
            format!("to subscribe: {}", count(Right::Subscribe)),
            format!("to inspect: {inspects}"),
            format!("hosts: {hosts}"),
            format!("origins: {origins}"),
        ];
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines
    }
}

fn exposed(listen: SocketAddr) -> String {
    format!(
        "other machines can reach {listen}, and could publish: --publish-token-file FILE says who \
         may, --open lets everybody"
    )
}
