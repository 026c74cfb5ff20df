//! The words about disks: what shall be done with them, which of them, and what happens afterwards.
//!
//! A word here that cannot be read is an error besides a warning: what erases a disk is never done on a guess.

use super::read::flag;
use crate::install::{Action, FieldError, SizeRequest, StorageInit, parse_storage_init, parse_storage_vol};

/// An hour: whoever waits longer for a reboot does not want one.
const MOST_DELAY: u32 = 3600;

/// What was said. Each flag is `None` when its word was absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstallWords {
    pub install: Option<bool>,
    /// `upgrade`, `ovirt_upgrade`, `local_boot`, `ovirt_local_boot`.
    pub upgrade: Option<bool>,
    /// `reinstall`, `firstboot`, `ovirt_firstboot`.
    pub reinstall: Option<bool>,
    pub uninstall: Option<bool>,
    /// `storage_init`, `ovirt_init`; `Some` also when the value is empty.
    pub storage_init: Option<StorageInit>,
    /// `storage_vol`, `ovirt_vol`.
    pub storage_vol: Option<SizeRequest>,
    pub wipe_fakeraid: Option<bool>,
    /// `corbel.keep_data`: whether VM storage of Corbel stays. Without the word it does.
    pub keep_data: Option<bool>,
    /// Seconds between the end of an unattended installation and the reboot.
    pub reboot_delay: Option<u32>,
    /// A URL that is asked when an unattended installation is done; `@HOSTNAME@` in it stands for the host name.
    pub local_boot_trigger: Option<String>,
    /// Words of these that could not be read, in their order.
    pub errors: Vec<FieldError>,
}

impl InstallWords {
    /// What shall be done with the disks. The one that leaves least behind wins, as in the ancestor.
    pub fn action(&self) -> Option<Action> {
        let said = [
            (self.uninstall, Action::Uninstall),
            (self.reinstall, Action::Reinstall),
            (self.upgrade, Action::Upgrade),
            (self.install, Action::Install),
        ];
        said.into_iter()
            .find(|(flag, _)| *flag == Some(true))
            .map(|(_, action)| action)
    }

    /// Whether the name (with `-` as `_`) is one of these words; then it is noted.
    pub(super) fn word(&mut self, name: &str, given: Option<&str>) -> Result<bool, String> {
        match self.read(name, given) {
            Ok(known) => Ok(known),
            Err(error) => {
                let problem = error.problem.clone();
                self.errors.push(error);
                Err(problem)
            }
        }
    }

    fn read(&mut self, name: &str, given: Option<&str>) -> Result<bool, FieldError> {
        let value = given.unwrap_or_default();
        let error = |problem: String| FieldError::new(name, problem);
        let switch = || flag(given).map(Some).map_err(error);
        match name {
            "install" => self.install = switch()?,
            // local_boot=… may say anything but no.
            "upgrade" | "ovirt_upgrade" | "local_boot" | "ovirt_local_boot" => {
                self.upgrade = Some(flag(given) != Ok(false));
            }
            "reinstall" | "firstboot" | "ovirt_firstboot" => self.reinstall = switch()?,
            "uninstall" => self.uninstall = switch()?,
            "storage_init" | "ovirt_init" => self.storage_init = Some(parse_storage_init(value)?),
            "storage_vol" | "ovirt_vol" => self.storage_vol = Some(parse_storage_vol(value)?),
            "wipe_fakeraid" => self.wipe_fakeraid = switch()?,
            "corbel.keep_data" => self.keep_data = switch()?,
            "reboot_delay" => {
                let seconds = value.parse().ok().filter(|seconds| *seconds <= MOST_DELAY);
                let problem = || error(format!("give seconds, at most {MOST_DELAY}"));
                self.reboot_delay = Some(seconds.ok_or_else(problem)?);
            }
            "local_boot_trigger" => {
                let is_url = value.starts_with("http://") || value.starts_with("https://");
                if !is_url || value.chars().any(|c| c.is_control() || c.is_whitespace()) {
                    return Err(error("give a URL that begins with http:// or https://".into()));
                }
                self.local_boot_trigger = Some(value.to_owned());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
