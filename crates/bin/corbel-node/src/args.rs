//! The command line. The defaults are those of the image.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use corbel_agent::Settings;
use corbel_serve::{Limits, Options, PasswordCheck};

/// Serve the API of this node.
#[derive(Debug, Parser)]
#[command(name = "corbel-node", version)]
pub(crate) struct Args {
    /// UNIX socket for the node's own clients; members of the group `corbel` are admin there
    #[arg(long, value_name = "PATH", default_value = corbel_node_api::SOCKET_PATH)]
    socket: PathBuf,
    /// Address and port of a TLS listener; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "[::]:8443")]
    listen: Vec<SocketAddr>,
    /// Keeps the TLS certificate and key
    #[arg(long, value_name = "DIR", default_value = "/var/lib/corbel")]
    state_dir: PathBuf,
    /// Lists who may use the API; read again whenever it changes
    #[arg(long, value_name = "FILE", default_value = "/etc/corbel/access.toml")]
    access_file: PathBuf,
    /// The certificate of the owner with its key; read again whenever it changes
    #[arg(long, value_name = "FILE", default_value = "/etc/corbel/tls.pem")]
    tls_file: PathBuf,
    /// libvirt's connection
    #[arg(long, value_name = "URI", default_value = "qemu:///system")]
    pub(crate) uri: String,
    /// Directory of the default pool
    #[arg(long, value_name = "DIR", default_value = "/data/images")]
    pool_dir: String,
}

impl Args {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            pool_path: self.pool_dir.clone(),
            further_pools: corbel_agent::further_pools(),
            ..Settings::node(&corbel_machine::version())
        }
    }

    pub(crate) fn options(self, passwords: Arc<dyn PasswordCheck>) -> Options {
        Options {
            socket: Some(self.socket),
            listen: self.listen,
            state_dir: self.state_dir,
            access_file: self.access_file,
            tls_file: self.tls_file,
            passwords,
            limits: Limits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
        let args = Args::parse_from(["corbel-node"]);
        assert_eq!(args.listen, ["[::]:8443".parse().unwrap()]);
        let args = Args::parse_from(["corbel-node", "--listen", "127.0.0.1:1", "--listen", "[::1]:2"]);
        assert_eq!(args.listen.len(), 2);
    }
}
