//! libvirt's XML as pure text work: render a [`VmSpec`](corbel_model::vm::VmSpec) to a domain, read a domain back, and
//! render the pool, volume and network documents that the node needs.
//!
//! Formats: <https://libvirt.org/formatdomain.html>, `formatstorage.html`, `formatnetwork.html`.

use corbel_model::VolumeName;

use crate::PoolPaths;

mod element;
mod parse;
mod render;
mod resources;
#[cfg(test)]
mod tests;

pub use parse::{
    MAX_XML, ParsedDisk, ParsedDomain, on_reboot, parse_domain, parse_network, parse_pool_path, parse_volume,
};
pub use render::render_domain;
pub use resources::{ParsedNetwork, ParsedVolume, render_nat_network, render_pool, render_volume};

/// Namespace of our element in a domain's `metadata`: `<corbel:node on-reboot="save"/>`.
pub const NAMESPACE: &str = "https://corbel.invalid/domain/1";

/// What runs the guest's instructions: the `type` of libvirt's domain element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accelerator {
    /// The processor itself, through `/dev/kvm`.
    #[default]
    Kvm,
    /// QEMU translates each instruction: some ten times slower, and works everywhere.
    Emulated,
    /// Nothing: libvirt's built-in test driver.
    TestDriver,
}

impl Accelerator {
    /// libvirt's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Emulated => "qemu",
            Self::TestDriver => "test",
        }
    }
}

/// What the host can do, as far as a rendered domain depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostTraits {
    pub accelerator: Accelerator,
    /// Give machines a VGA card and VNC on the node's loopback address. Off by default: a serial console is there,
    /// and a display costs 16 MiB a machine.
    pub graphics: bool,
}

/// Where the parts of a machine are on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement<'a> {
    pub host: HostTraits,
    /// Disks are named by path and not by pool and volume, because libvirt's AppArmor helper does not resolve volumes and
    /// QEMU would be denied the file.
    pub pools: &'a PoolPaths,
    /// The cloud-init disk.
    pub seed: Option<&'a VolumeName>,
}

impl Placement<'_> {
    /// The file of a volume; `None` when its pool is not active.
    fn path(&self, volume: &VolumeName) -> Option<String> {
        let folder = self.pools.get(volume.pool())?;
        Some(format!("{folder}/{}", volume.file()))
    }
}
