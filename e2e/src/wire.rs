//! A cable with its other end in the test: what a network card of a machine sends arrives here.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{net::UnixDatagram, task::JoinHandle};

use crate::until;

/// The largest frame, with room for tags.
const FRAME: usize = 64 << 10;
/// EtherType of a VLAN tag (IEEE 802.1Q).
const TAGGED: [u8; 2] = [0x81, 0];
/// The number of the VLAN in the two bytes behind it.
const VLAN: u16 = 0x0fff;

/// The test's end. It is read all the time: a card whose frames nobody takes stands still.
#[derive(Debug)]
pub struct Wire {
    path: PathBuf,
    seen: Arc<Mutex<Vec<Frame>>>,
    task: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What of an Ethernet frame is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Who sent it, as `52:54:00:12:34:56`.
    pub source: String,
    /// The outermost tag.
    pub vlan: Option<u16>,
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        let source: Vec<String> = bytes.get(6..12)?.iter().map(|byte| format!("{byte:02x}")).collect();
        let tag = bytes.get(14..16)?.try_into().ok()?;
        let tagged = bytes.get(12..14)? == TAGGED;
        Some(Self {
            source: source.join(":"),
            vlan: tagged.then(|| u16::from_be_bytes(tag) & VLAN),
        })
    }
}

impl Wire {
    /// Its end is the file `name` in `folder`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(name);
        let socket = UnixDatagram::bind(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let seen = Arc::default();
        let task = tokio::spawn(read(socket, Arc::clone(&seen)));
        Ok(Self { path, seen, task })
    }

    /// For [`crate::MachineSpec::wires`].
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets what has arrived so far.
    pub fn drain(&self) {
        lock(&self.seen).clear();
    }

    /// Waits for this frame.
    ///
    /// # Errors
    /// When it does not come within `limit`; with all that came.
    pub async fn carries(&self, wanted: &Frame, limit: Duration) -> anyhow::Result<()> {
        let what = format!("{wanted:?} on {}", self.path.display());
        let came = until(&what, limit, async || {
            Ok(lock(&self.seen).contains(wanted).then_some(()))
        })
        .await;
        came.with_context(|| format!("what came is {:?}", lock(&self.seen)))
    }
}

fn lock(seen: &Mutex<Vec<Frame>>) -> MutexGuard<'_, Vec<Frame>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps each different frame once.
async fn read(socket: UnixDatagram, seen: Arc<Mutex<Vec<Frame>>>) {
    let mut bytes = vec![0; FRAME];
    while let Ok(length) = socket.recv(&mut bytes).await {
        if let Some(frame) = Frame::read(&bytes[..length])
            && !lock(&seen).contains(&frame)
        {
            lock(&seen).push(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_senders_are_read() {
        let mut bytes = vec![0xff; 6];
        bytes.extend([0x52, 0x54, 0, 1, 2, 0xab, 0x81, 0, 0xe0, 42, 8, 0]);
        let frame = Frame::read(&bytes).unwrap();
        assert_eq!((frame.source.as_str(), frame.vlan), ("52:54:00:01:02:ab", Some(42)));
        bytes[12] = 8;
        assert_eq!(Frame::read(&bytes).unwrap().vlan, None);
        assert_eq!(Frame::read(&bytes[..13]), None);
    }
}
