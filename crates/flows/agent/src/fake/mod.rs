//! A machine that exists only here, for the sim and for tests.

mod diagnostics;
mod disks;
mod support;
mod system;
mod world;

use corbel_model::ByteSize;
use corbel_settle::fake::FakeNode;
use corbel_sys::Cancel;

use crate::counters::Counters;
use crate::facilities::{Boot, BootSource, Facilities, Firmware, Memory, Ssh};
use crate::figures::{FiguresError, MONITORING_OFF};
use crate::promise::Promise;
use crate::virtualization::{Device, Extension, KvmFacts};

pub use system::FakeSystem;

/// A server with 16 processors and 64 GiB; change the fields at will.
#[derive(Debug, Clone)]
pub struct FakeFacilities {
    pub hostname: String,
    pub memory: Memory,
    pub kvm: KvmFacts,
    pub boot: Boot,
    pub ssh: Option<Ssh>,
    pub admin_password_set: Option<bool>,
    pub keyboard: Option<String>,
    pub addresses: Vec<(String, String)>,
    pub warnings: Vec<String>,
    /// What collectd tells; `None` when it does not run.
    pub figures: Option<String>,
    /// Whose configuration switches collectd off.
    pub node: Option<FakeNode>,
    started: std::time::Instant,
}

impl Default for FakeFacilities {
    fn default() -> Self {
        Self {
            hostname: "corbel-sim".to_owned(),
            memory: Memory {
                total: ByteSize::gib(64),
                available: ByteSize::gib(48),
            },
            kvm: KvmFacts {
                processor: Some(Extension::Svm),
                flag: true,
                guest: false,
                module: true,
                device: Device::Works,
            },
            boot: Boot {
                source: BootSource::Cd,
                medium: Some("/dev/sr0".to_owned()),
                root_hash: Some("5f".repeat(32)),
                firmware: Firmware::Uefi,
                slot: None,
            },
            ssh: Some(Ssh {
                on: false,
                message: "SSH is off: this node is simulated".to_owned(),
            }),
            admin_password_set: Some(false),
            keyboard: None,
            // Addresses that documentation may use (RFC 5737, RFC 3849).
            addresses: vec![
                ("eth0".to_owned(), "192.0.2.10".to_owned()),
                ("eth0".to_owned(), "2001:db8::10".to_owned()),
            ],
            warnings: vec![],
            figures: Some(include_str!("figures.txt").to_owned()),
            node: None,
            started: std::time::Instant::now(),
        }
    }
}

impl Facilities for FakeFacilities {
    fn hostname(&self) -> String {
        self.hostname.clone()
    }
    fn uptime_seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
    fn memory(&self) -> Memory {
        self.memory
    }
    fn load(&self) -> [f64; 3] {
        [0.42, 0.36, 0.3]
    }
    /// A node that has something to do, now more and now less.
    fn counters(&self) -> Option<Counters> {
        let at_milliseconds = u64::try_from(self.started.elapsed().as_millis()).ok()?;
        let cpu_milliseconds = at_milliseconds * u64::from(self.cpus());
        // Ten seconds of each minute are busy.
        let busy = at_milliseconds / 60_000 * 10_000 + (at_milliseconds % 60_000).min(10_000);
        Some(Counters {
            at_milliseconds,
            cpu_busy_milliseconds: cpu_milliseconds / 5 + busy * 8,
            cpu_milliseconds,
            disk_read_bytes: at_milliseconds * 300 + busy * 20_000,
            disk_written_bytes: at_milliseconds * 900 + busy * 9_000,
            network_received_bytes: at_milliseconds * 1_200 + busy * 60_000,
            network_sent_bytes: at_milliseconds * 150 + busy * 2_000,
        })
    }
    fn cpus(&self) -> u32 {
        16
    }
    fn addresses(&self) -> Vec<(String, String)> {
        self.addresses.clone()
    }
    fn kvm(&self) -> KvmFacts {
        self.kvm.clone()
    }
    fn boot(&self) -> Boot {
        self.boot.clone()
    }
    fn ssh(&self) -> Option<Ssh> {
        self.ssh.clone()
    }
    fn admin_password_set(&self) -> Option<bool> {
        self.admin_password_set
    }
    fn keyboard(&self) -> Option<String> {
        self.keyboard.clone()
    }
    fn promise(&self) -> Option<Promise> {
        let text = self.node.as_ref()?.text(corbel_settle::PERFORMANCE_FILE)?;
        let percent = corbel_settle::Tuning::parse(&text).memory_overcommit?;
        let memory = self.memory.total;
        Some(Promise { percent, memory })
    }
    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }
    fn figures(&self, _: &Cancel) -> Result<String, FiguresError> {
        let off = |node: &FakeNode| node.text(MONITORING_OFF).is_some();
        if self.node.as_ref().is_some_and(off) {
            return Err(FiguresError::Off);
        }
        let told = self.figures.clone();
        told.ok_or_else(|| FiguresError::Away("nobody listens".into()))
    }
}
