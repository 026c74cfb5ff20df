//! NFS-Ganesha, an NFS server in user space: it needs no module of the host's kernel and no service beside it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};

use super::{Process, home};
use crate::{Run, run::keep, until};

/// The node asks at no other one.
const PORT: u16 = 2049;
const LIMIT: Duration = Duration::from_secs(30);

/// Serves one folder by NFS version 4 until it is dropped.
#[derive(Debug)]
pub struct NfsServer {
    _process: Process,
    exported: PathBuf,
}

impl NfsServer {
    /// Serves an empty folder as `/exported`.
    ///
    /// # Errors
    /// When the program is not there, does not start, or somebody else has the port.
    pub async fn start(run: &Run) -> anyhow::Result<Self> {
        if answers() {
            bail!("somebody serves NFS on this host already, at port {PORT} of 127.0.0.1");
        }
        let folder = run.machine_folder()?.canonicalize()?;
        let (exported, recovery) = (folder.join("exported"), folder.join("recovery"));
        for made in [&exported, &recovery] {
            std::fs::create_dir(made).with_context(|| format!("cannot make {}", made.display()))?;
        }
        let file = folder.join("ganesha.conf");
        keep(&file, &configuration(&home()?, &exported, &recovery))?;
        let mut process = Process::start(
            "ganesha.nfsd",
            &[
                "-F".as_ref(),
                "-f".as_ref(),
                file.as_os_str(),
                "-L".as_ref(),
                folder.join("ganesha.log").as_os_str(),
                "-p".as_ref(),
                folder.join("ganesha.pid").as_os_str(),
            ],
            &folder,
        )?;
        until("the NFS server to answer", LIMIT, async || {
            process.still_running()?;
            Ok(answers().then_some(()))
        })
        .await?;
        Ok(Self {
            _process: process,
            exported,
        })
    }

    /// The folder that is exported, as the host sees it.
    pub fn exported(&self) -> &Path {
        &self.exported
    }
}

fn answers() -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// ganesha-core-config(8), ganesha-vfs-config(8): version 4 alone, without a port mapper, Kerberos or names of users.
fn configuration(home: &Path, exported: &Path, recovery: &Path) -> String {
    let plugins = home.join("tree/usr/lib/x86_64-linux-gnu/ganesha");
    format!(
        "NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {PORT}; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; \
         Enable_UDP = false; allow_set_io_flusher_fail = true; Plugins_Dir = \"{}\"; }}\n\
         NFSV4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = \"{}\"; UseGetpwnam = true; Only_Numeric_Owners = true; }}\n\
         NFS_KRB5 {{ Active_krb5 = false; }}\n\
         EXPORT {{ Export_Id = 1; Path = \"{}\"; Pseudo = \"/exported\"; Access_Type = RW; Squash = No_Root_Squash; SecType = sys; \
         Protocols = 4; Transports = TCP; FSAL {{ Name = VFS; }} }}\n",
        plugins.display(),
        recovery.display(),
        exported.display(),
    )
}
