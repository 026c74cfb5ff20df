//! What the fake machine consists of, and its decisions about disks and slots.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corbel_model::ByteSize;
use corbel_model::install::{Identity, InstallRequest, Mode};
use corbel_plan::security::Facts;

use crate::support::Destination;
use crate::system::{
    Disk, InstalledSystem, Persisted, PersistedState, Plan, Restart, Secret, SlotInfo, Slots, SystemError, Target,
};

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) disks: Vec<Disk>,
    pub(super) slots: Slots,
    pub(super) version: String,
    pub(super) document: Option<String>,
    pub(super) installed_document: Option<String>,
    pub(super) persisted: Vec<Persisted>,
    pub(super) keyboard: Option<corbel_model::Keymap>,
    pub(super) fails: Option<String>,
    pub(super) held: bool,
    pub(super) restarts: Vec<Restart>,
    pub(super) saved: Vec<String>,
    pub(super) ran: Vec<String>,
    pub(super) never_fast: Option<String>,
    pub(super) password: Option<Secret>,
    /// The folder that stands for the machine in support bundles.
    pub(super) root: Option<PathBuf>,
    pub(super) secrets: Vec<String>,
    /// By name, and so by age.
    pub(super) bundles: BTreeMap<String, Vec<u8>>,
    pub(super) delivered: Vec<(Destination, Vec<u8>)>,
    pub(super) protection: Facts,
}

pub(super) fn refused(sentence: impl Into<String>) -> SystemError {
    SystemError::Refused(sentence.into())
}

impl World {
    fn keeps(&self) -> Result<(), SystemError> {
        if self.slots.slots.is_empty() {
            let sentence = "this node runs without an installed disk, so nothing can be kept";
            return Err(refused(sentence));
        }
        Ok(())
    }

    /// The rules of paths are the real one's.
    pub(super) fn persist(&mut self, path: &str) -> Result<Persisted, SystemError> {
        self.keeps()?;
        if !path.starts_with("/etc/") {
            return Err(SystemError::Invalid {
                field: "path".to_owned(),
                problem: format!("{path} is part of the image, which is read-only"),
            });
        }
        let kept = Persisted {
            path: path.to_owned(),
            state: PersistedState::Kept,
            size: ByteSize(5),
            files: 1,
            image_changed: false,
        };
        self.persisted.retain(|other| other.path != path);
        self.persisted.push(kept.clone());
        self.persisted.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(kept)
    }

    pub(super) fn unpersist(&mut self, path: &str) -> Result<(), SystemError> {
        self.keeps()?;
        let before = self.persisted.len();
        self.persisted.retain(|kept| kept.path != path);
        if self.persisted.len() == before {
            return Err(SystemError::NotFound(format!("{path} is not persisted")));
        }
        Ok(())
    }

    pub(super) fn install(&mut self, path: &str) {
        for disk in self.disks.iter_mut().filter(|disk| disk.path == path) {
            disk.contents = format!("Corbel {} and its VM storage.", self.version);
            disk.installed = Some(InstalledSystem {
                version: Some(self.version.clone()),
                trial: None,
                vm_storage: true,
                admin_password_set: true,
            });
        }
    }

    pub(super) fn chosen(&self, request: &InstallRequest) -> Result<&Disk, SystemError> {
        let invalid = |problem: String| SystemError::Invalid {
            field: "boot".to_owned(),
            problem,
        };
        let outright = request.boot.names_outright();
        let mut fits = self.disks.iter().filter(|disk| {
            request.boot.matches(&Identity {
                paths: std::slice::from_ref(&disk.path),
                bus: disk.bus.as_deref().and_then(|bus| bus.parse().ok()),
                serials: disk.serial.as_slice(),
                wwn: disk.wwn.as_deref(),
                model: disk.model.as_deref(),
                bytes: disk.size.bytes(),
            })
        });
        let found = if outright {
            fits.next()
        } else {
            fits.find(|disk| disk.target == Target::Usable)
        };
        let disk = found.ok_or_else(|| invalid(format!("{} is not there, or cannot be used", request.boot)))?;
        match &disk.target {
            Target::Refused(reason) => Err(invalid(format!("{} cannot be used: {reason}", disk.path))),
            _ if disk.installed.is_some() && request.mode == Mode::Install => Err(refused(format!(
                "{} carries Corbel already: upgrade it, or reinstall it",
                disk.path
            ))),
            _ => Ok(disk),
        }
    }

    pub(super) fn plan(&self, request: &InstallRequest) -> Result<(String, Plan), SystemError> {
        let disk = self.chosen(request)?;
        let erases = match (&disk.installed, disk.contents.as_str()) {
            (Some(_), _) if request.keep_data => vec![format!("the configuration of the node on {}", disk.path)],
            (Some(_), _) => [
                storage(true, &disk.path),
                vec![format!("the configuration of the node on {}", disk.path)],
            ]
            .concat(),
            (None, "It is empty.") => vec![],
            (None, contents) => vec![format!("everything on {}: {contents}", disk.path)],
        };
        let steps = [
            "partition",
            "format",
            "write the system to slot a",
            "write the boot loaders",
        ];
        let plan = Plan {
            erases,
            keeps: storage(request.keep_data && disk.installed.is_some(), &disk.path),
            steps: steps.iter().map(|step| format!("{}: {step}", disk.path)).collect(),
            warnings: vec![],
        };
        Ok((disk.path.clone(), plan))
    }

    pub(super) fn spare(&mut self) -> Result<&mut SlotInfo, SystemError> {
        self.slots
            .slots
            .iter_mut()
            .find(|slot| !slot.running)
            .ok_or_else(|| refused("this node is not installed: there is no slot for another version"))
    }
}

/// The sentence of a plan on the VM storage of a disk, where it `is` so.
pub(super) fn storage(is: bool, path: &str) -> Vec<String> {
    is.then(|| format!("the VM storage on {path}")).into_iter().collect()
}
