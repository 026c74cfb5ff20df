//! A login on the node as an operator has it: ssh as `admin` with the key from the seed.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::Context as _;

/// Seconds until ssh gives up connecting.
const CONNECT_LIMIT: u8 = 10;

/// Runs a command by ssh and gives everything that came of it; `key` is `None` to come with empty hands.
///
/// # Errors
/// When ssh is missing.
pub fn run(port: u16, key: Option<&Path>, command: &str) -> anyhow::Result<Output> {
    #[allow(clippy::disallowed_methods)] // e2e may not use the host room
    let mut ssh = Command::new("ssh");
    // Nothing of the caller's own: no agent, no configuration, no known hosts, no question.
    ssh.args([
        "-F",
        "none",
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
    ]);
    ssh.args([
        "-o",
        "LogLevel=ERROR",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "IdentityAgent=none",
    ]);
    ssh.arg("-o").arg(format!("ConnectTimeout={CONNECT_LIMIT}"));
    match key {
        Some(key) => ssh.arg("-i").arg(key),
        None => ssh.args(["-o", "PubkeyAuthentication=no"]),
    };
    ssh.args(["-p", &port.to_string(), "admin@127.0.0.1", command])
        .stdin(Stdio::null());
    ssh.output()
        .context("cannot start ssh: `cargo xtask packages` installs it")
}
