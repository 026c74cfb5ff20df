//! A console that greets and echoes. A thread pumps it, so that it works without an async runtime.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::mpsc;

use crate::{Console, VirtError, rules};

/// The machine's end of its console: at most one client has it. Dropping or closing it ends the client's output.
#[derive(Debug, Default)]
pub(super) struct ConsoleEnd(Option<Line>);

type Line = Arc<Mutex<Option<mpsc::Sender<Vec<u8>>>>>;

impl ConsoleEnd {
    pub(super) fn sender(&self) -> Option<mpsc::Sender<Vec<u8>>> {
        self.0.as_ref().and_then(sender)
    }

    pub(super) fn close(&mut self) {
        if let Some(line) = self.0.take() {
            line.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// # Errors
    /// Another client has it.
    pub(super) fn open(&mut self, name: &str) -> Result<Console, VirtError> {
        if self.sender().is_some_and(|output| !output.is_closed()) {
            return Err(rules::conflict(
                name,
                "has its console open elsewhere: close it there first",
            ));
        }
        let (input, typed) = mpsc::channel(16);
        let (output, shown) = mpsc::channel(64);
        // The channel is new and empty, so the banner fits.
        let _ = output.try_send(format!("\r\nCorbel fake guest {name}\r\n{name} login: ").into_bytes());
        let line: Line = Arc::new(Mutex::new(Some(output)));
        let weak = Arc::downgrade(&line);
        std::thread::Builder::new()
            .name("fake-console".into())
            .spawn(move || echo(typed, &weak))
            .map_err(|error| VirtError::Failed {
                operation: "start of a thread".into(),
                problem: error.to_string(),
            })?;
        self.0 = Some(line);
        Ok(Console { input, output: shown })
    }
}

fn sender(line: &Line) -> Option<mpsc::Sender<Vec<u8>>> {
    line.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Ends when the client hangs up or the machine stops. When the client hangs up, the line is free again.
fn echo(mut typed: mpsc::Receiver<Vec<u8>>, line: &Weak<Mutex<Option<mpsc::Sender<Vec<u8>>>>>) {
    while let Some(bytes) = typed.blocking_recv() {
        let Some(output) = line.upgrade().as_ref().and_then(sender) else {
            return;
        };
        if output.blocking_send(bytes).is_err() {
            break;
        }
    }
    if let Some(line) = line.upgrade() {
        line.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
