//! The trait, method by method: each is one call through [`Libvirt::call`].

use corbel_model::vm::{VmDetail, VmSpec, VmState, VmStats, VmSummary};
use corbel_model::{ByteSize, NetworkName, VmName, VolumeName};
use corbel_virt::{Console, Hypervisor, Network, Pool, UploadChunk, VirtError, VirtEvent, Volume};
use tokio::sync::broadcast;
use virt::error::Error;

use crate::{Libvirt, creation, defaults, errors, machines, volumes};

/// `major * 1000000 + minor * 1000 + release`.
fn dotted(version: u32) -> String {
    format!("{}.{}.{}", version / 1_000_000, version / 1000 % 1000, version % 1000)
}

fn failed(operation: &'static str) -> impl Fn(Error) -> VirtError {
    move |error| VirtError::Failed {
        operation: operation.into(),
        problem: errors::sentence(&error),
    }
}

impl Hypervisor for Libvirt {
    fn version(&self) -> Result<String, VirtError> {
        self.call(|connection| {
            let kind = connection.get_type().map_err(failed("version"))?;
            let libvirt = dotted(connection.get_lib_version().map_err(failed("version"))?);
            // Without an emulator there is a libvirt, but no version of QEMU.
            Ok(match connection.get_hyp_version() {
                Ok(version) => format!("{kind} {} (libvirt {libvirt})", dotted(version)),
                Err(_) => format!("{kind} (libvirt {libvirt})"),
            })
        })
    }

    fn ping(&self) -> Result<(), VirtError> {
        // A round trip: a socket that is open says nothing about the daemon.
        let answer = self.call(|connection| connection.get_lib_version().map(drop).map_err(failed("ping")));
        if matches!(answer, Err(VirtError::Unavailable { .. })) {
            self.keeper.ask();
        }
        answer
    }

    fn events(&self) -> broadcast::Receiver<VirtEvent> {
        self.events.subscribe()
    }

    fn list_vms(&self) -> Result<Vec<VmSummary>, VirtError> {
        self.call(machines::list)
    }

    fn vm_states(&self) -> Result<Vec<VmState>, VirtError> {
        self.call(machines::states)
    }

    fn show_vm(&self, name: &str) -> Result<VmDetail, VirtError> {
        self.call(|connection| machines::show(connection, name))
    }

    fn vm_xml(&self, name: &str) -> Result<String, VirtError> {
        self.call(|connection| machines::xml(connection, name))
    }

    fn vm_stats(&self, name: &str) -> Result<VmStats, VirtError> {
        self.call(|connection| machines::stats(connection, name))
    }

    fn create_vm(&self, spec: &VmSpec) -> Result<VmSummary, VirtError> {
        self.call(|connection| creation::create(connection, spec))
    }

    fn define_xml(&self, xml: &str) -> Result<VmSummary, VirtError> {
        self.call(|connection| creation::define_xml(connection, xml))
    }

    fn start_vm(&self, name: &str) -> Result<(), VirtError> {
        self.call(|connection| machines::start(connection, name))
    }

    fn shutdown_vm(&self, name: &str) -> Result<(), VirtError> {
        self.call(|connection| {
            machines::while_running(connection, name, "shutdown", |machine| machine.shutdown().map(drop))
        })
    }

    fn force_off_vm(&self, name: &str) -> Result<(), VirtError> {
        self.call(|connection| machines::while_running(connection, name, "force-off", |machine| machine.destroy()))
    }

    fn reboot_vm(&self, name: &str) -> Result<(), VirtError> {
        self.call(|connection| machines::while_running(connection, name, "reboot", |machine| machine.reboot(0)))
    }

    fn save_vm(&self, name: &str) -> Result<(), VirtError> {
        self.call(|connection| {
            machines::while_running(connection, name, "save", |machine| machine.managed_save(0).map(drop))
        })
    }

    fn delete_vm(&self, name: &str, volumes: bool) -> Result<(), VirtError> {
        self.call(|connection| machines::delete(connection, name, volumes))
    }

    fn set_autostart(&self, name: &str, autostart: bool) -> Result<(), VirtError> {
        self.call(|connection| machines::set_autostart(connection, name, autostart))
    }

    fn open_console(&self, name: &str) -> Result<Console, VirtError> {
        self.call_link(|link| machines::console(link, name))
    }

    fn list_pools(&self) -> Result<Vec<Pool>, VirtError> {
        self.call(volumes::list_pools)
    }

    fn list_volumes(&self) -> Result<Vec<Volume>, VirtError> {
        self.call(volumes::list)
    }

    fn create_volume(&self, name: &VolumeName, size: ByteSize, format: &str) -> Result<Volume, VirtError> {
        self.call(|connection| volumes::create(connection, name, size, format))
    }

    fn upload_volume(
        &self,
        name: &VolumeName,
        size: ByteSize,
        chunks: &mut dyn Iterator<Item = UploadChunk>,
    ) -> Result<Volume, VirtError> {
        self.call(|connection| volumes::upload(connection, name, size, chunks))
    }

    fn delete_volume(&self, name: &VolumeName) -> Result<(), VirtError> {
        self.call(|connection| volumes::delete(connection, name))
    }

    fn list_networks(&self) -> Result<Vec<Network>, VirtError> {
        self.call(defaults::list)
    }

    fn ensure_defaults(&self, pool_path: &str, nat: &NetworkName) -> Result<(), VirtError> {
        self.call(|connection| defaults::ensure(connection, pool_path, nat))
    }

    fn ensure_pool(&self, name: &str, path: &str) -> Result<(), VirtError> {
        self.call(|connection| defaults::ensure_pool(connection, name, path).map(drop))
    }

    fn has_vm(&self, name: &VmName) -> Result<bool, VirtError> {
        self.call(|connection| match machines::lookup(connection, name.as_str()) {
            Ok(_) => Ok(true),
            Err(VirtError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        })
    }
}
