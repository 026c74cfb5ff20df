//! A machine that outlives its boots: what is on its disks and in its firmware stays, as on the server in the rack. A reset ends
//! QEMU, so every boot is a new [`Machine`] on the same disks.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};

use corbel_node_api::SlotName;

use crate::{Disk, Firmware, Identity, Machine, MachineSpec, Medium, Node, Run, Seed, Wire, fault::Fault, until};

/// Of a system with a fault nobody waits as long as the health gate would. One without any has the gate's own deadline, which a slow host
/// may need.
const GATE: &str = "[Service]\nExecStart=\nExecStart=/usr/bin/corbel gate --deadline 150\n";

/// The server in the rack.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    firmware: Firmware,
    disks: Vec<Disk>,
    wires: Vec<PathBuf>,
    identity: Identity,
    fault: Option<(Fault, SlotName)>,
}

impl Server {
    /// One with a disk of so many bytes, empty.
    ///
    /// # Errors
    /// When its files cannot be made.
    pub fn new(run: &Run, firmware: Firmware, disk_bytes: u64) -> anyhow::Result<Self> {
        let mut server = Self::without_disk(run, firmware)?;
        server.add_disk(disk_bytes)?;
        Ok(server)
    }

    /// One that has no disk at all.
    ///
    /// # Errors
    /// When its files cannot be made.
    pub fn without_disk(run: &Run, firmware: Firmware) -> anyhow::Result<Self> {
        let folder = run.machine_folder()?;
        let identity = Identity::make(&folder)?;
        Ok(Self {
            folder,
            firmware,
            disks: Vec::new(),
            wires: Vec::new(),
            identity,
            fault: None,
        })
    }

    /// One more disk, empty; gives its file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn add_disk(&mut self, bytes: u64) -> anyhow::Result<&Path> {
        let file = self.folder.join(format!("disk{}.img", self.disks.len()));
        let made = File::create_new(&file).and_then(|made| made.set_len(bytes));
        made.with_context(|| format!("cannot make {}", file.display()))?;
        self.disks.push(Disk::new(&file));
        Ok(&self.disks[self.disks.len() - 1].file)
    }

    /// One more network card, on a cable that ends in the test.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn add_wire(&mut self) -> anyhow::Result<Wire> {
        let wire = Wire::new(&self.folder, &format!("wire{}", self.wires.len()))?;
        self.wires.push(wire.path().to_path_buf());
        Ok(wire)
    }

    /// Its disks, to look at or to change while it is off.
    pub fn disks(&mut self) -> &mut [Disk] {
        &mut self.disks
    }

    /// The other firmware from now on: a disk moves between them.
    pub fn set_firmware(&mut self, firmware: Firmware) {
        self.firmware = firmware;
    }

    /// Who may use its API.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// From now on, a system that was started from that slot has this fault.
    pub fn set_fault(&mut self, fault: Option<(Fault, SlotName)>) {
        self.fault = fault;
    }

    /// What the next boot is: this medium, these disks, a root shell.
    pub fn spec(&self, medium: Medium) -> MachineSpec {
        let mut spec = MachineSpec::new(medium).firmware(self.firmware).with_root_shell();
        spec.disks.clone_from(&self.disks);
        spec.wires.clone_from(&self.wires);
        spec.variables = Some(self.folder.join("uefi-variables.fd"));
        match self.fault {
            Some((fault, slot)) => {
                let gate = "systemd.unit-dropin.corbel-gate.service~deadline";
                fault.bring(spec.credential_bytes(gate, GATE.as_bytes()), slot)
            }
            None => spec,
        }
    }

    /// Boots from a medium with a seed, which lets us in besides what `seed` adds, and does not wait.
    ///
    /// # Errors
    /// When the machine does not start.
    pub async fn start(&self, run: &Run, medium: Medium, seed: impl FnOnce(Seed) -> Seed) -> anyhow::Result<Machine> {
        let folder = run.machine_folder()?;
        let seed = seed(Seed::new().client(&self.identity).ssh(&self.identity));
        let spec = self.spec(medium);
        let spec = match spec.medium {
            // The root image lies in memory.
            Medium::Network(_) => spec.memory(1280).initrd(&seed.write_initramfs(&folder)?),
            _ => spec.seed(&seed.write(&folder)?),
        };
        Machine::start(&spec, &folder, run.accel()).await
    }

    /// Boots from a medium and waits for the API.
    ///
    /// # Errors
    /// When the node does not answer in time.
    pub async fn boot(&self, run: &Run, medium: Medium, seed: impl FnOnce(Seed) -> Seed) -> anyhow::Result<Node> {
        let machine = self.start(run, medium, seed).await?;
        Node::attach(run, machine, self.identity.clone()).await
    }

    /// Boots from its disks, without any seed, and waits for the API.
    ///
    /// # Errors
    /// When the node does not answer in time.
    pub async fn boot_installed(&self, run: &Run) -> anyhow::Result<Node> {
        let machine = self.start_installed(run).await?;
        Node::attach(run, machine, self.identity.clone()).await
    }

    /// The same with so many MiB of memory.
    ///
    /// # Errors
    /// When the node does not answer in time.
    pub async fn boot_with_memory(&self, run: &Run, memory: u32) -> anyhow::Result<Node> {
        let spec = self.spec(Medium::Disks).memory(memory);
        let machine = Machine::start(&spec, &run.machine_folder()?, run.accel()).await?;
        Node::attach(run, machine, self.identity.clone()).await
    }

    /// Boots from its disks and does not wait.
    ///
    /// # Errors
    /// When the machine does not start.
    pub async fn start_installed(&self, run: &Run) -> anyhow::Result<Machine> {
        Machine::start(&self.spec(Medium::Disks), &run.machine_folder()?, run.accel()).await
    }
}

/// Waits until the machine resets or turns itself off, which ends QEMU.
///
/// # Errors
/// When it does neither within `limit`; with the last lines of its serial port.
pub async fn wait_for_reset(machine: &mut Machine, limit: Duration) -> anyhow::Result<()> {
    let ended = until("the machine to reset", limit, async || Ok(machine.ended()?)).await;
    let status = ended.with_context(|| machine.evidence())?;
    if !status.success() {
        bail!("QEMU ended with {status}; {}", machine.evidence());
    }
    Ok(())
}
