//! Ctrl-C and its kin: the work is dropped where it stands, which undoes it, and the program ends with 130.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use corbel_sys::Cancel;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::exit::Exit;
use crate::failure::Failure;

/// Runs a command on one thread until it ends or a signal comes. A dropped upload closes its connection, on which the
/// node removes what it has; a dropped console puts the terminal back.
pub(crate) fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    block_on_hearing(|_| command)
}

/// The same for a command that from some moment on hears the signals itself.
pub(crate) fn block_on_hearing<F>(command: impl FnOnce(Interrupts) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let interrupts = Interrupts::default();
        let mut command = pin!(command(interrupts.clone()));
        loop {
            tokio::select! {
                result = &mut command => return result,
                () = signals.next() => {
                    if !interrupts.0.taken.load(Ordering::Relaxed) {
                        return Err(interrupted());
                    }
                    interrupts.0.heard.notify_one();
                }
            }
        }
    });
    // A read that never returns (a name server, a terminal) must not hold the program.
    runtime.shutdown_background();
    result
}

/// Signals, for a command that does not simply end when one comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupts(Arc<Hearing>);

#[derive(Debug, Default)]
struct Hearing {
    taken: AtomicBool,
    heard: Notify,
}

impl Interrupts {
    /// From here on a signal ends nothing by itself.
    pub(crate) fn take_over(&self) {
        self.0.taken.store(true, Ordering::Relaxed);
    }

    /// Waits for the next one.
    pub(crate) async fn next(&self) {
        self.0.heard.notified().await;
    }
}

/// A token that a signal cancels, for work that does not wait asynchronously (building an image). A second signal ends
/// nothing sooner: the work cleans up and then ends.
pub(crate) fn cancel_on_signal() -> Result<Cancel, Failure> {
    let cancel = Cancel::new();
    let (runtime, token) = (runtime()?, cancel.clone());
    std::thread::spawn(move || {
        runtime.block_on(async {
            if let Ok(mut signals) = Signals::listen() {
                loop {
                    signals.next().await;
                    token.cancel();
                }
            }
        });
    });
    Ok(cancel)
}

/// The end of a command that a signal stopped.
pub(crate) fn interrupted() -> Failure {
    Failure::say(Exit::Interrupted, "interrupted")
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Failed, anyhow::Error::new(e).context("cannot start")))
}

struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let open = |kind| {
            signal(kind)
                .map_err(|e| Failure::new(Exit::Failed, anyhow::Error::new(e).context("cannot wait for signals")))
        };
        Ok(Self([
            open(SignalKind::interrupt())?,
            open(SignalKind::terminate())?,
            open(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
