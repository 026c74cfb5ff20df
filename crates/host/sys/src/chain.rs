//! An error as one sentence.

use std::error::Error;

/// An error and its causes on one line, as a warning or an answer of the API tells it.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text.lines().collect::<Vec<_>>().join(" ")
}
