//! A map that names a folder which is gone misleads: every path in backticks in a document must exist.

use super::Finding;

/// Findings for one document. A path is a word in backticks with a slash in it that starts at the top of the repository.
pub(super) fn check(name: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in text.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
        let first = word.split('/').next().unwrap_or(word);
        // `text/plain` and `/v1/vms` are no paths of ours (`first` is empty there, and the top itself exists); `crates/nothing` is one that is wrong.
        if !first.is_empty() && exists(first) && !exists(word.trim_end_matches('/')) {
            findings.push(Finding::Error(format!("{name}: `{word}` does not exist")));
        }
    }
    findings
}

fn is_path(word: &str) -> bool {
    word.contains('/')
        && word
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "-_./".contains(character))
}
