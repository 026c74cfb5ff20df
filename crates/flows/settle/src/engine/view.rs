//! What can be looked at: the document, what waits, and the documents of the past.

use corbel_model::seed::without_secrets;
use corbel_plan::settle::SEED_FILE;

use super::{ConfigError, Engine, Note};
use crate::store::Entry;

/// A change that waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Until it is taken back.
    pub seconds_left: u64,
    pub by: String,
    /// The document that waits.
    pub text: String,
}

/// The configuration as people may see it: without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Of the newest copy; 0 where nothing is kept.
    pub generation: u64,
    pub text: String,
    pub password_set: bool,
    /// Names of users.
    pub user_passwords_set: Vec<String>,
    /// Whether this node keeps a configuration at all.
    pub kept: bool,
    pub notes: Vec<String>,
    pub pending: Option<Pending>,
}

impl Engine {
    /// What counts now. On a node that runs from its medium, what this boot was told.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn view(&self) -> Result<View, ConfigError> {
        let pending = self
            .note()
            .filter(|note| note.until > 0)
            .map(|note| self.pending_of(&note));
        match self.kept() {
            Ok(Some(current)) => Ok(View {
                generation: current.newest,
                password_set: current.secrets.admin_password.is_some(),
                user_passwords_set: current.secrets.user_passwords.into_keys().collect(),
                text: current.text,
                kept: true,
                notes: current.notes,
                pending,
            }),
            Ok(None) => Ok(View {
                generation: 0,
                text: "version = 1\n".into(),
                password_set: false,
                user_passwords_set: Vec::new(),
                kept: true,
                notes: Vec::new(),
                pending,
            }),
            Err(error @ (ConfigError::NotInstalled | ConfigError::NotMounted)) => {
                let bytes = self.node.read(SEED_FILE).map_err(ConfigError::Facility)?;
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                // What cannot be taken apart may hold something secret anywhere.
                let (text, secrets) = without_secrets(&text.unwrap_or_default()).unwrap_or_default();
                let of_user = |key: &String| {
                    key.strip_prefix("users[")?
                        .strip_suffix("].password_hash")
                        .map(str::to_owned)
                };
                Ok(View {
                    generation: 0,
                    text,
                    password_set: secrets.iter().any(|key| key == "admin.password_hash"),
                    user_passwords_set: secrets.iter().filter_map(of_user).collect(),
                    kept: false,
                    notes: vec![error.to_string()],
                    pending: None,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The documents that are kept, the newest first.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn history(&self) -> Result<Vec<Entry>, ConfigError> {
        match self.kept() {
            // A node that keeps nothing has no past.
            Err(ConfigError::NotInstalled | ConfigError::NotMounted) => return Ok(Vec::new()),
            other => other?,
        };
        Ok(self.node.store().history()?)
    }

    /// A document of the past, without anything secret.
    ///
    /// # Errors
    /// When that generation is not kept.
    pub fn text(&self, generation: u64) -> Result<String, ConfigError> {
        if self.history()?.is_empty() {
            return Err(ConfigError::NoGeneration(generation));
        }
        let text = self.node.store().text(generation)?;
        let text = text.ok_or(ConfigError::NoGeneration(generation))?;
        // One of another version is shown too, and what cannot be taken apart is not.
        Ok(without_secrets(&text).map(|(text, _)| text).unwrap_or_default())
    }

    pub(super) fn pending_of(&self, note: &Note) -> Pending {
        Pending {
            seconds_left: note.until.saturating_sub(self.node.uptime().as_secs()),
            by: note.origin.by.clone(),
            text: note.text.clone(),
        }
    }
}
