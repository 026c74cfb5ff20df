//! Rules for a source file: it says what it is for, it can be read in one sitting, and its functions return errors with a
//! type. The core's files also touch nothing outside the program.

use super::Finding;

/// Lines of production code that a file should have at most, and that it must not exceed.
const AIM: usize = 400;
const WALL: usize = 600;

/// What the core would need to touch the world; it decides and does not touch.
const NOT_IN_CORE: [&str; 9] = [
    "std::fs",
    "std::process",
    "std::thread",
    "std::env::var",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "SystemTime::now",
    "Instant::now",
];

/// Findings for one file; `name` is its path from the top of the repository.
pub(super) fn check(name: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The name of a file tests.rs says what it is for.
    if !text.starts_with("//!") && !name.ends_with("/tests.rs") {
        findings.push(Finding::Error(format!(
            "{name}: the first line must be `//!` and say what the file is for"
        )));
    }
    if is_test(name) {
        return findings;
    }
    let production = production(text);
    let lines = production.lines().filter(|line| is_code(line)).count();
    if lines > WALL {
        findings.push(Finding::Error(format!(
            "{name}: {lines} lines of code; {WALL} is the wall, {AIM} the aim"
        )));
    } else if lines > AIM {
        findings.push(Finding::Warning(format!(
            "{name}: {lines} lines of code; {AIM} is the aim"
        )));
    }
    if is_library(name) {
        findings.extend(string_errors(production).map(|function| {
            Finding::Error(format!(
                "{name}: `{function}` returns `Result<_, String>`: make an error type"
            ))
        }));
    }
    if name.starts_with("crates/core/") {
        let code = || production.lines().filter(|line| is_code(line));
        findings.extend(
            NOT_IN_CORE
                .iter()
                .filter(|word| code().any(|line| line.contains(*word)))
                .map(|word| {
                    Finding::Error(format!(
                        "{name}: `{word}` in the core, which is pure: this belongs to host"
                    ))
                }),
        );
    }
    findings
}

fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs")
        || name
            .split('/')
            .any(|part| matches!(part, "tests" | "benches" | "examples"))
}

/// Binaries, xtask and e2e print their errors; libraries hand them on.
fn is_library(name: &str) -> bool {
    name.starts_with("crates/") && !name.starts_with("crates/bin/")
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

/// The file up to its inline test module.
fn production(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ").map_or(text, |end| &text[..end])
}

/// The signatures of public functions whose error is a `String`.
fn string_errors(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("pub ").filter_map(|(start, _)| {
        let rest = &text[start..];
        let end = rest.find(['{', ';'])?;
        let signature = rest[..end].trim();
        let is_function = ["pub fn ", "pub async fn ", "pub const fn "]
            .iter()
            .any(|word| signature.starts_with(word));
        let returned = signature.split_once("->")?.1;
        let arguments = returned.trim().strip_prefix("Result<")?;
        let error = last_argument(arguments)?;
        (is_function && matches!(error, "String" | "&str" | "&'static str")).then_some(signature)
    })
}

/// Of `T, E>…` the `E`: the text after the last comma that is in no inner brackets.
fn last_argument(text: &str) -> Option<&str> {
    let (mut depth, mut start) = (0_usize, None);
    for (at, character) in text.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            '>' if depth == 0 => return start.map(|start: usize| text[start..at].trim()),
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => start = Some(at + 1),
            _ => {}
        }
    }
    None
}
