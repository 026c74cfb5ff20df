//! The one list of what long work needs from the machine: its disks, its slots, and going down. Real: in `corbel-node`.
//! Fake: [`crate::fake::FakeSystem`].
//!
//! Methods block, some of them for minutes; whoever calls them does it on a thread that may wait. Work that takes long tells its
//! steps to a sink and looks at the cancel flag where it can stop safely.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_layout::slot::Slot;
use corbel_model::install::{DeviceMatch, InstallRequest, UninstallRequest};
use corbel_model::network::InterfaceName;
use corbel_model::server::Server;
use corbel_model::{ByteSize, Keymap};
use corbel_net::Link;
use corbel_plan::security::Signer;
use corbel_progress::Sink;
use corbel_sys::Cancel;

use crate::diagnostics::{Echo, LogPage, LogQuery, Multipath, Service, Sessions};
use crate::dump::DumpStatus;
use crate::iommu::IommuGroup;
use crate::support::SupportSystem;

/// Why the machine did not do what it was asked. Each is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SystemError {
    /// The request is not usable; `field` is the path of the value.
    #[error("{field}: {problem}")]
    Invalid { field: String, problem: String },
    /// The machine is not in a state for it.
    #[error("{0}")]
    Refused(String),
    /// The object that was named is not there.
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    NoRoom(String),
    #[error("stopped as asked")]
    Cancelled,
    #[error("{operation} failed: {problem}")]
    Failed { operation: String, problem: String },
}

/// What somebody did not get, on a disk and on the way to it.
pub trait System: SupportSystem + Send + Sync + std::fmt::Debug {
    /// All disks, sorted by path.
    fn disks(&self) -> Result<Vec<Disk>, SystemError>;
    /// Who signed the medium that this system runs from; `None` without a medium. Asked often.
    fn signer(&self) -> Option<Signer>;
    /// Gives the node's own screen a layout, until the next start.
    fn use_keyboard(&self, layout: &Keymap) -> Result<(), SystemError>;
    /// Network interfaces, sorted by name.
    fn links(&self) -> Result<Vec<Link>, SystemError>;
    /// Lets the lamps of an interface blink, and returns when they have.
    fn identify(&self, link: &InterfaceName, time: Duration) -> Result<(), SystemError>;
    /// Sends one echo and waits for its answer, three seconds at most.
    fn ping(&self, host: &Server, number: u16) -> Result<Echo, SystemError>;
    /// Devices of several paths.
    fn multipath(&self) -> Result<Multipath, SystemError>;
    fn iscsi(&self) -> Result<Sessions, SystemError>;
    /// None where the IOMMU is off.
    fn iommu(&self) -> Result<Vec<IommuGroup>, SystemError>;
    /// Services, those that failed first.
    fn services(&self) -> Result<Vec<Service>, SystemError>;
    /// The newest entries of this boot's journal first.
    fn logs(&self, query: &LogQuery) -> Result<LogPage, SystemError>;
    /// The document that this boot was configured by, when there was one.
    fn document(&self) -> Result<Option<String>, SystemError>;

    fn plan_install(&self, request: &InstallRequest) -> Result<Plan, SystemError>;
    fn install(&self, request: &InstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError>;
    fn plan_uninstall(&self, request: &UninstallRequest) -> Result<Plan, SystemError>;
    /// Whether the disk that would be given back is the one that this system runs from: then nothing may write to it any more when
    /// [`System::uninstall`] begins, and the machine restarts at once after it.
    fn removes_itself(&self, request: &UninstallRequest) -> Result<bool, SystemError>;
    fn uninstall(&self, request: &UninstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError>;

    /// No slots on a node that is not installed.
    fn slots(&self) -> Result<Slots, SystemError>;
    /// Where an upload of so many bytes may be written.
    fn spool(&self, bytes: ByteSize) -> Result<Spool, SystemError>;
    /// Fetches a URL into the spool.
    fn fetch(&self, url: &str, sink: &dyn Sink, cancel: &Cancel) -> Result<Spool, SystemError>;
    /// Whether the values of an upgrade from the medium are right: [`SystemError::Invalid`] when not. All else is left to
    /// [`System::upgrade`], and so is everything while other work goes on.
    fn check_upgrade(&self, boot: Option<&DeviceMatch>, password: Option<&Secret>) -> Result<(), SystemError>;
    /// Checks the release and writes it to the spare slot. Gives its version.
    fn upgrade(
        &self,
        source: &Source,
        permits: Permits,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError>;
    /// Makes the other slot the next one to be started. Gives its version.
    fn rollback(&self, sink: &dyn Sink, cancel: &Cancel) -> Result<String, SystemError>;
    /// Begins to go down, and returns. What is done in another way than was asked is a warning.
    fn restart(&self, how: Restart, sink: &dyn Sink) -> Result<(), SystemError>;

    /// What an owner persisted, by path.
    fn persisted(&self) -> Result<Vec<Persisted>, SystemError>;
    /// Keeps what is at the path now over reboots and upgrades.
    fn persist(&self, path: &str) -> Result<Persisted, SystemError>;
    fn unpersist(&self, path: &str) -> Result<(), SystemError>;
    /// How the copy differs from the image's own, as diff(1) writes it.
    fn persisted_difference(&self, path: &str) -> Result<String, SystemError>;

    /// Dumps of kernels that crashed, and whether a crash would be saved.
    fn dumps(&self) -> Result<DumpStatus, SystemError>;
    /// Tries the place where dumps go, and gives it.
    fn test_dump(&self) -> Result<String, SystemError>;

    /// Notes which machines run when the node goes down: a version on trial is not to blame for others.
    fn note_running(&self, names: &[String]) -> Result<(), SystemError>;
    /// Keeps the names of machines that were saved, over the reboot.
    fn keep_saved(&self, names: &[String]) -> Result<(), SystemError>;
    /// The names that were kept; they are forgotten by this.
    fn take_saved(&self) -> Vec<String>;
}

/// What became of something persisted since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersistedState {
    Kept,
    Changed,
    Missing,
}

/// A path that is persisted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persisted {
    pub path: String,
    pub state: PersistedState,
    pub size: ByteSize,
    /// Files, directories and links.
    pub files: usize,
    /// The image's own is another one than when it was persisted.
    pub image_changed: bool,
}

/// A file of the spool. It is removed when this is dropped.
#[derive(Debug)]
pub struct Spool(PathBuf);

impl Spool {
    /// Takes care of a file that need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What was never written need not be removed.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where a release comes from.
#[derive(Debug)]
pub enum Source {
    /// An ISO.
    File(Spool),
    /// The medium that this system runs from, for the system on a disk of this machine.
    Medium {
        boot: Option<DeviceMatch>,
        password: Option<Secret>,
    },
}

/// A text that no debug print shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// What an upgrade may do beyond the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permits {
    /// A version that is older than the present one.
    pub downgrade: bool,
    /// A version that failed here before, or that is the present one.
    pub force: bool,
}

/// How to go down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    Firmware,
    /// kexec, where that is safe.
    Fast,
    PowerOff,
    /// Through firmware, with nothing stopped and nothing written any more: what this system ran from is gone.
    AtOnce,
}

/// The warning of a [`Restart::Fast`] that is done as [`Restart::Firmware`].
pub fn no_fast_reboot(reason: &str) -> String {
    format!("a fast reboot is not possible, the node reboots through its firmware: {reason}")
}

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disk {
    pub path: String,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub wwn: Option<String>,
    pub bus: Option<String>,
    pub size: ByteSize,
    /// Bytes.
    pub sector_size: u32,
    pub rotational: Option<bool>,
    pub removable: bool,
    pub read_only: bool,
    /// One sentence.
    pub contents: String,
    pub live_medium: bool,
    pub installed: Option<InstalledSystem>,
    /// As the disk that the node boots from.
    pub target: Target,
    /// As one with nothing but data.
    pub data_target: Target,
}

/// Whether a disk can be used, with one sentence when not at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    #[default]
    Usable,
    WhenNamed(String),
    Refused(String),
}

/// A Corbel found on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstalledSystem {
    pub version: Option<String>,
    /// Written beside it, and not started to the end yet.
    pub trial: Option<String>,
    pub vm_storage: bool,
    pub admin_password_set: bool,
}

/// What will be done to disks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What will be lost, VM storage first; sentences.
    pub erases: Vec<String>,
    /// What stays of all that the disks carry, in the same way.
    pub keeps: Vec<String>,
    /// Lines.
    pub steps: Vec<String>,
    /// Sentences.
    pub warnings: Vec<String>,
}

/// Both slots, the version that failed last, and what is wrong with their records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slots {
    pub slots: Vec<SlotInfo>,
    pub last_failed: Option<FailedVersion>,
    /// Boot records that are damaged; sentences.
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    pub name: Slot,
    pub state: SlotState,
    pub version: Option<String>,
    pub running: bool,
    /// Of a trial.
    pub tries_left: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    Good,
    Trial,
    Spare,
    /// Its version did not become healthy here.
    Failed,
    Empty,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedVersion {
    pub version: String,
    pub reason: String,
}
