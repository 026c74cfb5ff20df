//! Sockets, made so that nobody can connect before they have their owner and mode.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tokio::net::{UnixListener, UnixSocket};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;
/// Members may use the socket, and are admin by that.
const GROUP: &str = "corbel";

/// A bound UNIX socket that does not listen yet.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) path: PathBuf,
    listener: UnixListener,
}

impl Socket {
    pub(crate) fn bind(path: &Path) -> anyhow::Result<Self> {
        let at = || format!("the socket {} cannot be made", path.display());
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).with_context(at)?;
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            bail!(
                "the socket {} is served by another process: stop it first",
                path.display()
            );
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(at),
            _ => {}
        }
        let socket = UnixSocket::new_stream().with_context(at)?;
        socket.bind(path).with_context(at)?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o660)).with_context(at)?;
        let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
        if let Some(gid) = parse_gid(&groups, GROUP)
            && let Err(error) = std::os::unix::fs::chown(path, None, Some(gid))
        {
            tracing::warn!(%error, "the socket stays with our own group: it could not be given to {GROUP}");
        }
        let listener = socket.listen(BACKLOG).with_context(at)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
        })
    }

    pub(crate) fn listener(self) -> anyhow::Result<UnixListener> {
        Ok(self.listener)
    }
}

/// The number of a group in the text of group(5).
fn parse_gid(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// A TCP listener; `[::]` takes IPv4 clients too unless the system is told otherwise.
pub(crate) fn tcp(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\ncorbel-x:x:5:\nbroken\ncorbel:x:990:admin\n";
        assert_eq!(parse_gid(groups, "corbel"), Some(990));
        assert_eq!(parse_gid(groups, "broken"), None);
        assert_eq!(parse_gid("", "corbel"), None);
    }
}
