//! What the daemon does, without HTTP: one [`Agent`] owns the hypervisor, keeps its blocking calls bounded in number and in
//! time, watches its health, keeps the default pool and network in place, and tells what happens to whoever listens. It also
//! does the node's long works (install, upgrade, reboot …), one at a time, over a [`System`].
//!
//! ```text
//!              ping fails, a call hangs                 ping answers
//!   ┌───────┐ ─────────────────────────▶ ┌──────────┐ ──────────────▶ ensure pool and network
//!   │ ready │                            │ degraded │                    │ fails: stay degraded
//!   └───────┘ ◀───────────────────────── └──────────┘ ◀─────────────────┘
//!        ▲────────────────────── succeeds ───────────────────────┘
//! ```
//! The daemon begins degraded ("has not answered yet") and serves from its first moment: who asks is told why.

mod calls;
mod configuration;
mod counters;
mod crypt;
mod diagnostics;
mod document;
mod dump;
pub mod facilities;
pub mod fake;
mod figures;
mod health;
mod host;
mod iommu;
mod journal;
mod machines;
mod node;
mod operations;
mod parse;
mod promise;
mod reach;
mod support;
mod system;
mod virtualization;
mod watch;
mod work;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use corbel_model::vm::{VmDetail, VmSpec, VmStats, VmSummary};
use corbel_model::{ByteSize, NetworkName, VolumeName};
use corbel_settle::engine::Engine;
use corbel_virt::{Console, Hypervisor, Network, UploadChunk, VirtError, VmChange, Volume};
use tokio::sync::{broadcast, mpsc};

use calls::Calls;
pub use corbel_disk::{IscsiSession, MultipathDevice, MultipathPath};
pub use corbel_net::Link;
pub use counters::Counters;
pub use crypt::verify_sha512_crypt;
pub use diagnostics::{Echo, LogEntry, LogPage, LogQuery, Multipath, Service, Sessions, parse_journal, parse_services};
pub use document::{Answers, Password};
pub use dump::{Dump, DumpState, DumpStatus};
pub use facilities::{Boot, BootSource, Facilities, Firmware, Memory, Ssh};
pub use figures::{FiguresError, FiguresFormat};
pub use health::Health;
use health::HealthCell;
pub use host::{Host, further_pools};
pub use iommu::{IommuDevice, IommuGroup, iommu_groups};
pub use journal::{Page, Step};
pub use node::{HypervisorStatus, Node, VmCounts};
pub use operations::{Follower, OperationError, OperationInfo, OperationKind, OperationState, Reservation};
pub use promise::Promise;
pub use support::{Bundle, Destination, Piece, Removable, SupportSystem};
pub use system::{
    Disk, FailedVersion, InstalledSystem, Permits, Persisted, PersistedState, Plan, Restart, Secret, SlotInfo,
    SlotState, Slots, Source, Spool, System, SystemError, Target, no_fast_reboot,
};
pub use virtualization::{Device, Extension, KvmFacts, Verdict, VirtualizationState, judge};
pub use work::{MACHINES_DEADLINE, Origin, Then};

/// The words of bundles and of the look at security, for who serves them.
pub use corbel_plan::{security, support as bundle};

/// The words of the configuration's engine, for who serves it.
pub mod config {
    pub use corbel_settle::engine::{Applied, ConfigError, Engine, Pending, Request, View};
    pub use corbel_settle::store::Entry;
}

/// A directory with volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    pub path: String,
}

/// What the agent is told by its binary.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Version of Corbel.
    pub version: String,
    /// Directory of the default pool.
    pub pool_path: String,
    /// Pools besides it.
    pub further_pools: Vec<Pool>,
    /// The NAT network that is kept in place.
    pub nat: NetworkName,
    /// Longest that a call may take before its caller is told `Unavailable`.
    pub call_deadline: Duration,
    /// Between two looks at a hypervisor that answers.
    pub watch_interval: Duration,
    /// Between two tries while it does not.
    pub retry_interval: Duration,
}

impl Settings {
    /// What the node uses: pool `/data/images`, network `default`, calls of at most 30 s.
    pub fn node(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            pool_path: "/data/images".to_owned(),
            further_pools: vec![],
            nat: "default".parse().expect("`default` is a network name"),
            call_deadline: Duration::from_secs(30),
            watch_interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(1),
        }
    }
}

/// What happened on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `vm` is how the machine stands afterwards, when it could be asked and somebody listens.
    Vm {
        name: String,
        change: VmChange,
        vm: Option<VmSummary>,
    },
    Health(Health),
    /// The configuration is another one now, or waits to be.
    Config {
        change: ConfigChange,
        /// The newest one that is saved.
        generation: u64,
        by: String,
    },
    /// So many hypervisor events were lost before they reached us; 0 where nobody knows, as the connection is new.
    Missed(u64),
}

/// What became of a change of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigChange {
    /// Done, and saved unless it is confirmed.
    Waits,
    Saved,
    /// Taken back: by hand, or as nobody confirmed it.
    Undone,
}

/// Events that a slow listener may be behind before it loses the oldest.
const EVENT_BACKLOG: usize = 256;

/// The daemon's logic. [`Agent::run`] must be polled for health and events to move.
#[derive(Debug)]
pub struct Agent {
    settings: Settings,
    hypervisor: Arc<dyn Hypervisor>,
    facilities: Arc<dyn Facilities>,
    system: Arc<dyn System>,
    /// `None` where there is nothing to configure, as in most tests.
    configuration: Option<Arc<configuration::Configuration>>,
    operations: operations::Operations,
    calls: Calls,
    health: HealthCell,
    events: broadcast::Sender<Event>,
    seen: Mutex<node::Seen>,
    /// Held by whoever starts a machine.
    starting: tokio::sync::Mutex<()>,
}

impl Agent {
    pub fn new(
        hypervisor: Arc<dyn Hypervisor>,
        facilities: Arc<dyn Facilities>,
        system: Arc<dyn System>,
        settings: Settings,
    ) -> Arc<Self> {
        Self::with_engine(hypervisor, facilities, system, settings, None)
    }

    /// The same with the configuration of the node.
    pub fn with_engine(
        hypervisor: Arc<dyn Hypervisor>,
        facilities: Arc<dyn Facilities>,
        system: Arc<dyn System>,
        settings: Settings,
        engine: Option<Engine>,
    ) -> Arc<Self> {
        let health = HealthCell::new("the hypervisor has not answered yet");
        let events = broadcast::Sender::new(EVENT_BACKLOG);
        Arc::new(Self {
            calls: Calls::new(settings.call_deadline, health.clone()),
            settings,
            hypervisor,
            facilities,
            system,
            configuration: engine.map(|engine| Arc::new(configuration::Configuration::new(engine, events.clone()))),
            operations: operations::Operations::default(),
            health,
            events,
            seen: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How things stand; cheap.
    pub fn health(&self) -> Health {
        self.health.get()
    }

    /// Events from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    pub async fn list_vms(&self) -> Result<Vec<VmSummary>, VirtError> {
        let list = self.call(|h| h.list_vms()).await?;
        self.remember_counts(list.iter().map(|vm| vm.state));
        Ok(list)
    }

    pub async fn show_vm(&self, name: String) -> Result<VmDetail, VirtError> {
        self.call(move |h| h.show_vm(&name)).await
    }

    pub async fn vm_xml(&self, name: String) -> Result<String, VirtError> {
        self.call(move |h| h.vm_xml(&name)).await
    }

    pub async fn vm_stats(&self, name: String) -> Result<VmStats, VirtError> {
        self.call(move |h| h.vm_stats(&name)).await
    }

    pub async fn create_vm(&self, spec: VmSpec) -> Result<VmSummary, VirtError> {
        self.call(move |h| h.create_vm(&spec)).await
    }

    pub async fn define_xml(&self, xml: String) -> Result<VmSummary, VirtError> {
        self.call(move |h| h.define_xml(&xml)).await
    }

    /// Asks the guest; the event `Stopped` tells when it has obeyed.
    pub async fn shutdown_vm(&self, name: String) -> Result<(), VirtError> {
        self.call(move |h| h.shutdown_vm(&name)).await
    }

    pub async fn force_off_vm(&self, name: String) -> Result<(), VirtError> {
        self.call(move |h| h.force_off_vm(&name)).await
    }

    /// Writes the machine's memory to the node's disk and ends it; it goes on from there when it is started. Takes as long as
    /// its memory needs.
    pub(crate) async fn save_vm(&self, name: String) -> Result<(), VirtError> {
        self.calls.save(&self.hypervisor, move |h| h.save_vm(&name)).await
    }

    pub async fn reboot_vm(&self, name: String) -> Result<(), VirtError> {
        self.call(move |h| h.reboot_vm(&name)).await
    }

    pub async fn delete_vm(&self, name: String, volumes: bool) -> Result<(), VirtError> {
        self.call(move |h| h.delete_vm(&name, volumes)).await
    }

    pub async fn set_autostart(&self, name: String, autostart: bool) -> Result<(), VirtError> {
        self.call(move |h| h.set_autostart(&name, autostart)).await
    }

    pub async fn open_console(&self, name: String) -> Result<Console, VirtError> {
        self.call(move |h| h.open_console(&name)).await
    }

    pub async fn list_pools(&self) -> Result<Vec<corbel_virt::Pool>, VirtError> {
        self.call(|h| h.list_pools()).await
    }

    pub async fn list_volumes(&self) -> Result<Vec<Volume>, VirtError> {
        self.call(|h| h.list_volumes()).await
    }

    pub async fn create_volume(
        &self,
        name: VolumeName,
        size: ByteSize,
        format: &'static str,
    ) -> Result<Volume, VirtError> {
        self.call(move |h| h.create_volume(&name, size, format)).await
    }

    /// Fills a new raw volume. Whoever sends the chunks decides when they come; a sender that is dropped before `size`
    /// bytes were sent undoes the upload.
    pub async fn upload_volume(
        &self,
        name: VolumeName,
        size: ByteSize,
        mut chunks: mpsc::Receiver<UploadChunk>,
    ) -> Result<Volume, VirtError> {
        self.calls
            .upload(&self.hypervisor, move |h| {
                h.upload_volume(&name, size, &mut std::iter::from_fn(|| chunks.blocking_recv()))
            })
            .await
    }

    pub async fn delete_volume(&self, name: VolumeName) -> Result<(), VirtError> {
        self.call(move |h| h.delete_volume(&name)).await
    }

    pub async fn list_networks(&self) -> Result<Vec<Network>, VirtError> {
        self.call(|h| h.list_networks()).await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Hypervisor) -> Result<T, VirtError> + Send + 'static,
    ) -> Result<T, VirtError> {
        self.calls.run(&self.hypervisor, work).await
    }
}

#[cfg(test)]
mod tests;
