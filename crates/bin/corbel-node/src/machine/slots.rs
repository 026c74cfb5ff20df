//! The slots of the installed node: what is in them, another version for the spare one, and back.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use corbel_agent::{FailedVersion, Permits, SlotInfo, SlotState, Slots, Source, SystemError};
use corbel_layout::ReadAt;
use corbel_machine::Node;
use corbel_progress::Sink;
use corbel_release::release::Policy;
use corbel_release::version::Version;
use corbel_sys::Cancel;
use corbel_upgrade::{Facilities as _, OpenError, Release, UpgradeError, load_keys};

use super::{Machine, failed, refused, sentence};

pub(super) const KEYS: &str = "/usr/share/corbel/keys";
/// What releases for this node are called and made for.
pub(super) const NAME: &str = "corbel";
pub(super) const ARCHITECTURE: &str = "amd64";

/// A file or a device that is only read.
pub(super) struct ReadOnly(pub(super) File);

impl ReadAt for ReadOnly {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}

impl Machine {
    fn node(&self) -> Result<Option<Node>, SystemError> {
        corbel_machine::open(env!("CARGO_PKG_VERSION")).map_err(|error| failed("finding the installed node", &error))
    }

    fn installed(&self) -> Result<Node, SystemError> {
        let sentence = "this node is not installed: it runs from its medium and has no slot for another version";
        self.node()?.ok_or_else(|| refused(sentence))
    }

    pub(super) fn load_next(&self) -> Result<(), SystemError> {
        let node = self.installed()?;
        corbel_machine::load_next(&node).map_err(|error| failed("loading the next kernel", &error))
    }

    pub(super) fn read_slots(&self) -> Result<Slots, SystemError> {
        let Some(node) = self.node()? else {
            return Ok(Slots::default());
        };
        let status = corbel_upgrade::status(&node.installed).map_err(|error| failed("reading the slots", &error))?;
        let slots = status.slots.into_iter().map(|slot| {
            let (state, tries_left) = match slot.state {
                corbel_upgrade::SlotState::Good => (SlotState::Good, None),
                corbel_upgrade::SlotState::Trial { tries } => (SlotState::Trial, Some(tries)),
                corbel_upgrade::SlotState::Spare => (SlotState::Spare, None),
                // What failed is told apart; nothing will be started from there.
                corbel_upgrade::SlotState::Failed | corbel_upgrade::SlotState::Empty => (SlotState::Empty, None),
            };
            SlotInfo {
                name: slot.slot,
                state,
                version: slot.version,
                running: slot.running,
                tries_left,
            }
        });
        Ok(Slots {
            slots: slots.collect(),
            last_failed: status.failed.into_iter().next_back().map(|failed| FailedVersion {
                version: failed.version,
                reason: failed.reason,
            }),
        })
    }

    pub(super) fn write_upgrade(
        &self,
        source: &Source,
        permits: Permits,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError> {
        let node = self.installed()?;
        let path = match source {
            Source::File(spool) => spool.path(),
            Source::Medium { .. } => {
                let sentence = "an installed node does not look for media: give the image as a file or a URL, or start the \
                                machine from the medium";
                return Err(refused(sentence));
            }
        };
        let release = open_release(&node, path, permits)?;
        let armed = corbel_upgrade::upgrade(&node.installed, &release, sink, cancel).map_err(of_upgrade)?;
        Ok(armed.version.unwrap_or_else(|| release.manifest().version.clone()))
    }

    pub(super) fn arm_other(&self, sink: &dyn Sink, cancel: &Cancel) -> Result<String, SystemError> {
        let node = self.installed()?;
        let armed = corbel_upgrade::rollback(&node.installed, sink, cancel).map_err(of_upgrade)?;
        Ok(armed.version.unwrap_or_else(|| format!("in slot {}", armed.slot)))
    }
}

fn open_release(node: &Node, path: &Path, permits: Permits) -> Result<Release, SystemError> {
    let reading = |error: io::Error| failed("reading the image", &error);
    let keys = load_keys(Path::new(KEYS)).map_err(|error| failed("reading the keys of this image", &error))?;
    let status = corbel_upgrade::status(&node.installed).map_err(|error| failed("reading the slots", &error))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let spare = node.installed.running.slot.other();
    let room = node.installed.slot(spare).and_then(|slot| slot.size());
    let policy = Policy {
        running: node.installed.version.parse::<Version>().ok(),
        slot_bytes: Some(room.map_err(|error| failed("opening the spare slot", &error))?),
        failed: status.failed.into_iter().map(|failed| failed.version).collect(),
        allow_downgrade: permits.downgrade,
        force: permits.force,
        ..Policy::strict(now, NAME, ARCHITECTURE)
    };
    let source = Arc::new(ReadOnly(File::open(path).map_err(reading)?));
    Release::open(source, &keys, &policy).map_err(|error| match error {
        OpenError::File(_) | OpenError::Read { .. } => failed("reading the image", &error),
        error => refused(sentence(&error)),
    })
}

fn of_upgrade(error: UpgradeError) -> SystemError {
    match error {
        UpgradeError::Cancelled => SystemError::Cancelled,
        UpgradeError::Release(_) | UpgradeError::Refused(_) | UpgradeError::TooLarge { .. } | UpgradeError::Hook(_) => {
            refused(sentence(&error))
        }
        error => failed("the change of slots", &error),
    }
}
