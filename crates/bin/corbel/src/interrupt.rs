//! Ctrl-C and its kin: the work is dropped where it stands, which undoes it, and the program ends with 130.

use std::future::Future;

use corbel_sys::Cancel;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;
use crate::failure::Failure;

/// Runs a command on one thread until it ends or a signal comes. A dropped upload closes its connection, on which the
/// node removes what it has; a dropped console puts the terminal back.
pub(crate) fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        tokio::select! {
            result = command => result,
            () = signals.next() => Err(interrupted()),
        }
    });
    // A read that never returns (a name server, a terminal) must not hold the program.
    runtime.shutdown_background();
    result
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
