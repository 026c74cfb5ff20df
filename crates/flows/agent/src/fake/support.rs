//! Bundles of the fake machine: its parts are files of a folder, where it was given one, and else a line each.

use std::path::PathBuf;

use corbel_model::ByteSize;
use corbel_plan::security::{Facts, Lockdown};
use corbel_plan::support::{KEPT, Origin, end_of};
use corbel_progress::Sink;
use corbel_sys::Cancel;

use super::system::FakeSystem;
use super::world::refused;
use crate::support::{Bundle, Destination, Piece, Removable, SupportSystem};
use crate::system::SystemError;

/// UEFI with Secure Boot off, and a TPM.
pub(super) fn protection() -> Facts {
    Facts {
        secure_boot: Some(false),
        setup_mode: Some(false),
        tpm: Some(2),
        lockdown: Some(Lockdown::None),
        ..Facts::default()
    }
}

fn missing(name: &str) -> SystemError {
    SystemError::NotFound(format!("the bundle {name} does not exist"))
}

impl FakeSystem {
    /// Parts of bundles come from here: files and folders below it, and what programs print from `programs/` and their words with `_` between.
    pub fn set_root(&self, root: PathBuf, secrets: Vec<String>) {
        let mut world = self.world();
        (world.root, world.secrets) = (Some(root), secrets);
    }

    /// A bundle that lies on the node already.
    pub fn put_bundle(&self, name: &str, bytes: &[u8]) {
        self.world().bundles.insert(name.to_owned(), bytes.to_vec());
    }

    /// What firmware, TPM and kernel show.
    pub fn set_protection(&self, facts: Facts) {
        self.world().protection = facts;
    }

    /// Bundles that went to disks and URLs.
    pub fn delivered(&self) -> Vec<(Destination, Vec<u8>)> {
        self.world().delivered.clone()
    }

    fn file(&self, path: &str, limit: u64) -> Result<Piece, SystemError> {
        let Some(root) = self.world().root.clone() else {
            return Ok(Piece {
                name: String::new(),
                bytes: format!("{path} of a machine that is simulated\n").into_bytes(),
                shortened: false,
            });
        };
        let bytes = std::fs::read(root.join(path.trim_start_matches('/')));
        let bytes = bytes.map_err(|error| refused(format!("{path} cannot be read: {error}")))?;
        let (end, shortened) = end_of(&bytes, limit);
        Ok(Piece {
            name: String::new(),
            bytes: end.to_vec(),
            shortened,
        })
    }
}

impl SupportSystem for FakeSystem {
    fn part(&self, origin: Origin, limit: u64, cancel: &Cancel) -> Result<Vec<Piece>, SystemError> {
        if cancel.is_cancelled() {
            return Err(SystemError::Cancelled);
        }
        match origin {
            Origin::File(path) => Ok(vec![self.file(path, limit)?]),
            Origin::Program(argv) => Ok(vec![self.file(&format!("programs/{}", argv.join("_")), limit)?]),
            Origin::Folder(path, ending) => {
                let Some(root) = self.world().root.clone() else {
                    return Ok(vec![]);
                };
                let entries = std::fs::read_dir(root.join(path.trim_start_matches('/')));
                let entries = entries.map_err(|error| refused(format!("{path} cannot be read: {error}")))?;
                let mut names: Vec<String> = entries
                    .flatten()
                    .filter_map(|entry| entry.file_name().into_string().ok())
                    .filter(|name| name.ends_with(ending))
                    .collect();
                names.sort();
                let piece = |name: String| {
                    let piece = self.file(&format!("{path}/{name}"), limit)?;
                    Ok(Piece { name, ..piece })
                };
                names.into_iter().map(piece).collect()
            }
        }
    }

    fn secrets(&self) -> Vec<String> {
        self.world().secrets.clone()
    }

    fn removables(&self) -> Result<Vec<Removable>, SystemError> {
        Ok(vec![Removable {
            device: "/dev/sde1".to_owned(),
            file_system: "vfat".to_owned(),
            label: Some("STICK".to_owned()),
            model: Some("FAKE STICK".to_owned()),
            size: ByteSize::gib(8),
        }])
    }

    fn bundles(&self) -> Result<Vec<Bundle>, SystemError> {
        let bundle = |(name, bytes): (&String, &Vec<u8>)| Bundle {
            name: name.clone(),
            size: ByteSize(bytes.len() as u64),
        };
        Ok(self.world().bundles.iter().map(bundle).collect())
    }

    fn read_bundle(&self, name: &str) -> Result<Vec<u8>, SystemError> {
        self.world().bundles.get(name).cloned().ok_or_else(|| missing(name))
    }

    fn remove_bundle(&self, name: &str) -> Result<(), SystemError> {
        self.world().bundles.remove(name).map(drop).ok_or_else(|| missing(name))
    }

    fn check_destination(&self, to: &Destination) -> Result<(), SystemError> {
        match to {
            Destination::Disk(device) if device != "/dev/sde1" => Err(SystemError::NotFound(format!(
                "{device} does not exist as a file system of a removable disk"
            ))),
            _ => Ok(()),
        }
    }

    fn deliver(
        &self,
        name: &str,
        bytes: &[u8],
        to: &Destination,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError> {
        self.write("deliver", "Write the bundle", sink, cancel)?;
        let mut world = self.world();
        match to {
            Destination::Node => {
                world.bundles.insert(name.to_owned(), bytes.to_vec());
                while world.bundles.len() > KEPT {
                    world.bundles.pop_first();
                }
                Ok("/data/support of this node".to_owned())
            }
            Destination::Disk(device) => {
                world.delivered.push((to.clone(), bytes.to_vec()));
                Ok(format!("{device} (STICK)"))
            }
            Destination::Url(_) => {
                world.delivered.push((to.clone(), bytes.to_vec()));
                Ok("the server's hands".to_owned())
            }
        }
    }

    fn protection(&self) -> Facts {
        self.world().protection.clone()
    }
}
