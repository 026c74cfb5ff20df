//! The trait, method by method.

use corbel_model::vm::{VmDetail, VmSpec, VmState, VmStats, VmSummary};
use corbel_model::{ByteSize, NetworkName, VmName, VolumeName};
use tokio::sync::broadcast;

use super::Fake;
use crate::creation::{format_name, plan_creation, volumes_to_delete};
use crate::xml::{HostTraits, Placement, parse_domain, render_domain};
use crate::{Console, Hypervisor, Network, POOL, Pool, UploadChunk, VirtError, VirtEvent, VmChange, Volume, rules};

/// What the fake's pool holds, however much is in it.
const ROOM: ByteSize = ByteSize::gib(1024);

impl Hypervisor for Fake {
    fn version(&self) -> Result<String, VirtError> {
        self.call("version").map(|_| "Fake 1.0.0 (in memory)".into())
    }

    fn ping(&self) -> Result<(), VirtError> {
        self.call("ping").map(drop)
    }

    fn events(&self) -> broadcast::Receiver<VirtEvent> {
        self.events.subscribe()
    }

    fn list_vms(&self) -> Result<Vec<VmSummary>, VirtError> {
        let world = self.call("list_vms")?;
        Ok(world
            .machines
            .values()
            .map(|machine| machine.detail.summary.clone())
            .collect())
    }

    fn show_vm(&self, name: &str) -> Result<VmDetail, VirtError> {
        Ok(self.call("show_vm")?.machine(name)?.detail.clone())
    }

    fn vm_xml(&self, name: &str) -> Result<String, VirtError> {
        Ok(self.call("vm_xml")?.machine(name)?.xml.clone())
    }

    fn vm_stats(&self, name: &str) -> Result<VmStats, VirtError> {
        let mut world = self.call("vm_stats")?;
        let tick = u64::from(world.next());
        let summary = &world.machine(name)?.detail.summary;
        if !rules::is_active(summary.state) {
            return Ok(VmStats {
                memory: summary.memory,
                ..VmStats::default()
            });
        }
        Ok(VmStats {
            cpu_time_ns: tick * 1_000_000,
            memory: summary.memory,
            memory_rss: Some(ByteSize(summary.memory.bytes() / 4)),
            disk_read: ByteSize(tick << 12),
            disk_written: ByteSize(tick << 11),
            net_received: ByteSize(tick << 10),
            net_sent: ByteSize(tick << 9),
        })
    }

    fn create_vm(&self, spec: &VmSpec) -> Result<VmSummary, VirtError> {
        let mut world = self.call("create_vm")?;
        if world.machines.contains_key(spec.name.as_str()) {
            return Err(VirtError::Exists {
                kind: rules::VM,
                name: spec.name.to_string(),
            });
        }
        let creation = plan_creation(spec, &world.observed())?;
        for volume in &creation.reused {
            world.must_be_unused(volume.as_str())?;
        }
        let place = Placement {
            host: HostTraits::default(),
            pools: &world.pools.clone(),
            seed: creation.seed.as_ref().map(|seed| &seed.name),
        };
        let xml = render_domain(spec, &place)?;
        let domain = parse_domain(&xml)?;
        let mut summary = world.define(domain, xml)?;
        for volume in &creation.new_volumes {
            let allocation = ByteSize::mib(0);
            world.make_volume(
                volume.name.as_str(),
                volume.size,
                allocation,
                format_name(volume.format),
            )?;
        }
        if let Some(seed) = &creation.seed {
            let size = ByteSize(seed.image.len() as u64);
            world.make_volume(seed.name.as_str(), size, size, "raw")?;
        }
        world.machine(spec.name.as_str())?.detail.summary.autostart = spec.autostart;
        summary.autostart = spec.autostart;
        drop(world);
        self.changed(spec.name.as_str(), VmChange::Defined);
        Ok(summary)
    }

    fn define_xml(&self, xml: &str) -> Result<VmSummary, VirtError> {
        let mut world = self.call("define_xml")?;
        let domain = parse_domain(xml)?;
        rules::check_domain_name(&domain)?;
        let summary = world.define(domain, xml.to_owned())?;
        drop(world);
        self.changed(&summary.name, VmChange::Defined);
        Ok(summary)
    }

    fn start_vm(&self, name: &str) -> Result<(), VirtError> {
        let mut world = self.call("start_vm")?;
        let pid = 1000 + world.next();
        let machine = world.machine(name)?;
        rules::may_start(name, machine.detail.summary.state)?;
        machine.start(pid);
        drop(world);
        self.changed(name, VmChange::Started);
        Ok(())
    }

    fn shutdown_vm(&self, name: &str) -> Result<(), VirtError> {
        let mut world = self.call("shutdown_vm")?;
        let obeys = world.guests_obey;
        let machine = world.machine(name)?;
        rules::must_run(name, machine.detail.summary.state)?;
        if obeys {
            machine.stop(VmState::Off);
        }
        drop(world);
        if obeys {
            self.changed(name, VmChange::ShuttingDown);
            self.changed(name, VmChange::Stopped);
        }
        Ok(())
    }

    fn force_off_vm(&self, name: &str) -> Result<(), VirtError> {
        let mut world = self.call("force_off_vm")?;
        let machine = world.machine(name)?;
        rules::must_run(name, machine.detail.summary.state)?;
        machine.stop(VmState::Off);
        drop(world);
        self.changed(name, VmChange::Stopped);
        Ok(())
    }

    fn reboot_vm(&self, name: &str) -> Result<(), VirtError> {
        let mut world = self.call("reboot_vm")?;
        rules::must_run(name, world.machine(name)?.detail.summary.state)?;
        drop(world);
        self.changed(name, VmChange::Rebooted);
        Ok(())
    }

    fn save_vm(&self, name: &str) -> Result<(), VirtError> {
        let mut world = self.call("save_vm")?;
        let machine = world.machine(name)?;
        rules::must_run(name, machine.detail.summary.state)?;
        machine.stop(VmState::Off);
        drop(world);
        self.changed(name, VmChange::Stopped);
        Ok(())
    }

    fn delete_vm(&self, name: &str, volumes: bool) -> Result<(), VirtError> {
        let mut world = self.call("delete_vm")?;
        let machine = world.machine(name)?;
        rules::may_delete(name, machine.detail.summary.state)?;
        let domain = parse_domain(&machine.xml)?;
        for volume in volumes_to_delete(&domain, &world.others(name), &world.pools, volumes) {
            world.volumes.remove(&volume);
        }
        world.machines.remove(name);
        drop(world);
        self.changed(name, VmChange::Undefined);
        Ok(())
    }

    fn set_autostart(&self, name: &str, autostart: bool) -> Result<(), VirtError> {
        self.call("set_autostart")?.machine(name)?.detail.summary.autostart = autostart;
        Ok(())
    }

    fn open_console(&self, name: &str) -> Result<Console, VirtError> {
        let mut world = self.call("open_console")?;
        let machine = world.machine(name)?;
        rules::must_run(name, machine.detail.summary.state)?;
        machine.console.open(name)
    }

    fn list_pools(&self) -> Result<Vec<Pool>, VirtError> {
        let pool = |(name, path): (&String, &String)| Pool {
            name: name.clone(),
            active: true,
            path: path.clone(),
            capacity: ROOM,
            available: ROOM,
        };
        Ok(self.call("list_pools")?.pools.iter().map(pool).collect())
    }

    fn list_volumes(&self) -> Result<Vec<Volume>, VirtError> {
        Ok(self.call("list_volumes")?.volumes.values().cloned().collect())
    }

    fn create_volume(&self, name: &VolumeName, size: ByteSize, format: &str) -> Result<Volume, VirtError> {
        let mut world = self.call("create_volume")?;
        rules::check_format(format)?;
        rules::check_size(size)?;
        if world.volumes.contains_key(name.as_str()) {
            return Err(VirtError::Exists {
                kind: rules::VOLUME,
                name: name.to_string(),
            });
        }
        world.make_volume(name.as_str(), size, ByteSize(0), format)
    }

    fn upload_volume(
        &self,
        name: &VolumeName,
        size: ByteSize,
        chunks: &mut dyn Iterator<Item = UploadChunk>,
    ) -> Result<Volume, VirtError> {
        let exists = || VirtError::Exists {
            kind: rules::VOLUME,
            name: name.to_string(),
        };
        let world = self.call("upload_volume")?;
        world.path(name.as_str())?;
        if world.volumes.contains_key(name.as_str()) {
            return Err(exists());
        }
        drop(world);
        rules::check_size(size)?;
        rules::check_room(name.pool(), size, ROOM)?;
        let (mut received, mut head) = (0_u64, Vec::<u8>::new());
        for chunk in chunks {
            let chunk = chunk.map_err(|problem| rules::broken_upload(name.as_str(), &problem))?;
            head.extend(chunk.iter().take(4_usize.saturating_sub(head.len())));
            received = received.saturating_add(chunk.len() as u64);
            if received > size.bytes() {
                break;
            }
        }
        if received != size.bytes() {
            return Err(rules::wrong_length(name.as_str(), size.bytes(), received));
        }
        let mut world = self.world();
        if world.volumes.contains_key(name.as_str()) {
            return Err(exists());
        }
        // libvirt looks into the file too.
        let format = if head == *b"QFI\xfb" { "qcow2" } else { "raw" };
        world.make_volume(name.as_str(), size, size, format)
    }

    fn delete_volume(&self, name: &VolumeName) -> Result<(), VirtError> {
        let mut world = self.call("delete_volume")?;
        if !world.volumes.contains_key(name.as_str()) {
            return Err(VirtError::NotFound {
                kind: rules::VOLUME,
                name: name.to_string(),
            });
        }
        world.must_be_unused(name.as_str())?;
        world.volumes.remove(name.as_str());
        Ok(())
    }

    fn list_networks(&self) -> Result<Vec<Network>, VirtError> {
        Ok(self.call("list_networks")?.networks.values().cloned().collect())
    }

    fn ensure_defaults(&self, pool_path: &str, nat: &NetworkName) -> Result<(), VirtError> {
        let mut world = self.call("ensure_defaults")?;
        if world.volumes.is_empty() && world.machines.is_empty() {
            let path = pool_path.trim_end_matches('/').to_owned();
            world.pools.insert(POOL.to_owned(), path);
        }
        world.add_network(nat);
        Ok(())
    }

    fn ensure_pool(&self, name: &str, path: &str) -> Result<(), VirtError> {
        let mut world = self.call("ensure_pool")?;
        world.pools.entry(name.to_owned()).or_insert(path.to_owned());
        Ok(())
    }

    fn has_vm(&self, name: &VmName) -> Result<bool, VirtError> {
        Ok(self.call("has_vm")?.machines.contains_key(name.as_str()))
    }
}
