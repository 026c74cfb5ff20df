//! The serial console of a machine on this terminal: keys go to the guest as a terminal would send them, what the guest says is shown as it is.

use std::time::Duration;

use corbel_client::{Client, ClientError};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until, timeout};

use crate::feed::sentence;
use crate::vt::Vt;

/// Ctrl-], as telnet(1), virsh(1) and `corbel vm console` have it.
const LEAVE: u8 = 0x1d;
/// An open console of a machine is left, as the menu is locked, after so long without a key.
const IDLE: Duration = Duration::from_secs(900);

/// How a console was left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Left {
    /// Where it was not the person's own doing.
    pub(crate) reason: Option<String>,
    /// Nobody had typed for a long time.
    pub(crate) idle: bool,
}

impl Left {
    fn because(reason: String) -> Self {
        Self {
            reason: Some(reason),
            idle: false,
        }
    }
}

/// Stays until somebody leaves or the node ends it.
pub(crate) async fn run<W: std::io::Write>(
    terminal: &mut Vt<W>,
    client: &Client,
    name: &str,
    typed: &mut Receiver<Vec<u8>>,
) -> Left {
    // What was typed behind the key that left the console before is not for this one.
    while typed.try_recv().is_ok() {}
    let head = format!(
        "\x1b[0m\x1b[2J\x1b[H\x1b[?25hConsole of {}. Ctrl-] leaves it.\r\n",
        crate::text::ascii(name)
    );
    // A terminal that is gone is noticed by the loop that follows.
    let _ = terminal.mouse(false);
    let _ = terminal.through(head.as_bytes());
    let end = talk(terminal, client, name, typed).await;
    // The guest may have left any attribute, scrolling region or character set behind.
    let _ = terminal.through(b"\x0f\x1b[0m\x1b[r\x1b[?7h\x1b[2J");
    end.unwrap_or_else(|error| Left::because(sentence(&error)))
}

async fn talk<W: std::io::Write>(
    terminal: &mut Vt<W>,
    client: &Client,
    name: &str,
    typed: &mut Receiver<Vec<u8>>,
) -> Result<Left, ClientError> {
    let mut session = client.console(name).await?;
    let mut last = Instant::now();
    let end = loop {
        tokio::select! {
            bytes = session.output.next() => match bytes? {
                Some(bytes) => {
                    if terminal.through(&bytes).is_err() {
                        break Left::default();
                    }
                }
                None => {
                    let reason = session.output.reason().map(|reason| format!(": {reason}"));
                    break Left::because(format!("The console of {name} has ended{}", reason.unwrap_or_default()));
                }
            },
            bytes = typed.recv() => match bytes {
                None => break Left::default(),
                Some(bytes) if bytes.contains(&LEAVE) => break Left::default(),
                Some(bytes) if bytes.is_empty() => {}
                Some(bytes) => {
                    last = Instant::now();
                    session.input.send(bytes).await?;
                }
            },
            () = sleep_until(last + IDLE) => break Left {
                idle: true,
                ..Left::because(format!("The console of {name} was left: nobody typed for 15 minutes"))
            },
        }
    };
    // Being polite must not take long: the connection is closed either way.
    let _ = timeout(Duration::from_secs(1), session.input.close()).await;
    Ok(end)
}

/// What a terminal sends for a key (ECMA-48 and the usual names of VT220 and xterm); nothing for one that no terminal has.
pub(crate) fn bytes(event: &Event) -> Vec<u8> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(key),
        Event::Paste(text) => text.clone().into_bytes(),
        _ => Vec::new(),
    }
}

fn of_key(key: &KeyEvent) -> Vec<u8> {
    let text: &[u8] = match key.code {
        KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => return control(c).into_iter().collect(),
        KeyCode::Char(c) => {
            let escape = key.modifiers.contains(KeyModifiers::ALT).then_some('\x1b');
            return escape.into_iter().chain([c]).collect::<String>().into_bytes();
        }
        KeyCode::Enter => b"\r",
        KeyCode::Tab => b"\t",
        KeyCode::BackTab => b"\x1b[Z",
        KeyCode::Backspace => b"\x7f",
        KeyCode::Esc => b"\x1b",
        KeyCode::Up => b"\x1b[A",
        KeyCode::Down => b"\x1b[B",
        KeyCode::Right => b"\x1b[C",
        KeyCode::Left => b"\x1b[D",
        KeyCode::Home => b"\x1b[1~",
        KeyCode::Insert => b"\x1b[2~",
        KeyCode::Delete => b"\x1b[3~",
        KeyCode::End => b"\x1b[4~",
        KeyCode::PageUp => b"\x1b[5~",
        KeyCode::PageDown => b"\x1b[6~",
        KeyCode::F(n @ 1..=4) => return vec![0x1b, b'O', b'O' + n],
        KeyCode::F(n @ 5..=12) => {
            let number = [15, 17, 18, 19, 20, 21, 23, 24][usize::from(n) - 5];
            return format!("\x1b[{number}~").into_bytes();
        }
        _ => b"",
    };
    text.to_vec()
}

/// The control character of a letter (ASCII); crossterm tells 0x1c to 0x1f as the digits 4 to 7.
fn control(c: char) -> Option<u8> {
    let byte = u8::try_from(c).ok()?;
    match byte {
        b' ' | b'@' => Some(0),
        b'a'..=b'z' => Some(byte - b'a' + 1),
        b'A'..=b'Z' => Some(byte - b'A' + 1),
        b'4'..=b'7' => Some(byte - b'4' + 0x1c),
        b'['..=b'_' => Some(byte - b'[' + 0x1b),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_reach_a_guest_as_a_terminal_sends_them() {
        let key = |code, modifiers| bytes(&Event::Key(KeyEvent::new(code, modifiers)));
        let none = KeyModifiers::NONE;
        assert_eq!(key(KeyCode::Char('\u{e4}'), none), "\u{e4}".as_bytes());
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), [3]);
        assert_eq!(key(KeyCode::Char('5'), KeyModifiers::CONTROL), [LEAVE]);
        assert_eq!(key(KeyCode::Char(']'), KeyModifiers::CONTROL), [LEAVE]);
        assert_eq!(key(KeyCode::Char('x'), KeyModifiers::ALT), b"\x1bx");
        assert_eq!(key(KeyCode::F(1), none), b"\x1bOP");
        assert_eq!(key(KeyCode::F(12), none), b"\x1b[24~");
        assert_eq!(key(KeyCode::Up, none), b"\x1b[A");
        assert_eq!(key(KeyCode::CapsLock, none), b"");
    }
}
