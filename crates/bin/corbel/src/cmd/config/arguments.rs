//! What the commands take.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[arg(
        value_name = "KEY",
        help = "The key, such as hostname, ssh.port or network.interface[eno1].mtu"
    )]
    pub(super) path: Option<String>,
    /// Of the document of this generation
    #[arg(long, value_name = "N")]
    pub(super) generation: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    #[arg(
        value_name = "KEY",
        help = "The key, such as hostname, ssh.port or network.interface[eno1].mtu; an entry that is not there is made"
    )]
    pub(super) path: String,
    /// The value as TOML; what is no TOML is taken for a text, and - reads it from standard input
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub(super) value: String,
    #[command(flatten)]
    pub(super) options: ApplyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    #[arg(value_name = "KEY", help = "The key, or an entry such as network.interface[eno1]")]
    pub(super) path: String,
    #[command(flatten)]
    pub(super) options: ApplyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The document to compare with, - for standard input
    #[arg(value_name = "FILE", required_unless_present = "generation")]
    pub(super) file: Option<PathBuf>,
    /// Compare with the document of this generation
    #[arg(long, value_name = "N", conflicts_with = "file")]
    pub(super) generation: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The document: a file, http:// or https://, or - for standard input
    #[arg(value_name = "FILE|URL")]
    pub(super) file: PathBuf,
    /// Only if the node's document is still of this generation
    #[arg(long, value_name = "N")]
    pub(super) base: Option<u64>,
    #[command(flatten)]
    pub(super) options: ApplyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The generation; without one, the one before the newest
    #[arg(value_name = "N")]
    pub(super) generation: Option<u64>,
    #[command(flatten)]
    pub(super) options: ApplyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The document, - for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CertificateArgs {
    /// The node's certificate and those that signed it, as PEM blocks in this order
    #[arg(value_name = "CERTIFICATE", required_unless_present = "own")]
    pub(super) certificate: Option<PathBuf>,
    /// Its private key as a PEM block, - for standard input; left out, the one that the node keeps
    #[arg(value_name = "KEY")]
    pub(super) key: Option<PathBuf>,
    /// Back to the certificate that the node makes itself
    #[arg(long, conflicts_with_all = ["certificate", "key"])]
    pub(super) own: bool,
    #[command(flatten)]
    pub(super) options: ApplyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Take it from the first line of a file instead of asking
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) options: ApplyOptions,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyOptions {
    /// Only say what would be done
    #[arg(long)]
    pub(in crate::cmd) dry_run: bool,
    /// How long a change of the network waits to be confirmed; 0 keeps it at once
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(in crate::cmd) confirm_seconds: u32,
    /// Confirm a change of the network as soon as the node answers over it
    #[arg(long)]
    pub(in crate::cmd) confirm: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cmd) comment: Option<String>,
}
