//! Arguments as they are typed. Nothing is decided here; see `settings` for what they mean.

use clap::{Parser, Subcommand};

use crate::cmd;
use crate::exit::EXIT_HELP;
use crate::settings::ConnectionArgs;

/// Drives Corbel nodes and builds their image.
///
/// Without --node, the node is this machine. Data goes to standard output and everything else to standard error; with
/// --json the data is one JSON document (events: one a line).
#[derive(Debug, Parser)]
#[command(name = "corbel", version, max_term_width = 100, after_long_help = EXIT_HELP)]
pub(crate) struct Cli {
    /// Print JSON for programs instead of tables for people
    #[arg(long, global = true, help_heading = "Output", display_order = 900)]
    pub(crate) json: bool,

    /// Say more about what is done; twice and thrice for more still
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Output", display_order = 901)]
    pub(crate) verbose: u8,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Virtual machines
    #[command(subcommand)]
    Vm(cmd::vm::VmCommand),
    /// Volumes: what disks are kept in
    #[command(subcommand)]
    Volume(cmd::volume::VolumeCommand),
    /// Storage pools that volumes are in
    #[command(subcommand)]
    Pool(cmd::pool::PoolCommand),
    /// Networks that machines can be attached to
    #[command(subcommand)]
    Network(cmd::network::NetworkCommand),
    /// The node itself, and which nodes are trusted
    #[command(subcommand)]
    Node(cmd::node::NodeCommand),
    /// The configuration of the node: one document, its plan, its history
    #[command(subcommand)]
    Config(cmd::config::ConfigCommand),
    /// Named users of the API, each with a role
    #[command(subcommand)]
    User(cmd::user::UserCommand),
    /// Disks of the node
    #[command(subcommand)]
    Disk(cmd::disk::DiskCommand),
    /// Installs Corbel to a disk of a node that runs from its medium
    Install(Box<cmd::install::InstallArgs>),
    /// Removes Corbel from the disk that it is installed on
    Uninstall(cmd::uninstall::UninstallArgs),
    /// Brings another version to an installed node; the present one stays to fall back to
    Upgrade(cmd::upgrade::UpgradeArgs),
    /// Goes back to the version in the other slot
    Rollback(cmd::upgrade::RollbackArgs),
    /// Keeps files of the node beyond its configuration, as they are now; without a path: lists them
    Persist(cmd::persist::PersistArgs),
    /// Keeps files of the node no more
    Unpersist(cmd::persist::UnpersistArgs),
    /// Builds the operating system image, and looks into one
    #[command(subcommand)]
    Image(cmd::image::ImageCommand),
    /// Prints a completion script for a shell
    Completions(cmd::completions::CompletionsArgs),
    /// Prints the manual page, or writes all of them into a folder
    Man(cmd::man::ManArgs),
    /// Judges a version that is on trial, after each start of an installed node
    #[command(hide = true)]
    Gate(cmd::gate::GateArgs),
    /// Loads the kernel that saves a dump, and saves it
    #[command(hide = true, subcommand)]
    Dump(cmd::dump::DumpCommand),
    /// Runs the owner's hooks at the start and the end of an installed system
    #[command(hide = true)]
    Hooks(cmd::hooks::HooksArgs),
    /// Asks for the password of admin and becomes a shell, for the kernel word rescue
    #[command(hide = true)]
    Rescue,
    /// Applies kernel words and seed to this node at boot
    #[command(hide = true)]
    Settle(cmd::settle::SettleArgs),
    /// Logs in at iSCSI targets and mounts NFS exports, as this node is configured
    #[command(hide = true)]
    StorageAccess(cmd::storage_access::StorageAccessArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_tree_is_sound() {
        super::Cli::command().debug_assert();
    }
}
