//! The node's own disks, slots and power: the real [`System`].

use corbel_agent::{Disk, Permits, Plan, Restart, Slots, Source, Spool, System, SystemError};
use corbel_model::ByteSize;
use corbel_model::install::{InstallRequest, UninstallRequest};
use corbel_progress::Sink;
use corbel_sys::{Cancel, Program};

/// This machine.
#[derive(Debug, Default)]
pub(crate) struct Machine;

fn refused<T>() -> Result<T, SystemError> {
    Err(SystemError::Refused("this node cannot be installed yet".to_owned()))
}

impl System for Machine {
    fn disks(&self) -> Result<Vec<Disk>, SystemError> {
        Ok(vec![])
    }
    fn document(&self) -> Result<Option<String>, SystemError> {
        Ok(None)
    }
    fn plan_install(&self, _: &InstallRequest) -> Result<Plan, SystemError> {
        refused()
    }
    fn install(&self, _: &InstallRequest, _: &dyn Sink, _: &Cancel) -> Result<(), SystemError> {
        refused()
    }
    fn plan_uninstall(&self, _: &UninstallRequest) -> Result<Plan, SystemError> {
        refused()
    }
    fn uninstall(&self, _: &UninstallRequest, _: &dyn Sink, _: &Cancel) -> Result<(), SystemError> {
        refused()
    }
    fn slots(&self) -> Result<Slots, SystemError> {
        Ok(Slots::default())
    }
    fn spool(&self, _: ByteSize) -> Result<Spool, SystemError> {
        refused()
    }
    fn fetch(&self, _: &str, _: &dyn Sink, _: &Cancel) -> Result<Spool, SystemError> {
        refused()
    }
    fn upgrade(&self, _: &Source, _: Permits, _: &dyn Sink, _: &Cancel) -> Result<String, SystemError> {
        refused()
    }
    fn rollback(&self, _: &dyn Sink, _: &Cancel) -> Result<String, SystemError> {
        refused()
    }

    fn restart(&self, how: Restart) -> Result<(), SystemError> {
        let verb = match how {
            Restart::Firmware => "reboot",
            Restart::Fast => "kexec",
            Restart::PowerOff => "poweroff",
        };
        let run = Program::new("systemctl").args(["--no-block", verb]).run(&Cancel::new());
        run.map(drop).map_err(|error| SystemError::Failed {
            operation: format!("systemctl {verb}"),
            problem: error.to_string(),
        })
    }

    fn keep_saved(&self, _: &[String]) -> Result<(), SystemError> {
        Ok(())
    }
    fn take_saved(&self) -> Vec<String> {
        vec![]
    }
}
