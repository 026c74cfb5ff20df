//! The program in a terminal, which util-linux's script(1) provides, and what that terminal shows.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use crate::node::{Node, PATIENCE};

pub(crate) const ENTER: &str = "\r";
pub(crate) const ESC: &str = "\x1b";
pub(crate) const DOWN: &str = "\x1b[B";
pub(crate) const RIGHT: &str = "\x1b[C";
/// Ctrl-C.
const LEAVE: &str = "\x03";

/// A terminal of 80 columns and 24 rows, as a serial line has.
pub(crate) struct Terminal {
    child: Child,
    keys: ChildStdin,
    sent: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Terminal {
    pub(crate) fn open(node: &Node, words: &str) -> Self {
        Self::named(node, words, "vt220")
    }

    /// A terminal whose `TERM` is this.
    #[allow(clippy::disallowed_methods)] // It is fed and watched while it runs.
    pub(crate) fn named(node: &Node, words: &str, term: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_corbel-console");
        let line = format!("{program} --socket {} {words}", node.socket().display());
        let mut child = Command::new("script")
            .args(["-qfec", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", term)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script starts");
        let keys = child.stdin.take().expect("piped");
        let mut out = child.stdout.take().expect("piped");
        let (send, sent) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let side = |n: u16| n.try_into().expect("not zero");
        let screen = vt100::Parser::new(side(24), side(80), 0);
        Self {
            child,
            keys,
            sent,
            screen,
        }
    }

    pub(crate) fn shown(&self) -> String {
        self.screen.screen().contents()
    }

    /// Until the screen shows all of these.
    pub(crate) fn expect(&mut self, texts: &[&str]) -> &mut Self {
        let begun = Instant::now();
        while !texts.iter().all(|text| self.shown().contains(text)) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let bytes = self.sent.recv_timeout(left);
            let bytes = bytes.unwrap_or_else(|_| panic!("{texts:?} is not on the screen:\n{}", self.shown()));
            self.screen.process(&bytes);
        }
        self
    }

    /// Whether the program has asked for the mouse.
    pub(crate) fn tells_mouse(&self) -> bool {
        self.screen.screen().mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    /// Ends the program; all that it sent is on the screen then.
    pub(crate) fn leave(&mut self) {
        self.press(LEAVE);
        while let Ok(bytes) = self.sent.recv_timeout(PATIENCE) {
            self.screen.process(&bytes);
        }
    }

    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).expect("typed");
        self.keys.flush().expect("typed");
        self
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.keys.write_all(LEAVE.as_bytes());
        let _ = self.keys.flush();
        let _ = self.child.wait();
    }
}
