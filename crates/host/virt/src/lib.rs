//! What Corbel needs from a hypervisor, on one page: [`Hypervisor`]. Links nothing; the real one is `corbel-virt-libvirt`,
//! the fake one is [`fake`].
//!
//! Methods block (libvirt's do); the caller decides on which thread. Each error names the object that it is about.

pub mod cidata;
pub mod conformance;
pub mod creation;
pub mod fake;
pub mod rules;
pub mod xml;

use corbel_model::vm::{VmDetail, VmSpec, VmState, VmStats, VmSummary};
use corbel_model::{ByteSize, NetworkName, VmName, VolumeName};
use tokio::sync::{broadcast, mpsc};

/// The pool that every node has, and that a volume is in when its name does not say another.
pub const POOL: &str = VolumeName::DEFAULT_POOL;

/// Directories of pools by their names, without a trailing slash.
pub type PoolPaths = std::collections::BTreeMap<String, String>;

/// Why a hypervisor did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VirtError {
    #[error("{kind} {name} does not exist")]
    NotFound { kind: &'static str, name: String },
    #[error("{kind} {name} exists already")]
    Exists { kind: &'static str, name: String },
    /// The object is in a state in which this cannot be done.
    #[error("{kind} {name} {problem}")]
    Conflict {
        kind: &'static str,
        name: String,
        problem: String,
    },
    /// What was sent is not usable; `field` is the path of the value, or `xml`.
    #[error("{field}: {problem}")]
    Invalid { field: String, problem: String },
    #[error("not enough room in pool {pool}: {problem}")]
    NoSpace { pool: String, problem: String },
    /// The daemon cannot be reached at this time; the caller may try again.
    #[error("the hypervisor does not answer: {problem}")]
    Unavailable { problem: String },
    /// Anything else, in the hypervisor's own words.
    #[error("{operation} failed: {problem}")]
    Failed { operation: String, problem: String },
}

/// What happened to a machine, whoever caused it (virsh, we, the guest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VirtEvent {
    Vm {
        name: String,
        change: VmChange,
    },
    /// The connection was lost, with the reason, or is back.
    Connection {
        ready: bool,
        reason: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VmChange {
    Defined,
    Undefined,
    Started,
    Paused,
    Resumed,
    ShuttingDown,
    Stopped,
    Crashed,
    Suspended,
    Rebooted,
}

/// A volume of any pool that is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// As [`VolumeName`] writes it; what other programs made may break its rules.
    pub name: String,
    pub path: String,
    pub capacity: ByteSize,
    pub allocation: ByteSize,
    pub format: String,
}

/// A storage pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    pub active: bool,
    /// Its directory; empty for a pool that has none.
    pub path: String,
    pub capacity: ByteSize,
    /// What new volumes can take.
    pub available: ByteSize,
}

/// A libvirt network or a bridge of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub name: String,
    pub active: bool,
    pub autostart: bool,
    /// `nat`, `bridge`, `route`, `isolated`, …
    pub mode: String,
    pub bridge: Option<String>,
}

/// A guest's serial console. Dropping it hangs up; the guest goes on.
#[derive(Debug)]
pub struct Console {
    pub input: mpsc::Sender<Vec<u8>>,
    /// Ends when the guest stops or another client takes the console over.
    pub output: mpsc::Receiver<Vec<u8>>,
}

/// Bytes that arrive while a volume is filled, in order. An error undoes the upload.
pub type UploadChunk = Result<Vec<u8>, String>;

/// The one list of what the node needs from a hypervisor.
pub trait Hypervisor: Send + Sync + std::fmt::Debug {
    /// Name and version, such as `QEMU 10.0.2 (libvirt 11.3.0)`.
    fn version(&self) -> Result<String, VirtError>;
    /// `Ok` when calls can succeed now. Tries to connect again when not.
    fn ping(&self) -> Result<(), VirtError>;
    /// Events from now on. A slow receiver loses the oldest.
    fn events(&self) -> broadcast::Receiver<VirtEvent>;

    /// All machines, sorted by name, without a round trip for each that is defined and without a question to a QEMU.
    fn list_vms(&self) -> Result<Vec<VmSummary>, VirtError>;
    /// How each machine stands, cheap enough to ask all the time.
    fn vm_states(&self) -> Result<Vec<VmState>, VirtError> {
        Ok(self.list_vms()?.into_iter().map(|vm| vm.state).collect())
    }
    fn show_vm(&self, name: &str) -> Result<VmDetail, VirtError>;
    fn vm_xml(&self, name: &str) -> Result<String, VirtError>;
    fn vm_stats(&self, name: &str) -> Result<VmStats, VirtError>;
    /// Makes the volumes that the spec asks for, the cloud-init disk, and the definition; all or nothing.
    fn create_vm(&self, spec: &VmSpec) -> Result<VmSummary, VirtError>;
    /// Defines from libvirt's own XML. Refuses a name that exists.
    fn define_xml(&self, xml: &str) -> Result<VmSummary, VirtError>;
    fn start_vm(&self, name: &str) -> Result<(), VirtError>;
    /// Asks the guest; returns at once.
    fn shutdown_vm(&self, name: &str) -> Result<(), VirtError>;
    fn force_off_vm(&self, name: &str) -> Result<(), VirtError>;
    fn reboot_vm(&self, name: &str) -> Result<(), VirtError>;
    /// Writes the guest's memory to the node's disk and ends it. The next start goes on from there. Takes long.
    fn save_vm(&self, name: &str) -> Result<(), VirtError>;
    /// Removes the definition of a machine that is off, with its cloud-init disk, and with `volumes` also the disks that
    /// only it uses. CD images, kernels and initrds stay: they are shared by their nature.
    fn delete_vm(&self, name: &str, volumes: bool) -> Result<(), VirtError>;
    fn set_autostart(&self, name: &str, autostart: bool) -> Result<(), VirtError>;
    fn open_console(&self, name: &str) -> Result<Console, VirtError>;

    /// All pools, sorted by name.
    fn list_pools(&self) -> Result<Vec<Pool>, VirtError>;
    /// The volumes of all active pools, sorted by name.
    fn list_volumes(&self) -> Result<Vec<Volume>, VirtError>;
    fn create_volume(&self, name: &VolumeName, size: ByteSize, format: &str) -> Result<Volume, VirtError>;
    /// Makes a raw volume of exactly `size` bytes and fills it from `chunks`. On any error, a short or a long upload
    /// nothing is left under the name.
    fn upload_volume(
        &self,
        name: &VolumeName,
        size: ByteSize,
        chunks: &mut dyn Iterator<Item = UploadChunk>,
    ) -> Result<Volume, VirtError>;
    /// Refuses while a machine uses it.
    fn delete_volume(&self, name: &VolumeName) -> Result<(), VirtError>;

    fn list_networks(&self) -> Result<Vec<Network>, VirtError>;
    /// The default pool (a directory) and the default NAT network exist and are active after this.
    fn ensure_defaults(&self, pool_path: &str, nat: &NetworkName) -> Result<(), VirtError>;
    /// A further pool, a directory too, is active after this; one of that name that is there stays as it is.
    fn ensure_pool(&self, name: &str, path: &str) -> Result<(), VirtError>;

    /// Whether `name` may be used for a new machine; a hint for early errors, not a lock.
    fn has_vm(&self, name: &VmName) -> Result<bool, VirtError> {
        Ok(self.list_vms()?.iter().any(|vm| vm.name == name.as_str()))
    }
}
