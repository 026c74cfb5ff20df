//! Questions to the person at the terminal. Without one, the answer must be on the command line.

use std::io::{self, BufRead, IsTerminal};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::terminal;

/// Goes on only after a yes. `instead` is the option that says yes beforehand, such as `--yes`.
pub(crate) async fn confirm(printer: &Printer, question: &str, instead: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "nobody can be asked ({question}): give {instead}"
        )));
    }
    printer.prompt(&format!("{question} Type yes to go on: "));
    if read_line().await?.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Failure::say(Exit::Failed, "not done: the answer was not yes"))
}

/// Asks twice, since a typing mistake would lock the node. `instead` is the option that gives the password beforehand.
pub(crate) fn new_password(printer: &Printer, user: &str, instead: &str) -> Result<String, Failure> {
    let first = password(printer, user, instead)?;
    if first == password(printer, &format!("{user}, once more"), instead)? {
        Ok(first)
    } else {
        Err(Failure::say(Exit::Failed, "the two passwords differ"))
    }
}

/// Asks for a password without showing it.
pub(crate) fn password(printer: &Printer, user: &str, instead: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "nobody can be asked for a password: give {instead}"
        )));
    }
    // Silence first: it forgets what was typed before, and nothing that answers the prompt may be lost.
    let silent = terminal::Changed::silent().map_err(unreadable)?;
    printer.prompt(&format!("Password of {user}: "));
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    drop(silent);
    printer.talk("");
    read.map_err(unreadable)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// On another thread, so that Ctrl-C is heard meanwhile.
async fn read_line() -> Result<String, Failure> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    match reading.await {
        Ok(line) => line.map_err(unreadable),
        Err(_) => Err(Failure::say(Exit::Failed, "the question could not be asked")),
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        anyhow::Error::new(error).context("cannot read the answer"),
    )
}
