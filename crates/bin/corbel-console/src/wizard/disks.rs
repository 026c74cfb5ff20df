//! Which disks a page lists and what may be done with each.

use corbel_node_api::{Disk, DiskTarget};

use super::{Page, Task, Wizard};

/// Whether a disk can be chosen on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Use {
    Free,
    /// It belongs to other storage: chosen only by saying so twice.
    Belongs(String),
    /// With the reason.
    Refused(String),
}

/// The disks that carry a Corbel, the medium aside.
pub(crate) fn installed(disks: &[Disk]) -> impl Iterator<Item = &Disk> {
    disks
        .iter()
        .filter(|disk| disk.installed.is_some() && !disk.live_medium)
}

/// What may be done with a disk on the present page.
pub(crate) fn use_of(wizard: &Wizard, disk: &Disk) -> Use {
    if wizard.page == Page::System {
        return Use::Free;
    }
    if wizard.page == Page::Data && wizard.boot.as_deref() == Some(&disk.path) {
        return Use::Refused("it is the boot device".to_owned());
    }
    if wizard.page == Page::Data && disk.installed.is_some() {
        return Use::Refused("it carries a Corbel system: uninstall that first".to_owned());
    }
    if wizard.page == Page::Boot
        && wizard.task == Task::Reinstall
        && let Some(system) = wizard.system().filter(|system| system.path != disk.path)
    {
        return Use::Refused(format!("the system that is made anew is on {}", system.path));
    }
    let (target, reason) = match wizard.page {
        Page::Data => (disk.data_target, &disk.data_reason),
        _ => (disk.target, &disk.reason),
    };
    let reason = |otherwise: &str| reason.clone().unwrap_or_else(|| otherwise.to_owned());
    match target {
        DiskTarget::Usable => Use::Free,
        DiskTarget::WhenNamed => Use::Belongs(reason("it belongs to other storage")),
        DiskTarget::Refused if wizard.wipe_fakeraid && is_fakeraid(disk) => Use::Belongs(reason("it has fake-RAID")),
        DiskTarget::Refused | DiskTarget::Unknown => Use::Refused(reason("the node refuses it")),
    }
}

/// The node names the field of the request that permits what it refuses.
pub(super) fn is_fakeraid(disk: &Disk) -> bool {
    disk.reason
        .as_ref()
        .is_some_and(|reason| reason.contains("wipe_fakeraid"))
}

impl Wizard {
    /// The disks that the present page lists.
    pub(crate) fn rows(&self) -> Vec<&Disk> {
        let disks = self.disks.as_deref().unwrap_or_default();
        match self.page {
            Page::System => installed(disks).collect(),
            Page::Boot | Page::Data => disks.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the page asks if fake-RAID may be erased.
    pub(crate) fn asks_fakeraid(&self) -> bool {
        self.raid_found || self.disks.iter().flatten().any(is_fakeraid)
    }

    /// The row that a page begins at: what was chosen before, else the first that can be.
    pub(super) fn first_row(&self) -> usize {
        if self.page == Page::Keyboard {
            return self.layout_row();
        }
        let rows = self.rows();
        let chosen = match (self.page, &self.boot) {
            (Page::Boot, Some(path)) => rows.iter().position(|disk| disk.path == *path),
            _ => None,
        };
        let free = || rows.iter().position(|disk| use_of(self, disk) == Use::Free);
        chosen.or_else(free).unwrap_or(0)
    }

    /// Takes the disk under the cursor. `false` when it cannot be, and then the page says why.
    pub(super) fn take_row(&mut self) -> bool {
        let Some(disk) = self.rows().get(self.row).map(|disk| (*disk).clone()) else {
            self.error = Some("There is no disk: attach one and press r".to_owned());
            return false;
        };
        match use_of(self, &disk) {
            Use::Free => {}
            Use::Belongs(_) if self.taken.contains(&disk.path) => {}
            Use::Belongs(reason) => {
                let path = &disk.path;
                self.error = Some(format!("{path}: {reason}. The same key again takes it all the same."));
                self.taken.push(disk.path);
                return false;
            }
            Use::Refused(reason) => {
                self.error = Some(format!("{} cannot be used: {reason}", disk.path));
                return false;
            }
        }
        self.error = None;
        match self.page {
            Page::Boot => {
                self.data.retain(|path| *path != disk.path);
                self.boot = Some(disk.path);
            }
            Page::Data if self.data.contains(&disk.path) => self.data.retain(|path| *path != disk.path),
            Page::Data => self.data.push(disk.path),
            Page::System => self.system = Some(disk.path),
            _ => {}
        }
        true
    }

    /// Choices of disks that are gone are gone too.
    pub(super) fn forget_gone(&mut self) {
        let disks = self.disks.as_deref().unwrap_or_default();
        let there = |path: &String| disks.iter().any(|disk| disk.path == *path);
        self.data.retain(there);
        self.taken.retain(there);
        self.boot = self.boot.take().filter(there);
        self.system = self.system.take().filter(there);
    }

    /// Whether a chosen disk has VM storage of Corbel that could stay.
    pub(crate) fn has_storage(&self) -> bool {
        let disks = self.disks.as_deref().unwrap_or_default();
        let chosen = |disk: &&Disk| match self.task {
            Task::Uninstall => self.system().is_some_and(|system| system.path == disk.path),
            _ => self.boot.as_ref() == Some(&disk.path) || self.data.contains(&disk.path),
        };
        let mut chosen = disks.iter().filter(chosen);
        chosen.any(|disk| disk.installed.as_ref().is_some_and(|system| system.vm_storage))
    }
}
