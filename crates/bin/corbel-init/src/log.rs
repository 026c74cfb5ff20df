//! Messages go to the kernel's log (`/dev/kmsg`), which shows them on every console and which the journal keeps.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;

/// Opened once: the file system that holds the node is moved away during the switch.
static KMSG: OnceLock<Option<File>> = OnceLock::new();

/// How loud; the numbers are those of syslog(2). With `quiet` the consoles show errors only.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    /// Shown even with `quiet`.
    Error = 3,
    /// Something is missing that may not matter.
    Warning = 4,
    /// What happens.
    Info = 6,
}

/// Logs `text`, one record a line; there is nobody to tell when that fails.
pub(crate) fn log(level: Level, text: impl AsRef<str>) {
    let kmsg = KMSG.get_or_init(|| OpenOptions::new().write(true).open("/dev/kmsg").ok());
    for line in text.as_ref().lines() {
        let record = format!("<{}>corbel-init: {line}\n", level as u8);
        if let Some(mut file) = kmsg.as_ref() {
            let _ = file.write_all(record.as_bytes());
        }
    }
}

pub(crate) fn info(text: impl AsRef<str>) {
    log(Level::Info, text);
}

pub(crate) fn warning(text: impl AsRef<str>) {
    log(Level::Warning, text);
}

pub(crate) fn error(text: impl AsRef<str>) {
    log(Level::Error, text);
}
