//! `cargo xtask layers`: holds what ARCHITECTURE.md says. Arrows between the rooms, manifests, file lengths, module docs and
//! the checked-in drawing of the crate graph are compared with the code; each finding says what would be right.

mod graph;
mod manifest;
mod paths;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::{context::Context, report};

const DRAWING: &str = "docs/crate-graph.txt";
const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Arguments of `cargo xtask layers`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Write the drawing of the crate graph instead of comparing it
    #[arg(long)]
    write: bool,
}

/// What is wrong, or only worth a look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    Error(String),
    Warning(String),
}

/// Runs `cargo xtask layers`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    let metadata = context
        .cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .text()?;
    let graph = graph::Graph::parse(&metadata, context.root())?;
    let mut findings = graph.check();
    for package in graph.packages() {
        let path = context.root().join(&package.folder).join("Cargo.toml");
        findings.extend(manifest::check(
            &format!("{}/Cargo.toml", package.folder),
            &read(&path)?,
        ));
    }
    for file in sources(context.root(), &graph)? {
        let name = file
            .strip_prefix(context.root())
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        findings.extend(source::check(&name, &read(&file)?));
    }
    let architecture = context.root().join(ARCHITECTURE);
    if architecture.exists() {
        findings.extend(paths::check(ARCHITECTURE, &read(&architecture)?, &|path| {
            context.root().join(path).exists()
        }));
    } else {
        findings.push(Finding::Error(format!("{ARCHITECTURE} is missing")));
    }
    findings.extend(drawing(context.root(), &graph.drawing(), arguments.write)?);
    tell(findings)
}

/// The checked-in drawing is the one that a person reads in a review: a new arrow must show in the diff.
fn drawing(root: &Path, drawn: &str, write: bool) -> anyhow::Result<Option<Finding>> {
    let path = root.join(DRAWING);
    if write {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        #[allow(clippy::disallowed_methods)] // a file under version control; xtask uses nothing of ours
        std::fs::write(&path, drawn).with_context(|| format!("cannot write {DRAWING}"))?;
        return Ok(None);
    }
    let same = std::fs::read_to_string(&path).is_ok_and(|text| text == drawn);
    let stale = format!("{DRAWING} is not the crate graph: look at the new arrows, then `cargo xtask layers --write`");
    Ok((!same).then_some(Finding::Error(stale)))
}

fn tell(mut findings: Vec<Finding>) -> anyhow::Result<()> {
    findings.sort();
    let mut errors = 0;
    for finding in &findings {
        match finding {
            Finding::Error(text) => {
                errors += 1;
                report::talk(&format!("error: {text}"));
            }
            Finding::Warning(text) => report::talk(&format!("warning: {text}")),
        }
    }
    if errors > 0 {
        bail!("the architecture does not hold in {errors} places");
    }
    Ok(())
}

/// Every Rust file of our own, sorted.
fn sources(root: &Path, graph: &graph::Graph) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for package in graph.packages() {
        let folder = root.join(&package.folder);
        folders.extend(["src", "tests", "benches", "examples"].map(|name| folder.join(name)));
        files.extend(Some(folder.join("build.rs")).filter(|file| file.exists()));
    }
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests;
