//! A tree of XML elements that is written with every value escaped: rendering code cannot forget it.

use std::fmt::{Display, Write as _};

/// An element with attributes, and either text or children.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: Option<String>,
    children: Vec<Element>,
}

/// An element without content.
pub(super) fn el(name: &'static str) -> Element {
    Element {
        name,
        attributes: Vec::new(),
        text: None,
        children: Vec::new(),
    }
}

impl Element {
    pub(super) fn attr(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    pub(super) fn text(mut self, text: impl Display) -> Self {
        self.text = Some(text.to_string());
        self
    }

    pub(super) fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The document, indented by two blanks a level, as libvirt prints it.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        let _ = write!(out, "{:1$}<{2}", "", depth * 2, self.name);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}='");
            escape(value, out);
            out.push('\'');
        }
        match (&self.text, self.children.is_empty()) {
            (None, true) => out.push_str("/>\n"),
            (Some(text), _) => {
                out.push('>');
                escape(text, out);
                let _ = writeln!(out, "</{}>", self.name);
            }
            (None, false) => {
                out.push_str(">\n");
                for child in &self.children {
                    child.write(out, depth + 1);
                }
                let _ = writeln!(out, "{:1$}</{2}>", "", depth * 2, self.name);
            }
        }
    }
}

/// White space other than a blank becomes a reference too, because a parser turns it into blanks in attributes and CR
/// into LF in text (XML 1.0, 2.11 and 3.3.3).
fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

/// Whether XML 1.0 can hold the character at all, even escaped (production 2, `Char`).
pub(super) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
