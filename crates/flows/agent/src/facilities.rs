//! The one list of what the agent needs from its machine. A fact that cannot be had is empty or zero: the page of the
//! node must come even when `/proc` surprises us.

use corbel_layout::slot::Slot;
use corbel_model::ByteSize;
use corbel_sys::Cancel;

use crate::counters::Counters;
use crate::figures::FiguresError;
use crate::promise::Promise;
use crate::virtualization::KvmFacts;

/// Real: [`crate::Host`]. Fake: [`crate::fake::FakeFacilities`]. Methods may read files and block for milliseconds.
pub trait Facilities: Send + Sync + std::fmt::Debug {
    fn hostname(&self) -> String;
    fn uptime_seconds(&self) -> u64;
    fn memory(&self) -> Memory;
    /// Of the last 1, 5 and 15 minutes.
    fn load(&self) -> [f64; 3];
    /// `None` where the kernel tells nothing.
    fn counters(&self) -> Option<Counters>;
    /// Processors that are online.
    fn cpus(&self) -> u32;
    /// Interface and address, by which others can reach the node.
    fn addresses(&self) -> Vec<(String, String)>;
    /// Tries KVM; called rarely.
    fn kvm(&self) -> KvmFacts;
    fn boot(&self) -> Boot;
    /// Remote login as this boot was configured; `None` when it was not, or not by us.
    fn ssh(&self) -> Option<Ssh>;
    /// Whether `admin` has a password; `None` when that cannot be read.
    fn admin_password_set(&self) -> Option<bool>;
    /// Keymap of the console, as settle wrote it; `None` for the kernel's own.
    fn keyboard(&self) -> Option<String>;
    /// How much memory running machines may have; `None` without a limit.
    fn promise(&self) -> Option<Promise>;
    /// What went wrong while the configuration was applied, one sentence each.
    fn warnings(&self) -> Vec<String>;
    /// What collectd tells at this moment, as Prometheus' text with collectd's own names.
    ///
    /// # Errors
    /// When it is switched off, does not answer, or `stop` is cancelled.
    fn figures(&self, stop: &Cancel) -> Result<String, FiguresError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    pub total: ByteSize,
    /// Can be used without swapping (`MemAvailable`, proc_meminfo(5)).
    pub available: ByteSize,
}

/// Remote login, as settle wrote it to `/run/corbel/settle.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    pub on: bool,
    /// The same as a sentence, with the reason when it is off.
    pub message: String,
}

impl Ssh {
    /// Whom it lets in. The sentence is settle's own, so it says that, too.
    pub fn way(&self) -> corbel_plan::security::Ssh {
        use corbel_plan::security::Ssh;
        let with_password = corbel_settle::ssh_message(&corbel_plan::settle::Ssh::On { password_login: true });
        match self.on {
            false => Ssh::Off,
            true if self.message == with_password => Ssh::Passwords,
            true => Ssh::Keys,
        }
    }
}

/// How this boot came to be, as the initrd wrote it to `/run/corbel/boot.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boot {
    pub source: BootSource,
    pub medium: Option<String>,
    pub root_hash: Option<String>,
    pub firmware: Firmware,
    /// Of an installed node.
    pub slot: Option<Slot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BootSource {
    Cd,
    Disk,
    Network,
    /// The disk that it is installed on.
    Installed,
    /// Not booted from an image of ours.
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Firmware {
    #[default]
    Bios,
    Uefi,
}
