//! The kernel words that early boot obeys. Unknown ones are for others.

use std::time::Duration;

use anyhow::Context as _;
use corbel_layout::verity::RootHash;

use crate::slot::Slot;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Seconds in which the message can be read.
pub(crate) const DEFAULT_PANIC: i64 = 30;
pub(crate) const DEFAULT_INIT: &str = "/usr/lib/systemd/systemd";

/// What the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    root: Option<String>,
    /// `corbel.slot=a|b`: an installed node, whose root is that partition.
    pub(crate) slot: Option<Slot>,
    /// `corbel.timeout=SECONDS`: how long to wait for the medium.
    pub(crate) timeout: Duration,
    /// `rescue`: a shell before anything is started, and instead of a reboot when something fails.
    pub(crate) rescue: bool,
    /// `stateless`: nothing will be installed.
    pub(crate) stateless: bool,
    /// `panic=SECONDS`, as the kernel means it: 0 waits for ever, a negative number not at all.
    pub(crate) panic: i64,
    /// `init=PROGRAM`.
    pub(crate) init: String,
    /// Words with a value that is none; the default stands for them.
    pub(crate) mistakes: Vec<String>,
}

impl Words {
    /// Reads a command line as proc_cmdline(5) gives it. The last of equal words counts, as for the kernel.
    pub(crate) fn parse(line: &str) -> Self {
        let mut words = Self {
            root: None,
            slot: None,
            timeout: DEFAULT_TIMEOUT,
            rescue: false,
            stateless: false,
            panic: DEFAULT_PANIC,
            init: DEFAULT_INIT.to_owned(),
            mistakes: Vec::new(),
        };
        for word in split(line) {
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            match name {
                "corbel.root" => words.root = Some(value.to_owned()),
                "corbel.slot" => match Slot::parse(value) {
                    Some(slot) => words.slot = Some(slot),
                    None => words
                        .mistakes
                        .push(format!("{word}: write corbel.slot=a or corbel.slot=b")),
                },
                "corbel.timeout" => match value.parse() {
                    Ok(seconds) => words.timeout = Duration::from_secs(seconds),
                    Err(_) => words
                        .mistakes
                        .push(format!("{word}: write whole seconds, such as corbel.timeout=60")),
                },
                "panic" => match value.parse() {
                    Ok(seconds) => words.panic = seconds,
                    Err(_) => words
                        .mistakes
                        .push(format!("{word}: write whole seconds, such as panic=30")),
                },
                "init" if value.starts_with('/') => words.init = value.to_owned(),
                "init" => words
                    .mistakes
                    .push(format!("{word}: write a whole path, such as init={DEFAULT_INIT}")),
                "rescue" => words.rescue = !matches!(value, "0" | "no"),
                "stateless" | "ovirt_stateless" => words.stateless = !matches!(value, "0" | "no"),
                _ => {}
            }
        }
        words
    }

    /// The hash that the root image must have.
    pub(crate) fn root_hash(&self) -> anyhow::Result<RootHash> {
        let text = self
            .root
            .as_ref()
            .context("the kernel command line has no corbel.root=HASH")?;
        text.parse().context("the kernel word corbel.root")
    }
}

/// Blank separated words; a quoted part keeps its blanks and loses its quotes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_the_last_counts() {
        let hash = "ab".repeat(32);
        let line = format!(
            "BOOT_IMAGE=/x ro x=\"a rescue\" corbel.root={hash} panic=5 panic=0 corbel.slot=a corbel.slot=b corbel.timeout=9 rescue init=/bin/x\n"
        );
        let words = Words::parse(&line);
        assert_eq!(words.root_hash().unwrap().to_string(), hash);
        assert_eq!((words.timeout.as_secs(), words.panic, words.rescue), (9, 0, true));
        assert_eq!((words.init.as_str(), words.mistakes.len()), ("/bin/x", 0));
        assert_eq!(words.slot, Some(Slot::B));
        assert!(!Words::parse("x=\"a rescue\" rescue=no").rescue);
        assert!(Words::parse("stateless").stateless && !Words::parse("stateless=0").stateless);
    }

    #[test]
    fn mistakes_are_told_and_the_default_stands() {
        let words = Words::parse("corbel.timeout=soon init=sh panic= corbel.slot=c");
        assert_eq!((words.mistakes.len(), words.slot), (4, None));
        assert_eq!(
            (words.timeout, words.panic, words.init.as_str()),
            (DEFAULT_TIMEOUT, 30, DEFAULT_INIT)
        );
        assert!(words.root_hash().unwrap_err().to_string().contains("no corbel.root="));
        let error = Words::parse("corbel.root=12").root_hash().unwrap_err();
        assert!(
            format!("{error:#}").contains("the kernel word corbel.root: \"12\" is not a root hash"),
            "{error:#}"
        );
    }
}
