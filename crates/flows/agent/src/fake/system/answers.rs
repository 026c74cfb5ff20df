//! What the machine answers, and what becomes of it by what it is asked to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use corbel_model::install::{DeviceMatch, InstallRequest, UninstallRequest};
use corbel_model::keyboard::is_listed;
use corbel_model::network::InterfaceName;
use corbel_model::server::Server;
use corbel_model::{ByteSize, Keymap};
use corbel_net::Link;
use corbel_plan::security::Signer;
use corbel_progress::{Event, Sink};
use corbel_sys::Cancel;

use super::super::diagnostics;
use super::super::world::{refused, storage};
use super::FakeSystem;
use crate::diagnostics::{Echo, LogPage, LogQuery, Multipath, Service, Sessions};
use crate::dump::DumpStatus;
use crate::iommu::IommuGroup;
use crate::system::{
    Disk, FailedVersion, Permits, Persisted, Plan, Restart, Secret, SlotState, Slots, Source, Spool, System,
    SystemError, no_fast_reboot,
};

/// What an upload may have.
const ROOM: ByteSize = ByteSize::gib(4);
fn begin(sink: &dyn Sink, title: &str, steps: usize) {
    sink.event(Event::Begin {
        title: title.to_owned(),
        steps,
    });
}

impl System for FakeSystem {
    fn disks(&self) -> Result<Vec<Disk>, SystemError> {
        Ok(self.world().disks.clone())
    }

    fn signer(&self) -> Option<Signer> {
        (!self.is_installed()).then(|| Signer::Key("owner.pub".into()))
    }

    fn persisted(&self) -> Result<Vec<Persisted>, SystemError> {
        Ok(self.world().persisted.clone())
    }

    fn persist(&self, path: &str) -> Result<Persisted, SystemError> {
        self.world().persist(path)
    }

    fn dumps(&self) -> Result<DumpStatus, SystemError> {
        Ok(diagnostics::dumps(self.is_installed()))
    }

    fn test_dump(&self) -> Result<String, SystemError> {
        match self.is_installed() {
            true => Ok("this node".to_owned()),
            false => Err(refused("no dumps of the kernel are saved: kernel_dump.target is off")),
        }
    }

    fn links(&self) -> Result<Vec<Link>, SystemError> {
        Ok(diagnostics::links())
    }

    fn identify(&self, link: &InterfaceName, _: Duration) -> Result<(), SystemError> {
        diagnostics::identify(link)
    }

    fn ping(&self, host: &Server, number: u16) -> Result<Echo, SystemError> {
        Ok(diagnostics::ping(host, number))
    }

    fn multipath(&self) -> Result<Multipath, SystemError> {
        Ok(diagnostics::multipath())
    }

    fn iscsi(&self) -> Result<Sessions, SystemError> {
        Ok(diagnostics::iscsi())
    }

    fn iommu(&self) -> Result<Vec<IommuGroup>, SystemError> {
        Ok(diagnostics::iommu())
    }

    fn services(&self) -> Result<Vec<Service>, SystemError> {
        Ok(diagnostics::services())
    }

    fn logs(&self, query: &LogQuery) -> Result<LogPage, SystemError> {
        Ok(query.choose(diagnostics::journal()))
    }

    fn unpersist(&self, path: &str) -> Result<(), SystemError> {
        self.world().unpersist(path)
    }

    fn persisted_difference(&self, path: &str) -> Result<String, SystemError> {
        if self.world().persisted.iter().any(|kept| kept.path == path) {
            return Ok(format!("--- image\n+++ {path}\n@@ -0,0 +1 @@\n+mine\n"));
        }
        Err(SystemError::NotFound(format!("{path} is not persisted")))
    }

    fn use_keyboard(&self, layout: &Keymap) -> Result<(), SystemError> {
        if !is_listed(layout) {
            return Err(SystemError::Invalid {
                field: "layout".to_owned(),
                problem: format!("there is no keymap {layout}"),
            });
        }
        self.world().keyboard = Some(layout.clone());
        Ok(())
    }

    fn document(&self) -> Result<Option<String>, SystemError> {
        Ok(self.world().document.clone())
    }

    fn plan_install(&self, request: &InstallRequest) -> Result<Plan, SystemError> {
        self.world().plan(request).map(|(_, plan)| plan)
    }

    fn install(&self, request: &InstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError> {
        let (path, _) = self.world().plan(request)?;
        begin(sink, "Install", 3);
        self.write("partition", "Partition and format", sink, cancel)?;
        self.write("write", "Write the system", sink, cancel)?;
        self.write("verify", "Read it back", sink, cancel)?;
        let mut world = self.world();
        world.install(&path);
        world.installed_document.clone_from(&request.document);
        Ok(())
    }

    fn plan_uninstall(&self, request: &UninstallRequest) -> Result<Plan, SystemError> {
        let world = self.world();
        let disk = world.disks.iter().find(|disk| disk.installed.is_some());
        let path = &disk
            .ok_or_else(|| refused("no disk of this machine carries Corbel"))?
            .path;
        let mut erases = storage(request.wipe_data, path);
        erases.push(format!("Corbel and its configuration on {path}"));
        Ok(Plan {
            erases,
            keeps: storage(!request.wipe_data, path),
            steps: vec![format!("{path}: remove the partitions and their labels")],
            warnings: vec![],
        })
    }

    fn removes_itself(&self, _request: &UninstallRequest) -> Result<bool, SystemError> {
        Ok(self.is_installed())
    }

    fn uninstall(&self, request: &UninstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError> {
        self.plan_uninstall(request)?;
        begin(sink, "Uninstall", 1);
        self.write("wipe", "Give the disk back", sink, cancel)?;
        for disk in self.world().disks.iter_mut().filter(|disk| disk.installed.is_some()) {
            (disk.installed, disk.contents) = (None, "It is empty.".to_owned());
        }
        Ok(())
    }

    fn slots(&self) -> Result<Slots, SystemError> {
        Ok(self.world().slots.clone())
    }

    fn spool(&self, bytes: ByteSize) -> Result<Spool, SystemError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if bytes > ROOM {
            return Err(SystemError::NoRoom(format!(
                "an image of {bytes} does not fit: the spool has room for {ROOM}"
            )));
        }
        let name = format!(
            "corbel-sim-{}-{}.iso",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        Ok(Spool::new(std::env::temp_dir().join(name)))
    }

    /// The version is what stands in the URL's last segment, such as `corbel-0.2.0.iso`.
    fn fetch(&self, url: &str, sink: &dyn Sink, cancel: &Cancel) -> Result<Spool, SystemError> {
        let name = url.rsplit('/').next().unwrap_or_default();
        let version = name.strip_prefix("corbel-").and_then(|rest| rest.strip_suffix(".iso"));
        let version = version.ok_or_else(|| refused(format!("the server has no {name:?}")))?;
        begin(sink, "Fetch", 1);
        self.write("fetch", "Fetch the image", sink, cancel)?;
        let spool = self.spool(ByteSize::mib(1))?;
        corbel_sys::write_atomic(spool.path(), format!("release {version}\n").as_bytes(), 0o600).map_err(|error| {
            SystemError::Failed {
                operation: "the spool".to_owned(),
                problem: error.to_string(),
            }
        })?;
        Ok(spool)
    }

    fn check_upgrade(&self, _: Option<&DeviceMatch>, password: Option<&Secret>) -> Result<(), SystemError> {
        match (&self.world().password, password) {
            (Some(right), given) if given != Some(right) => Err(SystemError::Invalid {
                field: "current_password".to_owned(),
                problem: "is not the password of admin of the installed node".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// An image is a file that begins with `release VERSION`.
    fn upgrade(
        &self,
        source: &Source,
        permits: Permits,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError> {
        let text = match source {
            Source::File(spool) => std::fs::read(spool.path())
                .map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned())
                .unwrap_or_default(),
            Source::Medium { .. } => "release 0.2.0".to_owned(),
        };
        let line = text.lines().next().unwrap_or_default();
        let version = line
            .strip_prefix("release ")
            .ok_or_else(|| refused("this is no image of Corbel, or it is damaged"))?
            .to_owned();
        {
            let mut world = self.world();
            let running = world.version.clone();
            let failed = world.slots.last_failed.as_ref().is_some_and(|f| f.version == version);
            world.spare()?;
            if version < running && !permits.downgrade {
                return Err(refused(format!("{version} is older than {running}, which runs")));
            }
            if (version == running || failed) && !permits.force {
                return Err(refused(format!(
                    "{version} runs already, or did not become healthy here"
                )));
            }
        }
        begin(sink, "Upgrade", 2);
        self.write("write", "Write the system", sink, cancel)?;
        self.write("verify", "Read it back", sink, cancel)?;
        let mut world = self.world();
        let slot = world.spare()?;
        (slot.state, slot.version, slot.tries_left) = (SlotState::Trial, Some(version.clone()), Some(3));
        Ok(version)
    }

    fn rollback(&self, sink: &dyn Sink, _: &Cancel) -> Result<String, SystemError> {
        begin(sink, "Roll back", 1);
        let mut world = self.world();
        let failed = world.slots.last_failed.clone();
        let slot = world.spare()?;
        if let (SlotState::Failed, Some(failed)) = (slot.state, failed) {
            let (slot, FailedVersion { version, reason }) = (slot.name, failed);
            return Err(refused(format!(
                "slot {slot} holds version {version}, which failed on this node: {reason}"
            )));
        }
        let version = slot.version.clone();
        let version = version.ok_or_else(|| refused("the other slot is empty: there is nothing to go back to"))?;
        (slot.state, slot.tries_left) = (SlotState::Trial, Some(3));
        Ok(version)
    }

    /// A trial becomes healthy at once.
    fn restart(&self, how: Restart, sink: &dyn Sink) -> Result<(), SystemError> {
        let mut world = self.world();
        let how = match (how, world.never_fast.clone()) {
            (Restart::Fast, Some(reason)) => {
                sink.event(Event::Warning {
                    message: no_fast_reboot(&reason),
                });
                Restart::Firmware
            }
            (how, _) => how,
        };
        world.restarts.push(how);
        if world.slots.slots.iter().any(|slot| slot.state == SlotState::Trial) {
            for slot in &mut world.slots.slots {
                slot.running = slot.state == SlotState::Trial;
                slot.tries_left = None;
                slot.state = if slot.running {
                    SlotState::Good
                } else {
                    SlotState::Spare
                };
            }
            let version = world.slots.slots.iter().find(|slot| slot.running);
            world.version = version.and_then(|slot| slot.version.clone()).unwrap_or_default();
        }
        Ok(())
    }

    fn note_running(&self, names: &[String]) -> Result<(), SystemError> {
        self.world().ran = names.to_vec();
        Ok(())
    }

    fn keep_saved(&self, names: &[String]) -> Result<(), SystemError> {
        self.world().saved = names.to_vec();
        Ok(())
    }

    fn take_saved(&self) -> Vec<String> {
        std::mem::take(&mut self.world().saved)
    }
}
