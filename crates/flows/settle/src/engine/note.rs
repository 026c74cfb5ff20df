//! The note of a change that is being done or waits to be confirmed, which outlives the daemon and not the boot.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use corbel_model::secret::Secrets;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Engine};
use crate::facilities::chain;
use crate::store::{Origin, unexposed};

/// What is done or waits, for root alone; gone with the boot.
pub(super) const NOTE: &str = "/run/corbel/config-pending.json";

/// The note of what is done or waits.
#[derive(Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) text: String,
    pub(super) password: Option<String>,
    #[serde(default)]
    pub(super) collectd_password: Option<String>,
    #[serde(default)]
    pub(super) iscsi_passwords: BTreeMap<String, String>,
    pub(super) dump_key: Option<String>,
    pub(super) tls_key: Option<String>,
    #[serde(default)]
    pub(super) user_passwords: BTreeMap<String, String>,
    pub(super) origin: Origin,
    /// Seconds of uptime; 0 while it is being done.
    pub(super) until: u64,
    pub(super) seconds: u64,
}

impl Note {
    pub(super) fn secrets(&self) -> Secrets {
        Secrets {
            admin_password: self.password.as_deref().and_then(|hash| hash.parse().ok()),
            collectd_password: self.collectd_password.as_deref().and_then(|text| text.parse().ok()),
            iscsi_passwords: unexposed(&self.iscsi_passwords),
            dump_key: self.dump_key.as_deref().and_then(|text| text.parse().ok()),
            tls_key: self.tls_key.as_deref().and_then(|text| text.parse().ok()),
            user_passwords: unexposed(&self.user_passwords),
        }
    }
}

impl Engine {
    pub(super) fn note(&self) -> Option<Note> {
        let bytes = self.node.read(NOTE).ok()??;
        // One that cannot be read says that something was begun, and what is saved is what counts.
        Some(serde_json::from_slice(&bytes).unwrap_or(Note {
            text: String::new(),
            password: None,
            collectd_password: None,
            iscsi_passwords: BTreeMap::new(),
            dump_key: None,
            tls_key: None,
            user_passwords: BTreeMap::new(),
            origin: Origin::default(),
            until: 0,
            seconds: 0,
        }))
    }

    pub(super) fn write_note(&self, note: &Note) -> Result<(), ConfigError> {
        self.busy.store(true, Ordering::Relaxed);
        let bytes = serde_json::to_vec(note).map_err(|error| ConfigError::Facility(error.into()))?;
        self.node.write(NOTE, &bytes, 0o600).map_err(ConfigError::Facility)
    }

    pub(super) fn forget_note(&self) {
        self.busy.store(false, Ordering::Relaxed);
        if let Err(error) = self.node.remove(NOTE) {
            // The next apply says that something waits, and `undo` is the way out.
            tracing::warn!(error = chain(&error), "the note of a change stays");
        }
    }
}
