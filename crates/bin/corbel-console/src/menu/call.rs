//! What the menu's pages ask of the node, and what comes back. Every call has its reply, and be it that there was none.

use std::collections::BTreeMap;

use corbel_node_api::{
    BundleList, BundleRequest, Config, ConfigApplied, Disk, IommuInfo, IscsiInfo, LinkList, LogPage, MultipathList,
    Network, OperationInfo, PingResult, PluginList, SecurityLevel, ServiceList, UpgradeRequest, VmDetail, VmSpec,
    Volume,
};
use serde::{Deserialize, Serialize};

use crate::wizard::Failure;

/// A text that is in no log.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What can be done to a machine with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VmAct {
    Start,
    Shutdown,
    ForceOff,
}

/// New passwords, of `admin` and of users by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Passwords {
    pub(crate) admin: Option<Secret>,
    pub(crate) users: BTreeMap<String, Secret>,
}

impl Passwords {
    pub(crate) fn is_empty(&self) -> bool {
        self.admin.is_none() && self.users.is_empty()
    }
}

/// A document as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The generation that it was made from; whatever is there when left out.
    pub(crate) base: Option<u64>,
    pub(crate) document: Secret,
    pub(crate) passwords: Passwords,
}

/// A question, or something to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Call {
    /// Whether this is the password of `admin`. The reply carries the number again, so that it opens only the screen that asked.
    Unlock(u64, Secret),
    Config,
    Schema,
    /// A dry run. The reply carries the number again, so that one that comes too late is known.
    Plan(u64, Wanted),
    Apply(Wanted),
    Keep,
    Undo,
    /// Whether dumps of the kernel can be written to their place.
    TestDump,
    Act(VmAct, String),
    Detail(String),
    Create(Box<VmSpec>, bool),
    /// Volumes and networks, for the form of a new machine.
    Choices,
    Disks,
    Links,
    Services,
    Logs(String),
    Multipath,
    Iscsi,
    Iommu,
    Plugins,
    Security,
    /// Bundles of the node, and disks for one.
    Bundles,
    Bundle(Box<BundleRequest>),
    /// One echo, after a second of rest where it is not the first.
    Ping {
        host: String,
        rests: bool,
    },
    /// The lamps of an interface.
    Identify(String),
    Upgrade(Box<UpgradeRequest>),
    Rollback {
        reboot: bool,
    },
    Reboot,
    Poweroff,
    Cancel,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Unlock(u64, Result<(), Failure>),
    Config(Result<Config, Failure>),
    Schema(Result<String, Failure>),
    Plan(u64, Result<ConfigApplied, Failure>),
    Apply(Result<ConfigApplied, Failure>),
    /// Of keep and undo.
    Settled(Result<Config, Failure>),
    /// The place that was written to.
    TestDump(Result<String, Failure>),
    /// Of something done to a machine; the text says what.
    Act(String, Result<(), Failure>),
    Detail(Box<Result<VmDetail, Failure>>),
    /// Made or not; then started or not.
    Create(Result<Result<(), Failure>, Failure>),
    Choices(Vec<Volume>, Vec<Network>),
    Disks(Result<Vec<Disk>, Failure>),
    Links(Result<LinkList, Failure>),
    Services(Result<ServiceList, Failure>),
    Logs(Result<LogPage, Failure>),
    Multipath(Result<MultipathList, Failure>),
    Iscsi(Result<IscsiInfo, Failure>),
    Iommu(Result<IommuInfo, Failure>),
    Plugins(Result<PluginList, Failure>),
    Security(Result<SecurityLevel, Failure>),
    Bundles(Result<BundleList, Failure>),
    /// To that host.
    Ping(String, Result<PingResult, Failure>),
    Identify(String, Result<(), Failure>),
    /// Long work was begun, or not.
    Begun(Result<OperationInfo, Failure>),
}
