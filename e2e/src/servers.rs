//! Real servers of other people's making, on loopback: QEMU's network leads a node's connections to 10.0.2.2 there. `cargo xtask e2e` unpacks
//! them and says where they are.

mod collectd;
mod nfs;
mod rsyslog;

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail};

pub use collectd::CollectdServer;
pub use nfs::NfsServer;
pub use rsyslog::SyslogServer;

const VARIABLE: &str = "CORBEL_SERVERS";

/// Where the programs lie: `bin` has what starts them, `tree` their files.
fn home() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    Ok(home
        .with_context(|| format!("{VARIABLE} is not set: use `cargo xtask e2e`"))?
        .into())
}

/// A server that runs until it is dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    name: &'static str,
    folder: PathBuf,
}

impl Process {
    /// Starts one of the programs; what it says goes to a file in `folder`.
    fn start(name: &'static str, arguments: &[&OsStr], folder: &Path) -> anyhow::Result<Self> {
        let said = File::create(folder.join(format!("{name}.out")))?;
        // As for QEMU: it ends with us, however we end.
        #[allow(clippy::disallowed_methods)] // e2e may not use the host room
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(home()?.join("bin").join(name))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            child,
            name,
            folder: folder.to_path_buf(),
        })
    }

    fn still_running(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended with {status}; see {}", self.name, self.folder.display()),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
