//! What an owner asks of the installer: which disks, which sizes, what is kept. The same values come from the wizard, from kernel
//! words, from the `[install]` table of a document, and from the API; what they mean on a given machine is for `corbel-plan`.

mod answers;
mod device;
mod storage_init;
mod storage_vol;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use answers::InstallAnswers;
pub(crate) use answers::InstallTable;
pub use device::{Bus, DeviceMatch, Identity, Pattern};
pub use storage_init::{StorageInit, parse_device, parse_storage_init};
pub use storage_vol::parse_storage_vol;

use crate::ByteSize;
use crate::words::Words;

/// Something in a request that is wrong: which field, and what would be right. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// The word or key, such as `storage_init` or `install.sizes.root`.
    pub field: String,
    pub problem: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self {
            field: field.into(),
            problem: problem.to_string(),
        }
    }
}

/// Whether the disk may carry a Corbel system already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A disk that carries one is refused.
    #[default]
    Install,
    /// Its configuration is lost and the system made anew.
    Reinstall,
}

/// How much the data partition gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataRequest {
    Rest,
    None,
    Size(ByteSize),
}

/// Sizes that somebody named; what is `None` gets Corbel's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SizeRequest {
    pub esp: Option<ByteSize>,
    /// Of each of the two slots.
    pub root: Option<ByteSize>,
    pub config: Option<ByteSize>,
    pub log: Option<ByteSize>,
    /// 0 for none.
    pub swap: Option<ByteSize>,
    pub data: Option<DataRequest>,
    /// Sizes that were named for the ancestor's smaller system: what is less than Corbel needs is raised, not refused.
    pub raise: bool,
}

/// What shall be installed where.
#[derive(Clone, PartialEq, Eq)]
pub struct InstallRequest {
    pub mode: Mode,
    /// The disk that the node boots from.
    pub boot: DeviceMatch,
    /// Disks that carry nothing but data, mounted at /data2, /data3 and so on in this order.
    pub data: Vec<DeviceMatch>,
    pub sizes: SizeRequest,
    /// Data partitions of Corbel that are found on these disks stay as they are.
    pub keep_data: bool,
    /// Permits to erase what a RAID firmware has written on the disks.
    pub wipe_fakeraid: bool,
    /// More kernel words for the installed system, such as `console=ttyS0`.
    pub words: Vec<String>,
    /// The node's document (as the seed's `corbel.toml`), for /config.
    pub document: Option<String>,
}

impl Default for InstallRequest {
    /// The first disk that can be used, Corbel's own sizes, data kept.
    fn default() -> Self {
        Self {
            mode: Mode::Install,
            boot: DeviceMatch::default(),
            data: Vec::new(),
            sizes: SizeRequest::default(),
            keep_data: true,
            wipe_fakeraid: false,
            words: Vec::new(),
            document: None,
        }
    }
}

impl fmt::Debug for InstallRequest {
    /// The document holds password hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstallRequest")
            .field("mode", &self.mode)
            .field("boot", &self.boot)
            .field("data", &self.data)
            .field("sizes", &self.sizes)
            .field("keep_data", &self.keep_data)
            .field("wipe_fakeraid", &self.wipe_fakeraid)
            .field("words", &self.words)
            .field("document", &self.document.is_some())
            .finish()
    }
}

/// What shall be removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UninstallRequest {
    /// The disk that carries the system; without one it must be the only such disk of the machine.
    pub boot: Option<DeviceMatch>,
    /// VM storage goes too: that on the boot disk and on the data disks that were made for it.
    pub wipe_data: bool,
    /// Further disks that carry nothing but a node's data, and go with it.
    pub data: Vec<DeviceMatch>,
}

/// What a boot was asked to do with the disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Install,
    Upgrade,
    Reinstall,
    Uninstall,
}

impl InstallRequest {
    /// The request of an unattended boot: the document's `[install]`, over which kernel words win. `None` when neither names a boot
    /// device, so that somebody has to choose one.
    ///
    /// # Errors
    /// A word about disks that could not be read: nothing may be installed on a guess.
    pub fn unattended(words: &Words, answers: Option<&InstallAnswers>) -> Result<Option<Self>, FieldError> {
        let said = &words.install;
        if let Some(error) = said.errors.first() {
            return Err(error.clone());
        }
        let mut request = match (answers, &said.storage_init) {
            (None, None) => return Ok(None),
            (Some(answers), _) => answers.request.clone(),
            (None, Some(_)) => Self::default(),
        };
        if let Some(storage) = &said.storage_init {
            request.boot = storage.boot.clone();
            request.data = storage.data.clone();
        }
        if let Some(sizes) = said.storage_vol {
            request.sizes = sizes;
        }
        request.wipe_fakeraid = said.wipe_fakeraid.unwrap_or(request.wipe_fakeraid);
        request.keep_data = said.keep_data.unwrap_or(request.keep_data);
        match said.action() {
            Some(Action::Reinstall) => request.mode = Mode::Reinstall,
            Some(Action::Install) => request.mode = Mode::Install,
            _ => {}
        }
        Ok(Some(request))
    }
}

#[cfg(test)]
mod tests;
