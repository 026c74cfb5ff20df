//! The node's own disks, slots and power: the real [`System`].

mod diagnostics;
mod disks;
mod dumps;
mod install;
mod keyboard;
mod password;
mod persisted;
mod reach;
mod removal;
mod slots;
mod spool;
mod support;

use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

use corbel_agent::bundle::Origin;
use corbel_agent::security::{Facts, Signer};
use corbel_agent::{
    Bundle, Destination, Disk, DumpStatus, Echo, IommuGroup, Link, LogPage, LogQuery, Multipath, Permits, Persisted,
    Piece, Plan, Removable, Restart, Secret, Service, Sessions, Slots, Source, Spool, SupportSystem, System,
    SystemError, iommu_groups, no_fast_reboot,
};
use corbel_model::install::{DeviceMatch, InstallRequest, UninstallRequest};
use corbel_model::network::InterfaceName;
use corbel_model::server::Server;
use corbel_model::{ByteSize, Keymap};
use corbel_plan::settle::SEED_FILE;
use corbel_progress::{Event, Sink};
use corbel_sys::{Cancel, Program, chain, read_limited, write_atomic};

/// Names of machines that were saved, one a line, over a reboot.
const SAVED: &str = "/data/saved-machines";
/// Names of machines that ran when the node went down last, one a line; `corbel gate` reads it.
const RAN: &str = corbel_machine::RAN_FILE;
const LIMIT: u64 = 1 << 20;

/// This machine.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    /// Held by work that changes disks which this system does not run from, and by a list while it mounts something of theirs: what is
    /// mounted can neither be formatted nor be mounted to be written to.
    disks: Mutex<()>,
    /// Held while disks are looked at, so that a plan does not take what a list has mounted for in use.
    look: Mutex<()>,
    /// Held while the list of persisted files is changed.
    persisted: Mutex<()>,
    /// Of the medium, which stays the same as long as this system runs.
    signer: OnceLock<Option<Signer>>,
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machine {
    /// No list mounts anything of a disk as long as this is held.
    fn take_disks(&self) -> MutexGuard<'_, ()> {
        lock(&self.disks)
    }

    /// The same, without waiting for the end of work that has them.
    fn try_disks(&self) -> Option<MutexGuard<'_, ()>> {
        match self.disks.try_lock() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(free)) => Some(free.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

fn refused(sentence: impl Into<String>) -> SystemError {
    SystemError::Refused(sentence.into())
}

fn failed(operation: &str, error: &dyn Error) -> SystemError {
    SystemError::Failed {
        operation: operation.to_owned(),
        problem: chain(error),
    }
}

impl SupportSystem for Machine {
    fn part(&self, origin: Origin, limit: u64, cancel: &Cancel) -> Result<Vec<Piece>, SystemError> {
        support::part(origin, limit, cancel)
    }
    fn secrets(&self) -> Vec<String> {
        support::secrets()
    }
    fn removables(&self) -> Result<Vec<Removable>, SystemError> {
        let _look = lock(&self.look);
        support::removables()
    }
    fn bundles(&self) -> Result<Vec<Bundle>, SystemError> {
        support::bundles()
    }
    fn read_bundle(&self, name: &str) -> Result<Vec<u8>, SystemError> {
        support::read(name)
    }
    fn remove_bundle(&self, name: &str) -> Result<(), SystemError> {
        support::remove(name)
    }
    fn check_destination(&self, to: &Destination) -> Result<(), SystemError> {
        let _look = lock(&self.look);
        support::check(to)
    }
    fn deliver(
        &self,
        name: &str,
        bytes: &[u8],
        to: &Destination,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError> {
        let _disks = matches!(to, Destination::Disk(_)).then(|| self.take_disks());
        support::deliver(name, bytes, to, sink, cancel)
    }
    fn protection(&self) -> Facts {
        support::protection()
    }
}

impl System for Machine {
    fn disks(&self) -> Result<Vec<Disk>, SystemError> {
        let _look = lock(&self.look);
        let observed = disks::observe()?;
        // While long work has the disks, a list says nothing of passwords rather than to wait for its end.
        let Some(_free) = self.try_disks() else {
            return Ok(disks::list(&observed, |_| false));
        };
        let own = disks::boot().installed_on();
        Ok(disks::list(&observed, |disk| password::is_set(disk, own.as_deref())))
    }
    fn signer(&self) -> Option<Signer> {
        self.signer.get_or_init(install::signer).clone()
    }
    fn use_keyboard(&self, layout: &Keymap) -> Result<(), SystemError> {
        keyboard::load(layout)
    }
    fn links(&self) -> Result<Vec<Link>, SystemError> {
        diagnostics::links()
    }
    fn identify(&self, link: &InterfaceName, time: Duration) -> Result<(), SystemError> {
        reach::identify(link, time)
    }
    fn ping(&self, host: &Server, number: u16) -> Result<Echo, SystemError> {
        reach::ping(host, number)
    }
    fn multipath(&self) -> Result<Multipath, SystemError> {
        reach::multipath()
    }
    fn iscsi(&self) -> Result<Sessions, SystemError> {
        reach::iscsi()
    }
    fn iommu(&self) -> Result<Vec<IommuGroup>, SystemError> {
        Ok(iommu_groups(Path::new("/")))
    }
    fn services(&self) -> Result<Vec<Service>, SystemError> {
        diagnostics::services()
    }
    fn logs(&self, query: &LogQuery) -> Result<LogPage, SystemError> {
        diagnostics::logs(query)
    }
    fn document(&self) -> Result<Option<String>, SystemError> {
        let path = Path::new(SEED_FILE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes =
            read_limited(path, LIMIT).map_err(|error| failed("reading the configuration of this boot", &error))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
    fn plan_install(&self, request: &InstallRequest) -> Result<Plan, SystemError> {
        let _look = lock(&self.look);
        disks::installation(request).map(|plan| disks::told(&plan))
    }
    fn install(&self, request: &InstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError> {
        let _disks = self.take_disks();
        install::install(request, sink, cancel)
    }
    fn plan_uninstall(&self, request: &UninstallRequest) -> Result<Plan, SystemError> {
        let _look = lock(&self.look);
        disks::removal(request).map(|plan| disks::told_removal(&plan))
    }
    fn removes_itself(&self, request: &UninstallRequest) -> Result<bool, SystemError> {
        install::removes_itself(request)
    }
    fn uninstall(&self, request: &UninstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError> {
        let _disks = self.take_disks();
        install::uninstall(request, sink, cancel)
    }

    fn slots(&self) -> Result<Slots, SystemError> {
        self.read_slots()
    }
    fn spool(&self, bytes: ByteSize) -> Result<Spool, SystemError> {
        spool::receive(bytes)
    }
    fn fetch(&self, url: &str, sink: &dyn Sink, cancel: &Cancel) -> Result<Spool, SystemError> {
        spool::from_url(url, sink, cancel)
    }
    fn check_upgrade(&self, boot: Option<&DeviceMatch>, password: Option<&Secret>) -> Result<(), SystemError> {
        let _look = lock(&self.look);
        let Some(_free) = self.try_disks() else {
            return Ok(());
        };
        match self.admit(boot, password) {
            Err(error @ SystemError::Invalid { .. }) => Err(error),
            // The work says it, where all see that it failed.
            Err(_) | Ok(_) => Ok(()),
        }
    }
    fn upgrade(
        &self,
        source: &Source,
        permits: Permits,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError> {
        self.write_upgrade(source, permits, sink, cancel)
    }
    fn rollback(&self, sink: &dyn Sink, cancel: &Cancel) -> Result<String, SystemError> {
        self.arm_other(sink, cancel)
    }

    fn restart(&self, how: Restart, sink: &dyn Sink) -> Result<(), SystemError> {
        let verb = match how {
            Restart::AtOnce => {
                removal::restart_soon();
                return Ok(());
            }
            Restart::Firmware => "reboot",
            Restart::PowerOff => "poweroff",
            Restart::Fast => match self.load_next() {
                Ok(()) => "kexec",
                // Minutes of firmware are better than a node that stays.
                Err(error) => {
                    tracing::warn!(%error, "a fast reboot is not possible: rebooting through firmware");
                    sink.event(Event::Warning {
                        message: no_fast_reboot(&chain(&error)),
                    });
                    "reboot"
                }
            },
        };
        let run = Program::new("systemctl").args(["--no-block", verb]).run(&Cancel::new());
        run.map(drop).map_err(|error| failed("asking systemd", &error))
    }

    fn persisted(&self) -> Result<Vec<Persisted>, SystemError> {
        persisted::list()
    }
    fn persist(&self, path: &str) -> Result<Persisted, SystemError> {
        let _one_at_a_time = lock(&self.persisted);
        persisted::persist(path)
    }
    fn unpersist(&self, path: &str) -> Result<(), SystemError> {
        let _one_at_a_time = lock(&self.persisted);
        persisted::unpersist(path)
    }
    fn persisted_difference(&self, path: &str) -> Result<String, SystemError> {
        let _one_at_a_time = lock(&self.persisted);
        persisted::difference(path)
    }

    fn dumps(&self) -> Result<DumpStatus, SystemError> {
        dumps::status()
    }
    fn test_dump(&self) -> Result<String, SystemError> {
        dumps::test()
    }

    fn note_running(&self, names: &[String]) -> Result<(), SystemError> {
        let text = names.join("\n");
        write_atomic(Path::new(RAN), text.as_bytes(), 0o600).map_err(|error| failed("noting running machines", &error))
    }

    fn keep_saved(&self, names: &[String]) -> Result<(), SystemError> {
        let text = names.join("\n");
        write_atomic(Path::new(SAVED), text.as_bytes(), 0o600).map_err(|error| failed("noting saved machines", &error))
    }
    fn take_saved(&self) -> Vec<String> {
        let path = Path::new(SAVED);
        if !path.exists() {
            return vec![];
        }
        let text = match read_limited(path, LIMIT) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                tracing::warn!(%error, "saved machines cannot be resumed");
                return vec![];
            }
        };
        // Forgotten before they are started: a machine that brings the node down must not do it again at each boot.
        if let Err(error) = std::fs::remove_file(path) {
            tracing::warn!(%error, "the note of saved machines cannot be removed");
        }
        text.lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }
}
