//! `corbel vm console`: a guest's serial console in this terminal. When standard input is no terminal it is a pipe: what
//! comes in goes to the guest, what the guest says goes out, and `--until` makes a test of it.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use clap::Args;
use corbel_client::{Client, ConsoleOutput};
use tokio::sync::mpsc;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::terminal;

/// Ctrl-], as telnet(1) and virsh(1) have it.
const LEAVE: u8 = 0x1d;

#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    #[command(flatten)]
    name: super::Name,
    /// Leave when the guest has printed this text; it is a failure when the console ends before
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    until: Option<String>,
    /// Leave after this time; with --until that is a failure
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// Why the console was left.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The person pressed the key.
    Left,
    /// The text appeared.
    Found,
    /// The node ended it, with its reason.
    Ended(Option<String>),
    TimedOut,
}

/// Connects, and stays until one of the ends.
pub(super) async fn run(args: &ConsoleArgs, client: &Client, printer: &Printer) -> Result<(), Failure> {
    let name = &args.name.name;
    let mut session = client.console(name).await?;
    let interactive = io::stdin().is_terminal();
    let raw = if interactive {
        printer.talk(&format!("Connected to {name}. Leave with Ctrl-]."));
        let raw = terminal::Changed::raw();
        Some(raw.map_err(|e| {
            Failure::new(
                Exit::Failed,
                anyhow::Error::new(e).context("cannot set up the terminal"),
            )
        })?)
    } else {
        None
    };

    let mut keys = read_keys();
    let send = async {
        while let Some(mut bytes) = keys.recv().await {
            let leave = interactive
                .then(|| bytes.iter().position(|byte| *byte == LEAVE))
                .flatten();
            bytes.truncate(leave.unwrap_or(bytes.len()));
            if !bytes.is_empty() {
                session.input.send(bytes).await?;
            }
            if leave.is_some() {
                return Ok(End::Left);
            }
        }
        // Input from a pipe has an end; the guest may still talk.
        std::future::pending::<Result<End, Failure>>().await
    };
    let limit = async {
        match args.timeout {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let end = tokio::select! {
        end = send => end,
        end = copy(&mut session.output, args.until.as_deref(), printer) => end,
        () = limit => Ok(End::TimedOut),
    };
    drop(raw);
    if interactive {
        // The guest's last line may not have ended.
        printer.talk("");
    }
    let result = report(args, end?, printer);
    // The node ends the connection once the console is free for the next one. Being polite must not take long: it is closed either way.
    let polite = async {
        let _ = session.input.close().await;
        while let Ok(Some(_)) = session.output.next().await {}
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), polite).await;
    result
}

async fn copy(output: &mut ConsoleOutput, until: Option<&str>, printer: &Printer) -> Result<End, Failure> {
    let mut watch = until.map(|text| Watch::new(text.as_bytes()));
    while let Some(bytes) = output.next().await? {
        printer.bytes(&bytes)?;
        if watch.as_mut().is_some_and(|watch| watch.feed(&bytes)) {
            return Ok(End::Found);
        }
    }
    Ok(End::Ended(output.reason().map(str::to_owned)))
}

fn report(args: &ConsoleArgs, end: End, printer: &Printer) -> Result<(), Failure> {
    let name = &args.name.name;
    match (end, &args.until) {
        (End::Found, _) => Ok(()),
        (End::Left, _) => {
            printer.talk(&format!("Left the console of {name}."));
            Ok(())
        }
        (End::TimedOut, None) => Ok(()),
        (End::Ended(reason), None) => {
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            printer.talk(&format!("The console of {name} has ended{reason}."));
            Ok(())
        }
        (End::TimedOut, Some(text)) => {
            let seconds = args.timeout.unwrap_or_default();
            Err(Failure::say(
                Exit::Failed,
                format!("{name} did not print {text:?} within {seconds} s"),
            ))
        }
        (End::Ended(reason), Some(text)) => {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            Err(Failure::say(
                Exit::Failed,
                format!("the console of {name} ended before it printed {text:?}{reason}"),
            ))
        }
    }
}

/// Reads standard input on a thread of its own, which ends with the program: a read cannot be called off.
fn read_keys() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(8);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut input = io::stdin().lock();
        loop {
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) if sender.blocking_send(buffer[..n].to_vec()).is_err() => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    });
    receiver
}

/// Looks for a text in pieces of output, whatever their borders.
struct Watch<'a> {
    wanted: &'a [u8],
    tail: Vec<u8>,
}

impl<'a> Watch<'a> {
    fn new(wanted: &'a [u8]) -> Self {
        Self {
            wanted,
            tail: Vec::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.tail.extend_from_slice(bytes);
        if self.tail.windows(self.wanted.len()).any(|window| window == self.wanted) {
            return true;
        }
        let keep = self.tail.len().min(self.wanted.len() - 1);
        self.tail.drain(..self.tail.len() - keep);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_text_is_found_in_any_pieces(text in "[ab]{0,20}", wanted in "[ab]{1,3}", size in 1usize..5) {
            let mut watch = Watch::new(wanted.as_bytes());
            let found = text.as_bytes().chunks(size).any(|piece| watch.feed(piece));
            prop_assert_eq!(found, text.contains(&wanted));
        }
    }
}
