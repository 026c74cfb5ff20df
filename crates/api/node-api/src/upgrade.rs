//! The two slots of an installed node, and what moves it from one to the other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::DiskMatch;

/// One of the two places for a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SlotName {
    A,
    B,
    #[serde(other)]
    Unknown,
}

impl std::fmt::Display for SlotName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::A => "a",
            Self::B => "b",
            Self::Unknown => "?",
        })
    }
}

/// Answer of `GET /v1/slots`. Without slots on a node that is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct SlotList {
    #[serde(default)]
    pub slots: Vec<Slot>,
    /// The last version that did not become healthy, until another one does.
    #[serde(default)]
    pub last_failed: Option<FailedVersion>,
    /// What is wrong with the records that the boot loaders go by, one sentence each; empty where all is well.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// A slot and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slot {
    pub name: SlotName,
    pub state: SlotState,
    /// Null when the slot is empty or cannot be read.
    #[serde(default)]
    pub version: Option<String>,
    /// The system that runs now was started from it.
    pub running: bool,
    /// Of a trial: how often it may still be started before the good slot is started again.
    #[serde(default)]
    pub tries_left: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SlotState {
    /// Was healthy last; it is never written.
    Good,
    /// Will be started next, or is being tried now.
    Trial,
    /// Holds the system before this one, to which a rollback goes.
    Spare,
    /// Its version did not become healthy here, and is not started any more.
    Failed,
    /// Nothing that can be started.
    Empty,
    #[serde(other)]
    Unknown,
}

/// A version that did not become healthy here. It is not tried again unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedVersion {
    pub version: String,
    /// One sentence.
    pub reason: String,
}

/// Body of `POST /v1/upgrade`. Exactly one of `url` and `medium` is given.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://images.example.net/corbel-0.2.0.iso", "reboot": true}))]
pub struct UpgradeRequest {
    /// Where the node fetches an ISO from: `http://` or `https://`. What is fetched must be signed either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// From the medium that this system runs from, to the system on a disk of this machine.
    #[serde(default)]
    pub medium: bool,
    /// From a medium: the disk with the system. Without it there must be exactly one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<DiskMatch>,
    /// From a medium: the password of `admin` of the installed system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password, write_only)]
    pub current_password: Option<String>,
    /// Take a version that is older than the present one.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Take a version that failed here before, or that is the present one.
    #[serde(default)]
    pub force: bool,
    /// Reboot into it when it is written.
    #[serde(default)]
    pub reboot: bool,
    /// Reboot without going through firmware, where that is safe.
    #[serde(default)]
    pub fast: bool,
}

impl std::fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A URL may carry credentials, and passwords must not come into a log.
        f.debug_struct("UpgradeRequest")
            .field("medium", &self.medium)
            .field("flags", &self.flags())
            .finish_non_exhaustive()
    }
}

impl UpgradeRequest {
    /// What `PUT /v1/upgrade` takes as its query.
    pub fn flags(&self) -> UpgradeFlags {
        UpgradeFlags {
            allow_downgrade: self.allow_downgrade,
            force: self.force,
            reboot: self.reboot,
            fast: self.fast,
        }
    }
}

/// Query of `PUT /v1/upgrade`; the meanings are those of [`UpgradeRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpgradeFlags {
    pub allow_downgrade: bool,
    pub force: bool,
    pub reboot: bool,
    pub fast: bool,
}

impl UpgradeFlags {
    /// Names and values, as the query spells them.
    pub fn pairs(self) -> [(&'static str, bool); 4] {
        [
            ("allow_downgrade", self.allow_downgrade),
            ("force", self.force),
            ("reboot", self.reboot),
            ("fast", self.fast),
        ]
    }

    /// Sets one by its name; `false` when there is none of that name.
    pub fn set(&mut self, name: &str, value: bool) -> bool {
        match name {
            "allow_downgrade" => self.allow_downgrade = value,
            "force" => self.force = value,
            "reboot" => self.reboot = value,
            "fast" => self.fast = value,
            _ => return false,
        }
        true
    }
}

/// Body of `POST /v1/rollback`: the other slot is started next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reboot": false}))]
pub struct RollbackRequest {
    /// Reboot into it at once.
    #[serde(default)]
    pub reboot: bool,
    /// Reboot without going through firmware, where that is safe.
    #[serde(default)]
    pub fast: bool,
}

/// Body of `POST /v1/reboot`. Running machines are shut down or saved first, as each one's `on_reboot` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fast": false}))]
pub struct RebootRequest {
    /// Start the kernel from here (kexec) instead of going through firmware, where that is safe.
    #[serde(default)]
    pub fast: bool,
    /// Seconds that machines have to shut down before their power is taken away; 120 by default, at most 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 3600)]
    pub deadline_seconds: Option<u32>,
}

/// Body of `POST /v1/poweroff`. Running machines are shut down or saved first, as each one's `on_reboot` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct PoweroffRequest {
    /// Seconds that machines have to shut down before their power is taken away; 120 by default, at most 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 3600)]
    pub deadline_seconds: Option<u32>,
}
