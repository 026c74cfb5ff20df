//! How much memory running machines may have together: the bound of `performance.memory_overcommit`, asked before a machine is started.
//!
//! It counts what machines are defined with and not what they use at the moment, because all of them may use all of it one day. Whoever
//! starts machines by libvirt itself, autostart among them, is not asked.

use corbel_model::ByteSize;
use corbel_model::vm::{VmState, VmSummary};
use corbel_virt::VirtError;

use crate::Agent;

/// What may be given to running machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// Of `memory`.
    pub percent: u16,
    /// The node's, without its huge pages.
    pub memory: ByteSize,
}

impl Promise {
    fn limit(self) -> ByteSize {
        let limit = u128::from(self.memory.bytes()) * u128::from(self.percent) / 100;
        ByteSize(u64::try_from(limit).unwrap_or(u64::MAX))
    }

    /// Why a machine must not be started beside those that run, if it must not.
    fn refusal(self, name: &str, all: &[VmSummary]) -> Option<VirtError> {
        let machine = all.iter().find(|vm| vm.name == name)?;
        let running = all.iter().filter(|vm| vm.name != name && vm.state != VmState::Off);
        let taken = running.fold(0_u64, |sum, vm| sum.saturating_add(vm.memory.bytes()));
        let limit = self.limit();
        (taken.saturating_add(machine.memory.bytes()) > limit.bytes()).then(|| VirtError::Conflict {
            kind: "machine",
            name: name.to_owned(),
            problem: format!(
                "has {} of memory, and running machines have {} of the {limit} that performance.memory_overcommit = {} allows: stop one, or change that",
                machine.memory,
                ByteSize(taken),
                self.percent
            ),
        })
    }
}

impl Agent {
    /// Starts a machine, unless the memory of the node is promised to others.
    pub async fn start_vm(&self, name: String) -> Result<(), VirtError> {
        // Two that are started at once must not both see the room that is there for one.
        let _turn = self.starting.lock().await;
        let facilities = std::sync::Arc::clone(&self.facilities);
        let promise = tokio::task::spawn_blocking(move || facilities.promise()).await;
        if let Ok(Some(promise)) = promise
            && let Some(refusal) = promise.refusal(&name, &self.list_vms().await?)
        {
            return Err(refusal);
        }
        self.call(move |h| h.start_vm(&name)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm(name: &str, state: VmState, gib: u64) -> VmSummary {
        VmSummary {
            name: name.to_owned(),
            uuid: String::new(),
            state,
            cpus: 1,
            memory: ByteSize::gib(gib),
            persistent: true,
            autostart: false,
        }
    }

    #[test]
    fn memory_is_promised_up_to_the_limit_and_no_further() {
        let all = [
            vm("a", VmState::Running, 40),
            vm("b", VmState::Off, 24),
            vm("c", VmState::Off, 25),
            vm("d", VmState::Off, 500),
        ];
        let promise = |percent| Promise {
            percent,
            memory: ByteSize::gib(64),
        };
        assert_eq!(promise(100).refusal("b", &all), None);
        let refused = promise(100).refusal("c", &all).expect("too much").to_string();
        assert!(
            refused.starts_with("machine c has 25 GiB of memory, and running machines have 40 GiB of the 64 GiB that"),
            "{refused}"
        );
        assert_eq!(promise(150).refusal("c", &all), None);
        assert_eq!(
            promise(100).refusal("nobody", &all),
            None,
            "libvirt says that there is none"
        );
    }
}
