//! What the fake holds: machines, volumes, networks, and the failures that a test ordered.

use std::collections::BTreeMap;

use corbel_model::vm::{Firmware, VmDetail, VmState, VmSummary};
use corbel_model::{ByteSize, NetworkName, VolumeName};

use super::console::ConsoleEnd;
use crate::creation::Observed;
use crate::xml::{ParsedDomain, parse_domain};
use crate::{Network, POOL, PoolPaths, VirtError, Volume, rules};

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) machines: BTreeMap<String, Machine>,
    pub(super) volumes: BTreeMap<String, Volume>,
    pub(super) networks: BTreeMap<String, Network>,
    pub(super) pools: PoolPaths,
    pub(super) unavailable: Option<String>,
    pub(super) failures: Vec<(Option<&'static str>, VirtError)>,
    pub(super) guests_obey: bool,
    counter: u32,
}

/// One machine, with the document that defined it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) detail: VmDetail,
    pub(super) xml: String,
    pub(super) console: ConsoleEnd,
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            machines: BTreeMap::new(),
            volumes: BTreeMap::new(),
            networks: BTreeMap::new(),
            pools: [(POOL.to_owned(), "/data/images".to_owned())].into(),
            unavailable: None,
            failures: Vec::new(),
            guests_obey: true,
            counter: 0,
        };
        if let Ok(name) = "default".parse() {
            world.add_network(&name);
        }
        world
    }

    pub(super) fn next(&mut self) -> u32 {
        self.counter += 1;
        self.counter
    }

    /// The same in every run, so that outputs can be compared.
    pub(super) fn next_uuid(&mut self) -> String {
        uuid::Uuid::from_u128(0xc0bb_e100_0000_4000_8000_0000_0000_0000 | u128::from(self.next())).to_string()
    }

    pub(super) fn add_network(&mut self, name: &NetworkName) {
        let bridge = Some(format!("virbr{}", self.networks.len()));
        let network = Network {
            name: name.to_string(),
            active: true,
            autostart: true,
            mode: "nat".into(),
            bridge,
        };
        self.networks.entry(network.name.clone()).or_insert(network);
    }

    /// # Errors
    /// There is none of this name.
    pub(super) fn machine(&mut self, name: &str) -> Result<&mut Machine, VirtError> {
        let missing = || VirtError::NotFound {
            kind: rules::VM,
            name: name.to_owned(),
        };
        self.machines.get_mut(name).ok_or_else(missing)
    }

    pub(super) fn observed(&self) -> Observed {
        Observed {
            volumes: self
                .volumes
                .values()
                .map(|volume| (volume.name.clone(), volume.format.clone()))
                .collect(),
            pools: self.pools.clone(),
            networks: self.networks.keys().cloned().collect(),
        }
    }

    /// # Errors
    /// The pool of this volume does not exist.
    pub(super) fn path(&self, volume: &str) -> Result<String, VirtError> {
        let (pool, file) = VolumeName::split(volume);
        match self.pools.get(pool) {
            Some(folder) => Ok(format!("{folder}/{file}")),
            None => Err(VirtError::NotFound {
                kind: rules::POOL,
                name: pool.to_owned(),
            }),
        }
    }

    /// The domains of all machines but `name`.
    pub(super) fn others(&self, name: &str) -> Vec<ParsedDomain> {
        let others = self.machines.iter().filter(|(other, _)| *other != name);
        others
            .filter_map(|(_, machine)| parse_domain(&machine.xml).ok())
            .collect()
    }

    /// # Errors
    /// A machine has this volume.
    pub(super) fn must_be_unused(&self, volume: &str) -> Result<(), VirtError> {
        let path = self.path(volume)?;
        match self.others("").iter().find(|machine| machine.uses(&path, volume)) {
            Some(user) => Err(rules::volume_in_use(volume, &user.name)),
            None => Ok(()),
        }
    }

    /// # Errors
    /// Its pool does not exist.
    pub(super) fn make_volume(
        &mut self,
        name: &str,
        capacity: ByteSize,
        allocation: ByteSize,
        format: &str,
    ) -> Result<Volume, VirtError> {
        let path = self.path(name)?;
        let volume = Volume {
            name: name.to_owned(),
            path,
            capacity,
            allocation,
            format: format.to_owned(),
        };
        self.volumes.insert(name.to_owned(), volume.clone());
        Ok(volume)
    }

    /// Adds what `domain` says, off.
    ///
    /// # Errors
    /// The name is taken.
    pub(super) fn define(&mut self, domain: ParsedDomain, xml: String) -> Result<VmSummary, VirtError> {
        if self.machines.contains_key(&domain.name) {
            return Err(VirtError::Exists {
                kind: rules::VM,
                name: domain.name,
            });
        }
        let uuid = domain.uuid.clone().unwrap_or_else(|| self.next_uuid());
        let mut machine = Machine::bare(domain.name, uuid, domain.cpus, domain.memory, domain.firmware);
        machine.xml = xml;
        machine.detail.accelerator = domain.accelerator;
        machine.detail.disks = domain.disks.into_iter().map(|disk| disk.disk).collect();
        machine.detail.nics = domain.nics;
        for nic in machine.detail.nics.iter_mut().filter(|nic| nic.mac.is_empty()) {
            let [.., a, b, c] = self.next().to_be_bytes();
            nic.mac = format!("52:54:00:{a:02x}:{b:02x}:{c:02x}");
        }
        let summary = machine.detail.summary.clone();
        self.machines.insert(summary.name.clone(), machine);
        Ok(summary)
    }
}

impl Machine {
    /// Off, with a document that says just this.
    pub(super) fn bare(name: String, uuid: String, cpus: u32, memory: ByteSize, firmware: Firmware) -> Self {
        let kib = memory.bytes().div_ceil(1024);
        let xml = format!(
            "<domain type='kvm'>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n  <memory unit='KiB'>{kib}</memory>\n  \
             <vcpu>{cpus}</vcpu>\n  <os><type arch='x86_64' machine='q35'>hvm</type></os>\n</domain>\n"
        );
        let state = VmState::Off;
        let summary = VmSummary {
            name,
            uuid,
            state,
            cpus,
            memory,
            persistent: true,
            autostart: false,
        };
        let (disks, nics) = (Vec::new(), Vec::new());
        let detail = VmDetail {
            summary,
            firmware,
            disks,
            nics,
            accelerator: "kvm".into(),
            pid: None,
        };
        Self {
            detail,
            xml,
            console: ConsoleEnd::default(),
        }
    }

    pub(super) fn start(&mut self, pid: u32) {
        self.detail.summary.state = VmState::Running;
        self.detail.pid = Some(pid);
    }

    pub(super) fn stop(&mut self, state: VmState) {
        self.detail.summary.state = state;
        self.detail.pid = None;
        self.console.close();
    }
}
