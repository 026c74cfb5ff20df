//! A hypervisor in memory, for tests, benches and the sim: the same rules and words as the real one, no guest.
//!
//! Its machines print a banner on their console and echo what is typed. Knobs make it fail, vanish or crash a machine.

mod console;
mod hypervisor;
#[cfg(test)]
mod tests;
mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

use corbel_model::vm::{Firmware, VmState};
use corbel_model::{ByteSize, NetworkName};
use tokio::sync::broadcast;

use crate::{VirtError, VirtEvent, VmChange, rules};
use world::{Machine, World};

/// How many events a slow receiver may be behind.
const EVENTS: usize = 1024;

/// The hypervisor in memory. It begins with an empty default pool and the NAT network `default`.
#[derive(Debug)]
pub struct Fake {
    world: Mutex<World>,
    events: broadcast::Sender<VirtEvent>,
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// No machine, no volume, the network `default`.
    pub fn new() -> Self {
        Self {
            world: Mutex::new(World::new()),
            events: broadcast::channel(EVENTS).0,
        }
    }

    /// `n` machines that are off, `vm-00000` and so on, without disks.
    pub fn with_vms(n: usize) -> Self {
        let fake = Self::new();
        {
            let mut world = fake.world();
            for i in 0..n {
                let uuid = world.next_uuid();
                let machine = Machine::bare(format!("vm-{i:05}"), uuid, 1, ByteSize::mib(512), Firmware::Bios);
                world.machines.insert(machine.detail.summary.name.clone(), machine);
            }
        }
        fake
    }

    /// The next call of any method fails with `error`.
    pub fn fail_next(&self, error: VirtError) {
        self.world().failures.push((None, error));
    }

    /// The pools, with their directories.
    pub fn pools(&self) -> crate::PoolPaths {
        self.world().pools.clone()
    }

    /// The next call of the method named `method`, such as `create_vm`, fails with `error`.
    pub fn fail_on(&self, method: &'static str, error: VirtError) {
        self.world().failures.push((Some(method), error));
    }

    /// As when the daemon dies (with the reason) and comes back. Machines go on meanwhile.
    pub fn set_unavailable(&self, reason: Option<&str>) {
        let reason = reason.map(str::to_owned);
        self.world().unavailable.clone_from(&reason);
        self.send(VirtEvent::Connection {
            ready: reason.is_none(),
            reason,
        });
    }

    /// Whether guests obey [`shutdown_vm`](crate::Hypervisor::shutdown_vm); they do unless told otherwise.
    pub fn guests_obey(&self, obey: bool) {
        self.world().guests_obey = obey;
    }

    /// The guest dies.
    ///
    /// # Errors
    /// There is no such machine, or it does not run.
    pub fn crash(&self, name: &str) -> Result<(), VirtError> {
        let mut world = self.world();
        let machine = world.machine(name)?;
        rules::must_run(name, machine.detail.summary.state)?;
        machine.stop(VmState::Crashed);
        drop(world);
        self.changed(name, VmChange::Crashed);
        Ok(())
    }

    /// The guest writes to its console: whoever has it open sees the bytes.
    ///
    /// # Errors
    /// There is no such machine.
    pub fn guest_writes(&self, name: &str, bytes: &[u8]) -> Result<(), VirtError> {
        if let Some(output) = self.world().machine(name)?.console.sender() {
            // A client that does not read loses output, as on a real serial line.
            let _ = output.try_send(bytes.to_vec());
        }
        Ok(())
    }

    /// One more network.
    pub fn add_network(&self, name: &NetworkName) {
        self.world().add_network(name);
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A test that panicked while it held the lock has failed already; what is in the world is still whole.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call of `method`: all of them ask here first.
    fn call(&self, method: &'static str) -> Result<MutexGuard<'_, World>, VirtError> {
        let mut world = self.world();
        if let Some(at) = world
            .failures
            .iter()
            .position(|(on, _)| on.is_none_or(|on| on == method))
        {
            return Err(world.failures.remove(at).1);
        }
        match &world.unavailable {
            Some(problem) => Err(VirtError::Unavailable {
                problem: problem.clone(),
            }),
            None => Ok(world),
        }
    }

    fn changed(&self, name: &str, change: VmChange) {
        self.send(VirtEvent::Vm {
            name: name.to_owned(),
            change,
        });
    }

    fn send(&self, event: VirtEvent) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }
}
