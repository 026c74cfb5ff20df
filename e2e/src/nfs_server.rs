//! A real NFS server of the host's, on loopback: QEMU's network leads a node's connections to 10.0.2.2 there. `cargo xtask e2e` says which
//! program it is.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::{Run, until};

/// The node asks at no other one.
const PORT: u16 = 2049;
const LIMIT: Duration = Duration::from_secs(30);
const VARIABLE: &str = "CORBEL_NFS_SERVER";

/// Serves one folder by NFS version 4 until it is dropped.
#[derive(Debug)]
pub struct NfsServer {
    child: Child,
    folder: PathBuf,
}

impl NfsServer {
    /// Serves an empty folder as `/exported`.
    ///
    /// # Errors
    /// When the program is not there, does not start, or somebody else has the port.
    pub async fn start(run: &Run) -> anyhow::Result<Self> {
        let program = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let program = PathBuf::from(program.with_context(|| format!("{VARIABLE} is not set: use `cargo xtask e2e`"))?);
        if answers() {
            bail!("somebody serves NFS on this host already, at port {PORT} of 127.0.0.1");
        }
        let folder = run.machine_folder()?.canonicalize()?;
        let (exported, recovery) = (folder.join("exported"), folder.join("recovery"));
        for made in [&exported, &recovery] {
            std::fs::create_dir(made).with_context(|| format!("cannot make {}", made.display()))?;
        }
        let configuration = run.file("ganesha.conf", &configuration(&program, &exported, &recovery)?)?;
        let log = File::create(folder.join("ganesha.out"))?;
        // As for QEMU: it ends with us, however we end.
        #[allow(clippy::disallowed_methods)] // e2e may not use the host room
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .arg("-F")
            .args([Path::new("-f"), &configuration])
            .args([Path::new("-L"), &folder.join("ganesha.log")])
            .args([Path::new("-p"), &folder.join("ganesha.pid")])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start the NFS server")?;
        let mut server = Self { child, folder };
        until("the NFS server to answer", LIMIT, async || {
            if let Some(status) = server.child.try_wait()? {
                bail!("the NFS server ended with {status}; see {}", server.folder.display());
            }
            Ok(answers().then_some(()))
        })
        .await?;
        Ok(server)
    }

    /// The folder that is exported, as the host sees it.
    pub fn exported(&self) -> PathBuf {
        self.folder.join("exported")
    }
}

impl Drop for NfsServer {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answers() -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// ganesha-core-config(8), ganesha-vfs-config(8): version 4 alone, without a port mapper, Kerberos or names of users.
fn configuration(program: &Path, exported: &Path, recovery: &Path) -> anyhow::Result<String> {
    let home = program.ancestors().nth(2).context("the program is in no folder")?;
    let plugins = home.join("tree/usr/lib/x86_64-linux-gnu/ganesha");
    Ok(format!(
        "NFS_CORE_PARAM {{ Protocols = 4; NFS_Port = {PORT}; Bind_addr = 127.0.0.1; Enable_NLM = false; Enable_RQUOTA = false; \
         Enable_UDP = false; allow_set_io_flusher_fail = true; Plugins_Dir = \"{}\"; }}\n\
         NFSV4 {{ Graceless = true; RecoveryBackend = fs; RecoveryRoot = \"{}\"; UseGetpwnam = true; Only_Numeric_Owners = true; }}\n\
         NFS_KRB5 {{ Active_krb5 = false; }}\n\
         EXPORT {{ Export_Id = 1; Path = \"{}\"; Pseudo = \"/exported\"; Access_Type = RW; Squash = No_Root_Squash; SecType = sys; \
         Protocols = 4; Transports = TCP; FSAL {{ Name = VFS; }} }}\n",
        plugins.display(),
        recovery.display(),
        exported.display(),
    ))
}
