//! collectd as a server: it takes only what is encrypted with the password of a user, and writes each figure to a file of its own.

use std::path::PathBuf;

use anyhow::Context as _;

use super::{Process, home};
use crate::{Run, machine::free_ports, run::keep};

/// Receives until it is dropped.
#[derive(Debug)]
pub struct CollectdServer {
    _process: Process,
    figures: PathBuf,
    port: u16,
}

impl CollectdServer {
    /// Takes what this user sends.
    ///
    /// # Errors
    /// When the program is not there or does not start.
    pub fn start(run: &Run, user: &str, password: &str) -> anyhow::Result<Self> {
        let folder = run.machine_folder()?.canonicalize()?;
        let figures = folder.join("figures");
        std::fs::create_dir(&figures).with_context(|| format!("cannot make {}", figures.display()))?;
        let [port, _] = free_ports()?;
        keep(&folder.join("users"), &format!("{user}: {password}\n"))?;
        let (here, tree) = (folder.display(), home()?.join("tree/usr"));
        let tree = tree.display();
        // collectd.conf(5)
        let configuration = format!(
            "BaseDir \"{here}\"\nPIDFile \"{here}/collectd.pid\"\nPluginDir \"{tree}/lib/collectd\"\nTypesDB \"{tree}/share/collectd/types.db\"\n\
             Hostname \"server\"\nFQDNLookup false\nLoadPlugin network\nLoadPlugin csv\n\
             <Plugin network>\n<Listen \"127.0.0.1\" \"{port}\">\nSecurityLevel \"Encrypt\"\nAuthFile \"{here}/users\"\n</Listen>\n</Plugin>\n\
             <Plugin csv>\nDataDir \"{here}/figures\"\n</Plugin>\n"
        );
        let file = folder.join("collectd.conf");
        keep(&file, &configuration)?;
        let process = Process::start("collectd", &["-f".as_ref(), "-C".as_ref(), file.as_os_str()], &folder)?;
        Ok(Self {
            _process: process,
            figures,
            port,
        })
    }

    /// The port that a node sends to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a host has told figures of so far, such as `virt-counted`.
    pub fn told_by(&self, host: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.figures.join(host))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}
