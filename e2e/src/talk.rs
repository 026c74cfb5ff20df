//! The only place of this crate that prints: stdout carries results, stderr the talk around them.

use std::time::Instant;

/// A line of result.
#[allow(clippy::print_stdout)]
pub fn result(line: &str) {
    println!("{line}");
}

/// A line for the person who watches.
#[allow(clippy::print_stderr)]
pub fn talk(line: &str) {
    eprintln!("{line}");
}

/// Lines that say how long after the start something happened.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    start: Instant,
}

impl Progress {
    /// The clock starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Says what was reached.
    pub fn reached(&self, what: &str) {
        talk(&format!("[{:6.1} s] {what}", self.start.elapsed().as_secs_f64()));
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}
