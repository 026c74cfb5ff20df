//! What an installed node keeps of its configuration: `node.toml` in two copies, what is secret apart from it, and the documents that were.
//!
//! ```text
//! /config/node.a.toml, node.b.toml         the newest whole copy counts; a save goes over the other one
//! /config/secrets.a.toml, secrets.b.toml   passwords and their hashes, mode 0600, never shown
//! /config/history/00000007.toml            generation 7, with who saved it and when
//! ```
//! A document of a version that this image does not know is never lost: before a save goes over it, it is in the history.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use corbel_model::access::PasswordHash;
use corbel_model::secret::{Secret, Secrets};
use corbel_model::seed::{self, take_secrets};
use corbel_plan::config::{Candidate, choose};
use corbel_sys::ledger::{Ledger, LedgerError, Version, parse_copy, render_copy};
use corbel_sys::{FileError, is_temporary, read_limited, write_atomic};
use serde::{Deserialize, Serialize};

/// How many documents of the past are kept, and as many of another version.
pub const HISTORY: usize = 20;
const LIMIT: u64 = 4 << 20;
const MARK: &str = "# saved ";

/// Something about the store that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot {operation} {path}")]
    Folder {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

/// Who saved a document, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Seconds since 1970; 0 where nobody knows.
    pub at: u64,
    pub by: String,
    pub why: String,
}

/// What counts now.
#[derive(Clone, PartialEq, Eq)]
pub struct Current {
    /// Of the newest copy, whether or not it is the one that counts. A save must know it.
    pub newest: u64,
    /// Of the text.
    pub generation: u64,
    /// Without anything secret.
    pub text: String,
    pub secrets: Secrets,
    /// What is not as it should be, one sentence each.
    pub notes: Vec<String>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Current({})", self.generation)
    }
}

/// A document of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub generation: u64,
    pub origin: Origin,
    /// Whether this image can read it.
    pub understood: bool,
}

/// As it is written. A key that a newer version added is passed over, so that a node that falls back keeps the rest.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    admin_password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collectd_password: Option<String>,
    /// By the names of the targets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    iscsi_passwords: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernel_dump_ssh_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls_key: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    user_password_hashes: BTreeMap<String, String>,
}

/// Secrets as they are, for a file that root alone can read.
pub(crate) fn exposed<T>(secrets: &BTreeMap<String, T>, text: fn(&T) -> &str) -> BTreeMap<String, String> {
    let shown = secrets
        .iter()
        .map(|(name, secret)| (name.clone(), text(secret).to_owned()));
    shown.collect()
}

/// What is none is left out.
pub(crate) fn unexposed<T: FromStr>(texts: &BTreeMap<String, String>) -> BTreeMap<String, T> {
    let read = texts
        .iter()
        .filter_map(|(name, text)| Some((name.clone(), text.parse().ok()?)));
    read.collect()
}

/// Generation, origin and text of a file of the history.
type KeptEntry = (u64, Origin, String);

fn newest_first(entries: &mut [KeptEntry]) {
    entries.sort_by_key(|(generation, ..)| std::cmp::Reverse(*generation));
}

/// The store below a folder, which is `/config` on a node.
#[derive(Debug, Clone)]
pub struct ConfigStore {
    document: Ledger,
    secrets: Ledger,
    history: PathBuf,
}

impl ConfigStore {
    pub fn new(folder: impl AsRef<Path>) -> Self {
        let folder = folder.as_ref();
        Self {
            document: Ledger::new(folder, "node", "toml"),
            secrets: Ledger::new(folder, "secrets", "toml"),
            history: folder.join("history"),
        }
    }

    /// What counts; `None` when nothing was ever saved.
    ///
    /// # Errors
    /// Files that cannot be read, and [`LedgerError::Damaged`] when there are copies, none is whole and the history has none either.
    pub fn current(&self) -> Result<Option<Current>, StoreError> {
        let (copies, any) = self.document.versions()?;
        let mut notes = Vec::new();
        let newest = copies.first().map(|version| version.generation);
        // Twenty files need not be read where the newest copy is as good as any.
        let sound = copies.first().is_some_and(|copy| seed::parse(&copy.text).is_ok());
        let kept = if sound { Vec::new() } else { self.entries()? };
        // What is later than the copies never counted: a power cut came between.
        let kept = kept
            .into_iter()
            .filter(|(generation, ..)| newest.is_none_or(|newest| *generation < newest));
        let kept = kept.map(|(generation, _, text)| Version { generation, text });
        let candidates: Vec<Candidate> = copies
            .into_iter()
            .chain(kept)
            .map(|version| Candidate {
                generation: version.generation,
                text: version.text,
            })
            .collect();
        let Some(chosen) = choose(&candidates) else {
            return match any {
                // Says which ledger it is.
                true => self.document.load().map(|_| None).map_err(StoreError::from),
                false => Ok(None),
            };
        };
        if newest.is_none() {
            notes.push(format!(
                "neither copy of the document is whole: generation {} of the history counts",
                chosen.generation
            ));
        }
        notes.extend(chosen.notes);
        let read = seed::parse(&chosen.text);
        let (text, own) = take_secrets(&chosen.text).unwrap_or((chosen.text, Secrets::default()));
        // Of a document that cannot be read nothing counts.
        let own = if read.is_ok() { own } else { Secrets::default() };
        let apart = self.secrets().unwrap_or_else(|error| {
            notes.push(format!("passwords cannot be read: {error}"));
            Secrets::default()
        });
        Ok(Some(Current {
            newest: newest.unwrap_or(chosen.generation),
            generation: chosen.generation,
            text,
            // The installer and older versions leave them in the document, where they are the newer ones.
            secrets: match &read {
                Ok(seed) => own.or(apart).of_users(&seed.users),
                Err(_) => own.or(apart),
            },
            notes,
        }))
    }

    fn secrets(&self) -> Result<Secrets, StoreError> {
        let kept = self.secrets.load()?;
        let kept = kept.and_then(|version| toml::from_str::<Kept>(&version.text).ok());
        let secrets = kept.map(|kept| Secrets {
            admin_password: kept.admin_password_hash.and_then(|hash| hash.parse().ok()),
            collectd_password: kept.collectd_password.and_then(|password| password.parse().ok()),
            iscsi_passwords: unexposed(&kept.iscsi_passwords),
            dump_key: kept.kernel_dump_ssh_key.and_then(|key| key.parse().ok()),
            tls_key: kept.tls_key.and_then(|key| key.parse().ok()),
            user_passwords: unexposed(&kept.user_password_hashes),
        });
        Ok(secrets.unwrap_or_default())
    }

    /// Makes the text the newest document, and gives its generation. `text` is without anything secret, which is in `secrets`.
    ///
    /// # Errors
    /// Files that cannot be read or written; then what counted before still does, but for a password that is the new one already. What of the
    /// past cannot be kept or cleaned once the document is the newest is no error: the next save does it.
    pub fn save(&self, text: &str, secrets: &Secrets, origin: &Origin) -> Result<u64, StoreError> {
        let (copies, _) = self.document.versions()?;
        let mut entries = self.entries()?;
        let latest = entries.first().map_or(0, |(generation, ..)| *generation);
        for copy in copies {
            if entries.iter().any(|(generation, ..)| *generation == copy.generation) {
                continue;
            }
            let origin = Origin {
                why: "found on the disk".into(),
                ..Origin::default()
            };
            let (text, _) = take_secrets(&copy.text).unwrap_or((copy.text, Secrets::default()));
            self.keep(copy.generation, &origin, &text)?;
            entries.push((copy.generation, origin, text));
        }
        // Before the document, which is then without it whatever happens. What is gone from it goes after it, or a power cut would leave
        // the old document without a password.
        let before = self.secrets().unwrap_or_default();
        let both = secrets.clone().or(before.clone());
        if before != both {
            self.save_secrets(&both)?;
        }
        let generation = self.document.save_after(latest, text)?;
        entries.push((generation, origin.clone(), text.to_owned()));
        if let Err(error) = self.keep(generation, origin, text).and_then(|()| self.prune(entries)) {
            tracing::warn!(generation, %error, "the document is saved, but its history is not as it should be");
        }
        if both != *secrets {
            // Twice, as the copy before the last has it too. The document is saved: what cannot be forgotten now is at the next save, and is
            // nobody's until then.
            let _ = self.save_secrets(secrets).and_then(|()| self.save_secrets(secrets));
        }
        Ok(generation)
    }

    fn save_secrets(&self, secrets: &Secrets) -> Result<(), StoreError> {
        let admin = secrets.admin_password.as_ref();
        let collectd = secrets.collectd_password.as_ref();
        let kept = Kept {
            version: 1,
            admin_password_hash: admin.map(|hash| hash.expose().to_owned()),
            collectd_password: collectd.map(|password| password.expose().to_owned()),
            iscsi_passwords: exposed(&secrets.iscsi_passwords, Secret::expose),
            kernel_dump_ssh_key: secrets.dump_key.as_ref().map(|key| key.expose().to_owned()),
            tls_key: secrets.tls_key.as_ref().map(|key| key.expose().to_owned()),
            user_password_hashes: exposed(&secrets.user_passwords, PasswordHash::expose),
        };
        self.secrets.save(&toml::to_string(&kept).unwrap_or_default())?;
        Ok(())
    }

    /// The documents of the past and the present one, the newest first.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn history(&self) -> Result<Vec<Entry>, StoreError> {
        let entries = self.entries()?.into_iter().map(|(generation, origin, text)| Entry {
            generation,
            origin,
            understood: seed::parse(&text).is_ok(),
        });
        Ok(entries.collect())
    }

    /// The text of a generation; `None` when it is not kept.
    ///
    /// # Errors
    /// As of [`ConfigStore::history`].
    pub fn text(&self, generation: u64) -> Result<Option<String>, StoreError> {
        let found = self.entries()?.into_iter().find(|(number, ..)| *number == generation);
        Ok(found.map(|(_, _, text)| text))
    }

    fn keep(&self, generation: u64, origin: &Origin, text: &str) -> Result<(), StoreError> {
        let origin = serde_json::to_string(origin).unwrap_or_default();
        let copy = render_copy(generation, &format!("{MARK}{origin}\n{text}"));
        Ok(write_atomic(&self.path(generation), copy.as_bytes(), 0o600)?)
    }

    fn path(&self, generation: u64) -> PathBuf {
        self.history.join(format!("{generation:08}.toml"))
    }

    /// Whole entries, the newest first. A torn one is as good as none.
    fn entries(&self) -> Result<Vec<KeptEntry>, StoreError> {
        let folder = |operation, source| StoreError::Folder {
            operation,
            path: self.history.clone(),
            source,
        };
        let listed = match fs::read_dir(&self.history) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|source| folder("list", source))?,
        };
        let mut found = Vec::new();
        for entry in listed {
            let path = entry.map_err(|source| folder("list", source))?.path();
            let version = read_limited(&path, LIMIT).ok().and_then(|bytes| parse_copy(&bytes));
            // What a power cut left beside them, or a copy that somebody made, has another name.
            let Some(version) = version.filter(|version| self.path(version.generation) == path) else {
                continue;
            };
            let marked = version.text.split_once('\n').and_then(|(first, rest)| {
                let origin = serde_json::from_str(first.strip_prefix(MARK)?).ok()?;
                Some((origin, rest.to_owned()))
            });
            let (origin, text) = marked.unwrap_or((Origin::default(), version.text));
            found.push((version.generation, origin, text));
        }
        newest_first(&mut found);
        Ok(found)
    }

    fn prune(&self, mut entries: Vec<KeptEntry>) -> Result<(), StoreError> {
        newest_first(&mut entries);
        let (other, own): (Vec<_>, Vec<_>) = entries
            .iter()
            .partition(|(_, _, text)| seed::is_of_another_version(text));
        for (generation, ..) in own.into_iter().skip(HISTORY).chain(other.into_iter().skip(HISTORY)) {
            remove(self.path(*generation))?;
        }
        // Before its rename, a file that is written has another name, and keeps it in a power cut.
        let listed = fs::read_dir(&self.history).into_iter().flatten().flatten();
        for entry in listed.filter(|entry| is_temporary(&entry.file_name())) {
            remove(entry.path())?;
        }
        Ok(())
    }
}

/// One that is gone already is as good.
fn remove(path: PathBuf) -> Result<(), StoreError> {
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StoreError::Folder {
            operation: "remove",
            path,
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
