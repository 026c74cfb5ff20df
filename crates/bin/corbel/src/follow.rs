//! Following long work of a node to its end: progress as it comes, and Ctrl-C asks the node to stop before it ends this program.

use corbel_client::Client;
use corbel_node_api::{OperationInfo, OperationState, ProgressEvent};
use corbel_progress::Sink as _;
use futures_util::StreamExt as _;

use crate::cmd::node::ended;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::{Interrupts, interrupted};
use crate::printer::Printer;
use crate::progress::Progress;

/// The step after which the node goes away, which is then no failure.
const LAST_STEP: &str = "restart";

/// Returns when the present work of the node is done, and says what it came to.
pub(crate) async fn follow(client: &Client, printer: &Printer, interrupts: &Interrupts) -> Result<(), Failure> {
    interrupts.take_over();
    let progress = Progress::new(*printer);
    let mut stream = client.operation_events().await?;
    let (mut asked, mut goes_down) = (false, false);
    loop {
        let event = tokio::select! {
            event = stream.next() => event,
            () = interrupts.next() => {
                if asked {
                    return Err(interrupted());
                }
                asked = true;
                printer.talk("asking the node to stop; once more ends this program, and the node goes on");
                // What has ended in the meantime tells so itself.
                let _ = client.cancel_operation().await;
                continue;
            }
        };
        match event {
            Some(Ok(event)) => {
                goes_down |= matches!(&event, ProgressEvent::StepStarted { step, .. } if step == LAST_STEP);
                progress.event(event);
            }
            Some(Err(_)) if goes_down => break,
            Some(Err(error)) => return Err(error.into()),
            None => break,
        }
    }
    match client.operation().await {
        Ok(Some(work)) => judge(&work, goes_down, printer),
        _ if goes_down => Ok(()),
        Ok(None) => Err(ended()),
        Err(error) => Err(error.into()),
    }
}

fn judge(work: &OperationInfo, goes_down: bool, printer: &Printer) -> Result<(), Failure> {
    let message = work.message.clone();
    match work.state {
        OperationState::Done => {
            if let Some(message) = message.filter(|_| !printer.json) {
                printer.talk(&crate::table::tame(&message));
            }
            Ok(())
        }
        OperationState::Failed => {
            let message = message.unwrap_or_else(|| format!("{} failed", work.title));
            Err(Failure::say(Exit::Failed, crate::table::tame(&message)))
        }
        OperationState::Cancelled => Err(Failure::say(Exit::Interrupted, "the node has stopped as asked")),
        // Its daemon went away in the middle.
        _ if goes_down => Ok(()),
        _ => Err(ended()),
    }
}
