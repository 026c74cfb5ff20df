//! Support bundles: what the agent itself knows and what the machine gives as text, without secrets, as one compressed archive.
//!
//! ```text
//! facts of the agent ─┐
//! files and programs ─┼─▶ end of it, at most 4 MiB ─▶ redact ─▶ tar ─▶ xz ─▶ node, disk or URL
//! machines' XML ──────┘          a part that cannot be had is named in manifest.json
//! ```

mod archive;
mod gather;

use std::sync::Arc;
use std::time::Duration;

use corbel_model::ByteSize;
use corbel_plan::security;
use corbel_plan::support::Origin;
use corbel_progress::{Event, Sink};
use corbel_sys::Cancel;
use tokio::runtime::Handle;

use crate::operations::{OperationError, OperationInfo, OperationKind};
use crate::{Agent, SystemError};

/// For gathering; what has not answered by then is left out.
const DEADLINE: Duration = Duration::from_secs(300);

/// Where a bundle goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file of the node.
    Node,
    /// The file system on this device, which is of a removable disk.
    Disk(String),
    /// An HTTP PUT by the node. May carry credentials.
    Url(String),
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node => f.write_str("Node"),
            Self::Disk(device) => write!(f, "Disk({device})"),
            Self::Url(_) => f.write_str("Url(hidden)"),
        }
    }
}

/// A bundle that lies on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    pub name: String,
    pub size: ByteSize,
}

/// A file system of a removable disk that a bundle can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removable {
    /// Device node.
    pub device: String,
    /// As mount(8) calls it.
    pub file_system: String,
    pub label: Option<String>,
    pub model: Option<String>,
    pub size: ByteSize,
}

/// What one part of the machine gave: names below the part's own, empty for the part itself, and bytes. Whether the bytes are an end only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub name: String,
    pub bytes: Vec<u8>,
    pub shortened: bool,
}

/// What bundles and the look at security need from the machine; a part of [`crate::System`].
pub trait SupportSystem {
    /// Reads one part, at most `limit` bytes of each file from its end.
    fn part(&self, origin: Origin, limit: u64, cancel: &Cancel) -> Result<Vec<Piece>, SystemError>;
    /// Every secret that this node knows it has, as text.
    fn secrets(&self) -> Vec<String>;
    /// Sorted by device.
    fn removables(&self) -> Result<Vec<Removable>, SystemError>;
    /// Bundles of the node, the oldest first.
    fn bundles(&self) -> Result<Vec<Bundle>, SystemError>;
    fn read_bundle(&self, name: &str) -> Result<Vec<u8>, SystemError>;
    fn remove_bundle(&self, name: &str) -> Result<(), SystemError>;
    /// Whether a bundle can go there at all, before it is made.
    fn check_destination(&self, to: &Destination) -> Result<(), SystemError>;
    /// Writes or sends a bundle as the step `deliver`, and says where it is as it stands in "is in …". Whole or not at all.
    fn deliver(
        &self,
        name: &str,
        bytes: &[u8],
        to: &Destination,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<String, SystemError>;
    /// What the machine shows of its protection: firmware, TPM, kernel, medium.
    fn protection(&self) -> security::Facts;
}

impl Agent {
    pub async fn bundles(&self) -> Result<(Vec<Bundle>, Vec<Removable>), SystemError> {
        self.ask(|system| {
            let removables = system.removables().unwrap_or_else(|error| {
                tracing::warn!(%error, "no disks for a bundle are listed");
                vec![]
            });
            Ok((system.bundles()?, removables))
        })
        .await
    }

    /// # Errors
    /// [`SystemError::NotFound`] where there is none of that name.
    pub async fn read_bundle(&self, name: String) -> Result<Vec<u8>, SystemError> {
        self.ask(move |system| system.read_bundle(&name)).await
    }

    /// # Errors
    /// [`SystemError::NotFound`] where there is none of that name.
    pub async fn remove_bundle(&self, name: String) -> Result<(), SystemError> {
        self.ask(move |system| system.remove_bundle(&name)).await
    }

    /// Begins to make a bundle and to bring it to its destination.
    ///
    /// # Errors
    /// A destination that cannot be, and other work that goes on.
    pub async fn begin_bundle(self: &Arc<Self>, to: Destination) -> Result<OperationInfo, OperationError> {
        let looked = to.clone();
        self.ask(move |system| system.check_destination(&looked)).await?;
        let place = self
            .operations
            .reserve(OperationKind::SupportBundle, "Support bundle")?;
        let info = place.info();
        let (agent, runtime) = (Arc::clone(self), Handle::current());
        place.run(move |reporter| {
            reporter.event(Event::Begin {
                title: "Support bundle".to_owned(),
                steps: 2,
            });
            let (name, bytes) = reporter.step("gather", "Gather what is known", || {
                agent.gather(&runtime, reporter, reporter.cancel())
            })?;
            let size = ByteSize(bytes.len() as u64);
            let place = agent.system.deliver(&name, &bytes, &to, reporter, reporter.cancel())?;
            Ok(format!("{name} with {} bytes ({size}) is in {place}", bytes.len()))
        });
        Ok(info)
    }

    /// How well this node is protected. `certificate` is what the API shows.
    pub async fn security(&self, certificate: Option<security::Certificate>) -> security::Level {
        let facilities = Arc::clone(&self.facilities);
        let facts = self.ask(move |system| {
            let ssh = facilities.ssh().map(|ssh| ssh.way());
            Ok(security::Facts {
                root_hash: facilities.boot().root_hash,
                uefi: facilities.boot().firmware == crate::Firmware::Uefi,
                signer: system.signer(),
                admin_password: facilities.admin_password_set(),
                ssh,
                certificate,
                ..system.protection()
            })
        });
        security::judge(&facts.await.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
