//! The note of a change that is being done or waits to be confirmed, which outlives the daemon and not the boot.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use corbel_model::access::PasswordHash;
use corbel_model::secret::{Secret, Secrets};
use serde::{Deserialize, Serialize};

use super::{ConfigError, Engine};
use crate::facilities::chain;
use crate::store::{Origin, exposed, unexposed};

/// What is done or waits, for root alone; gone with the boot.
pub(super) const NOTE: &str = "/run/corbel/config-pending.json";

/// The note of what is done or waits.
#[derive(Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) text: String,
    pub(super) password: Option<String>,
    /// What shadow(5) had for it, where the change sets it.
    #[serde(default)]
    pub(super) password_before: Option<String>,
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
    /// Of a change that is about to be done.
    pub(super) fn new(text: String, secrets: &Secrets, origin: Origin, countdown: Option<Duration>) -> Self {
        let collectd = secrets.collectd_password.as_ref();
        Self {
            text,
            password: secrets.admin_password.as_ref().map(|hash| hash.expose().to_owned()),
            password_before: None,
            collectd_password: collectd.map(|password| password.expose().to_owned()),
            iscsi_passwords: exposed(&secrets.iscsi_passwords, Secret::expose),
            dump_key: secrets.dump_key.as_ref().map(|key| key.expose().to_owned()),
            tls_key: secrets.tls_key.as_ref().map(|key| key.expose().to_owned()),
            user_passwords: exposed(&secrets.user_passwords, PasswordHash::expose),
            origin,
            until: 0,
            seconds: countdown.map_or(0, |countdown| countdown.as_secs()),
        }
    }

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
        let nothing = || Note::new(String::new(), &Secrets::default(), Origin::default(), None);
        Some(serde_json::from_slice(&bytes).unwrap_or_else(|_| nothing()))
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
