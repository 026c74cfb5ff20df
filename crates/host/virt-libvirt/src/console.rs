//! Moves bytes between a guest's serial line and two channels, without a thread of its own: [`Pump::step`] does what can
//! be done now, and the context's waker brings it back when a channel has room or bytes again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;

/// What is read at once. A serial line brings a few bytes at a time.
const BUFFER: usize = 4096;

/// The guest's end. `None` means "not now".
pub(crate) trait Line {
    /// # Errors
    /// The line broke.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, String>;
    /// # Errors
    /// The line broke.
    fn send(&mut self, bytes: &[u8]) -> Result<Option<usize>, String>;
    /// Which events should bring the pump back.
    fn watch(&mut self, readable: bool, writable: bool);
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The guest stopped, or another client took the console.
    Guest,
    /// Our client hung up.
    Client,
}

type Reserved = Result<mpsc::OwnedPermit<Vec<u8>>, SendError<()>>;

/// The state between two steps.
pub(crate) struct Pump {
    typed: mpsc::Receiver<Vec<u8>>,
    shown: mpsc::Sender<Vec<u8>>,
    /// Room for one chunk in `shown`: nothing is read without it, so a client that does not read slows the guest's line
    /// and takes no memory.
    room: Option<mpsc::OwnedPermit<Vec<u8>>>,
    waiting: Option<Pin<Box<dyn Future<Output = Reserved> + Send>>>,
    /// Typed and not sent yet.
    pending: Vec<u8>,
}

impl Pump {
    pub(crate) fn new(typed: mpsc::Receiver<Vec<u8>>, shown: mpsc::Sender<Vec<u8>>) -> Self {
        Self {
            typed,
            shown,
            room: None,
            waiting: None,
            pending: Vec::new(),
        }
    }

    /// Moves what can be moved. `Ready` is the end.
    pub(crate) fn step(&mut self, line: &mut dyn Line, context: &mut Context<'_>) -> Poll<End> {
        loop {
            let shown = match self.show(line, context) {
                Ok(moved) => moved,
                Err(end) => return Poll::Ready(end),
            };
            let typed = match self.type_in(line, context) {
                Ok(moved) => moved,
                Err(end) => return Poll::Ready(end),
            };
            if !(shown || typed) {
                line.watch(self.room.is_some(), !self.pending.is_empty());
                return Poll::Pending;
            }
        }
    }

    fn show(&mut self, line: &mut dyn Line, context: &mut Context<'_>) -> Result<bool, End> {
        if self.room.is_none() {
            let shown = &self.shown;
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(shown.clone().reserve_owned()));
            match waiting.as_mut().poll(context) {
                Poll::Pending => return Ok(false),
                Poll::Ready(room) => {
                    self.waiting = None;
                    self.room = Some(room.map_err(|_| End::Client)?);
                }
            }
        }
        let mut buffer = [0; BUFFER];
        match line.receive(&mut buffer) {
            Err(_) | Ok(Some(0)) => Err(End::Guest),
            Ok(None) => Ok(false),
            Ok(Some(len)) => {
                if let Some(room) = self.room.take() {
                    room.send(buffer.get(..len).unwrap_or_default().to_vec());
                }
                Ok(true)
            }
        }
    }

    fn type_in(&mut self, line: &mut dyn Line, context: &mut Context<'_>) -> Result<bool, End> {
        if self.pending.is_empty() {
            match self.typed.poll_recv(context) {
                Poll::Pending => return Ok(false),
                Poll::Ready(None) => return Err(End::Client),
                Poll::Ready(Some(bytes)) => self.pending = bytes,
            }
        }
        match line.send(&self.pending) {
            Err(_) => Err(End::Guest),
            Ok(None) => Ok(false),
            Ok(Some(len)) => {
                self.pending.drain(..len.min(self.pending.len()));
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests;
