//! The only place that writes to the terminal: data to standard output, talk to standard error. Colour repeats what the
//! words say, and only on a terminal.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::terminal;

/// Where and how to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    /// Programs read the output.
    pub(crate) json: bool,
    /// Columns of the terminal that shows the data; `None` when no terminal does.
    pub(crate) width: Option<u16>,
    colour_data: bool,
    colour_talk: bool,
    talk_terminal: bool,
}

/// A meaning that has a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Heading,
    Good,
    Bad,
    Quiet,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Heading => "1",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Quiet => "2",
        }
    }

    fn paint(self, text: &str, colour: bool) -> String {
        if colour {
            format!("\x1b[{}m{text}\x1b[0m", self.code())
        } else {
            text.to_owned()
        }
    }
}

impl Printer {
    /// Looks at the two outputs and at the environment (`NO_COLOR`, `TERM`).
    pub(crate) fn detect(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let (data, talk) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self {
            json,
            width: if data { terminal::width() } else { None },
            colour_data: data && wanted && !json,
            colour_talk: talk && wanted,
            talk_terminal: talk,
        }
    }

    /// Whether a person sees what is said, so that progress may be drawn.
    pub(crate) fn draws(&self) -> bool {
        self.talk_terminal && !self.json
    }

    /// Colours a piece of data.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        tone.paint(text, self.colour_data)
    }

    /// A line of data.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Data as it is.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::output)
    }

    /// One JSON document.
    pub(crate) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&serde_json::to_string_pretty(value).expect("output types have string keys only"))
    }

    /// One of many JSON documents, on a line of its own.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&serde_json::to_string(value).expect("output types have string keys only"))
    }

    /// What was done: a sentence for people, a document for programs.
    pub(crate) fn done(&self, sentence: &str, document: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            return self.document(document);
        }
        self.talk(sentence);
        Ok(())
    }

    /// A line of talk. Nobody is told when it cannot be written: there is nowhere left to say so.
    pub(crate) fn talk(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A question, without a line end.
    pub(crate) fn prompt(&self, text: &str) {
        let mut out = io::stderr().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// The last words of a command that did not succeed.
    pub(crate) fn failure(&self, failure: &Failure) {
        let Some(message) = failure.message() else { return };
        if self.json {
            self.talk(&failure.to_json().to_string());
            return;
        }
        self.talk(&format!("{} {message}", Tone::Bad.paint("error:", self.colour_talk)));
        if let Some(hint) = failure.advice() {
            self.talk(&format!("{} {hint}", Tone::Heading.paint("hint:", self.colour_talk)));
        }
    }
}
