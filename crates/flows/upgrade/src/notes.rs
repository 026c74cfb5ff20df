//! What the configuration partition remembers of versions: the trial that is under way, those that failed, and the one whose first
//! boot was told to the owner's hooks.

use std::path::Path;

use corbel_layout::slot::Slot;
use corbel_plan::slots::TrialNote;
use corbel_sys::ledger::{Ledger, LedgerError};
use serde::{Deserialize, Serialize};

/// A trial that was armed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    pub slot: Slot,
    pub version: String,
    /// Its system came as far as writing here.
    #[serde(default)]
    pub started: bool,
    /// Why it was not healthy in time, once it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Trial {
    /// What decisions need of it.
    pub fn note(&self) -> TrialNote {
        TrialNote {
            slot: self.slot,
            started: self.started,
        }
    }
}

/// A version that failed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub version: String,
    pub reason: String,
    /// Seconds since 1970 when it was noted.
    pub at: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct FailedList {
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hooked {
    version: String,
}

/// The ledgers below `boot` of the configuration's folder: `trial`, `failed` and `hooked`.
#[derive(Debug, Clone)]
pub struct Notes {
    trial: Ledger,
    failed: Ledger,
    hooked: Ledger,
}

impl Notes {
    /// Usually of `/config`.
    pub fn new(config: &Path) -> Self {
        let folder = config.join("boot");
        Self {
            trial: Ledger::new(&folder, "trial", "toml"),
            failed: Ledger::new(&folder, "failed", "toml"),
            hooked: Ledger::new(&folder, "hooked", "toml"),
        }
    }

    /// The trial under way. A note that cannot be understood is none: it must not keep a node from judging its slots.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn trial(&self) -> Result<Option<Trial>, LedgerError> {
        Ok(text(&self.trial)?.and_then(|text| toml::from_str(&text).ok()))
    }

    /// Replaces the note of the trial.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save_trial(&self, trial: &Trial) -> Result<(), LedgerError> {
        self.trial.save(&toml::to_string(trial).unwrap_or_default()).map(|_| ())
    }

    /// Removes the note of the trial.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn forget_trial(&self) -> Result<(), LedgerError> {
        self.trial.remove()
    }

    /// Versions that failed, the latest last.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn failed(&self) -> Result<Vec<Failed>, LedgerError> {
        let list: Option<FailedList> = text(&self.failed)?.and_then(|text| toml::from_str(&text).ok());
        Ok(list.unwrap_or_default().failed)
    }

    /// Remembers a failure, in place of an earlier one of the same version.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn add_failed(&self, failure: Failed) -> Result<(), LedgerError> {
        let mut failed = self.failed()?;
        failed.retain(|other| other.version != failure.version);
        failed.push(failure);
        self.save_failed(failed)
    }

    /// A version that became healthy has not failed.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn clear_failed(&self, version: &str) -> Result<(), LedgerError> {
        let mut failed = self.failed()?;
        let before = failed.len();
        failed.retain(|other| other.version != version);
        if failed.len() == before {
            return Ok(());
        }
        self.save_failed(failed)
    }

    /// The version for which the hooks of [`crate::Hook::OnChangedImage`] ran last; `None` when they never did.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn hooked(&self) -> Result<Option<String>, LedgerError> {
        let noted: Option<Hooked> = text(&self.hooked)?.and_then(|text| toml::from_str(&text).ok());
        Ok(noted.map(|noted| noted.version))
    }

    /// Remembers that they ran for this version.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save_hooked(&self, version: &str) -> Result<(), LedgerError> {
        let version = version.to_owned();
        let text = toml::to_string(&Hooked { version }).unwrap_or_default();
        self.hooked.save(&text).map(|_| ())
    }

    fn save_failed(&self, failed: Vec<Failed>) -> Result<(), LedgerError> {
        let text = toml::to_string(&FailedList { failed }).unwrap_or_default();
        self.failed.save(&text).map(|_| ())
    }
}

/// Both copies damaged is as if there were none: the loaders' records say what is true.
fn text(ledger: &Ledger) -> Result<Option<String>, LedgerError> {
    match ledger.load() {
        Ok(version) => Ok(version.map(|version| version.text)),
        Err(LedgerError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
