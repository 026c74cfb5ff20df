//! The lines of a page, and which of them must be seen.

use super::Tone;
use crate::text::{ascii, fit, wrap};

/// One line of a page's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) tone: Tone,
}

/// A page's body, and the line that must be seen.
pub(super) struct Body {
    pub(super) width: usize,
    pub(super) lines: Vec<Text>,
    pub(super) cursor: Option<usize>,
    /// The lines that the cursor can be on, and the one that it is on, whether or not the page scrolls to it.
    pub(super) items: Vec<usize>,
    pub(super) focus: Option<usize>,
}

impl Body {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            lines: Vec::new(),
            cursor: None,
            items: Vec::new(),
            focus: None,
        }
    }

    /// A line that is cut at the edge.
    pub(super) fn line(&mut self, text: &str, tone: Tone) {
        let text = fit(&ascii(text), self.width);
        self.lines.push(Text { text, tone });
    }

    /// A line that has the focus when `focused`; a mark says so where nothing can be shown reversed.
    pub(super) fn item(&mut self, text: &str, tone: Tone, focused: bool) {
        self.items.push(self.lines.len());
        if focused {
            self.cursor = Some(self.lines.len());
            self.focus = self.cursor;
        }
        let (mark, tone) = if focused { (">", Tone::Bar) } else { (" ", tone) };
        self.line(&format!(" {mark} {text}"), tone);
    }

    /// As many lines as it takes, each with `indent` blanks in front.
    pub(super) fn text(&mut self, text: &str, indent: usize, tone: Tone) {
        let lines = wrap(&ascii(text), self.width.saturating_sub(indent + 1));
        for line in lines {
            let text = format!("{:indent$}{line}", "");
            self.lines.push(Text { text, tone });
        }
    }

    /// Label and value, the value's further lines below its first.
    pub(super) fn fact(&mut self, label: &str, value: &str, tone: Tone) {
        let lines = wrap(&ascii(value), self.width.saturating_sub(17));
        for (at, line) in lines.into_iter().enumerate() {
            let label = if at == 0 { ascii(label) } else { String::new() };
            let text = format!(" {:<15}{line}", fit(&label, 14));
            self.lines.push(Text { text, tone });
        }
    }

    pub(super) fn blank(&mut self) {
        self.lines.push(Text {
            text: String::new(),
            tone: Tone::Plain,
        });
    }
}
