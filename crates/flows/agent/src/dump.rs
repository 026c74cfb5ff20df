//! Dumps of a kernel that crashed, as the machine knows of them.

use corbel_model::ByteSize;

use crate::{Agent, SystemError};

/// Whether a crash of the kernel would be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DumpState {
    #[default]
    Off,
    Ready,
    /// Memory for it is set aside at the next start.
    WaitsForRestart,
    Failed,
}

/// One of them, or the note that it could not be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    pub name: String,
    pub reason: String,
    pub place: String,
    pub size: ByteSize,
    pub problem: Option<String>,
}

/// How things stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DumpStatus {
    pub state: DumpState,
    /// One sentence.
    pub message: String,
    pub set_aside: ByteSize,
    /// The newest first.
    pub dumps: Vec<Dump>,
}

impl Agent {
    pub async fn dumps(&self) -> Result<DumpStatus, SystemError> {
        self.ask(|system| system.dumps()).await
    }

    /// Writes a small file where dumps go, and removes it. Gives where that was.
    ///
    /// # Errors
    /// Why nothing can be written there, or that nothing is saved.
    pub async fn test_dump(&self) -> Result<String, SystemError> {
        self.ask(|system| system.test_dump()).await
    }
}
