//! Rules for the manifests of our crates: one table of versions, one table of lints, both at the top of the workspace.

use super::Finding;

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Findings for one manifest; `name` is how a finding calls it.
pub(super) fn check(name: &str, text: &str) -> Vec<Finding> {
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::Error(format!("{name}: {error}"))],
    };
    let mut findings = Vec::new();
    if !manifest.get("lints").is_some_and(from_workspace) {
        findings.push(Finding::Error(format!("{name}: `[lints] workspace = true` is missing")));
    }
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets
        .into_iter()
        .flat_map(|targets| targets.values())
        .filter_map(toml::Value::as_table);
    for table in std::iter::once(&manifest).chain(targets) {
        let tables = TABLES
            .iter()
            .filter_map(|key| table.get(*key))
            .filter_map(toml::Value::as_table);
        for (dependency, value) in tables.flatten() {
            if !from_workspace(value) {
                let right = format!("`{dependency}.workspace = true`, with the version in the workspace's table");
                findings.push(Finding::Error(format!("{name}: {dependency} must be {right}")));
            }
        }
    }
    findings
}

fn from_workspace(value: &toml::Value) -> bool {
    value.get("workspace").and_then(toml::Value::as_bool) == Some(true)
}
