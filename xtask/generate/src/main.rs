//! Writes what is generated and checked in: the OpenAPI document, the schema and the reference page of `node.toml`, and the man pages. With `--check` it changes nothing and
//! fails when a file is not what it would write. (Completion scripts come from `corbel completions` and are not kept.)

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use corbel_model::seed;

/// The command that renews everything, for the message of `--check`.
const RENEW: &str = "cargo run -p corbel-generate";

/// Folder whose pages are all generated: one that no command has any more is removed.
const MAN: &str = "docs/man";

/// Writes the OpenAPI document, the schema of node.toml with its reference page, and the man pages into the source tree.
#[derive(Debug, Parser)]
struct Arguments {
    /// Change nothing; fail when a file is stale
    #[arg(long)]
    check: bool,
    /// The source tree
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))]
    root: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let files = generated()?;
    let changes = changes(&arguments.root, &files)?;
    if !arguments.check {
        return changes.iter().try_for_each(|change| change.apply(&arguments.root));
    }
    if changes.is_empty() {
        return Ok(());
    }
    let stale: Vec<_> = changes.iter().map(Change::describe).collect();
    bail!("{}; to renew, run: {RENEW}", stale.join(", "));
}

/// Every generated file by its path below the root.
fn generated() -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut openapi =
        serde_json::to_vec_pretty(&corbel_node_api::openapi()).context("the OpenAPI document is not JSON")?;
    openapi.push(b'\n');
    let mut schema = serde_json::to_vec_pretty(&seed::schema()).context("the schema of node.toml is not JSON")?;
    schema.push(b'\n');
    let mut files = BTreeMap::from([
        ("openapi/corbel-node-v1.json".to_owned(), openapi),
        ("schemas/node-v1.json".to_owned(), schema),
        (
            "docs/operator/node-toml.md".to_owned(),
            seed::keys_markdown().into_bytes(),
        ),
    ]);
    files.extend(
        corbel::man_pages()
            .into_iter()
            .map(|(name, text)| (format!("{MAN}/{name}"), text)),
    );
    Ok(files)
}

/// What must happen to one file.
#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    Write {
        path: &'a str,
        text: &'a [u8],
        missing: bool,
    },
    Remove {
        path: String,
    },
}

/// Compares the tree with what it should hold.
fn changes<'a>(root: &Path, files: &'a BTreeMap<String, Vec<u8>>) -> anyhow::Result<Vec<Change<'a>>> {
    let mut changes = Vec::new();
    for (path, text) in files {
        match fs::read(root.join(path)) {
            Ok(present) if present == *text => {}
            Ok(_) => changes.push(Change::Write {
                path,
                text,
                missing: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                changes.push(Change::Write {
                    path,
                    text,
                    missing: true,
                });
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        }
    }
    let pages = match fs::read_dir(root.join(MAN)) {
        Ok(pages) => pages,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(changes),
        Err(error) => return Err(error).with_context(|| format!("cannot list {MAN}")),
    };
    for page in pages {
        let page = page.with_context(|| format!("cannot list {MAN}"))?.path();
        let path = format!("{MAN}/{}", page.file_name().unwrap_or_default().display());
        if page.extension() == Some(OsStr::new("1")) && !files.contains_key(&path) {
            changes.push(Change::Remove { path });
        }
    }
    Ok(changes)
}

impl Change<'_> {
    fn describe(&self) -> String {
        match self {
            Self::Write {
                path, missing: false, ..
            } => format!("{path} is stale"),
            Self::Write {
                path, missing: true, ..
            } => format!("{path} is missing"),
            Self::Remove { path } => format!("{path} has no command any more"),
        }
    }

    fn apply(&self, root: &Path) -> anyhow::Result<()> {
        match self {
            Self::Write { path, text, .. } => {
                let file = root.join(path);
                let folder = file.parent().unwrap_or(root);
                fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
                // The source tree is under version control, which is all the safety that a generated file needs.
                #[allow(clippy::disallowed_methods)]
                fs::write(&file, text).with_context(|| format!("cannot write {path}"))
            }
            Self::Remove { path } => fs::remove_file(root.join(path)).with_context(|| format!("cannot remove {path}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_not_stale_and_what_is_old_goes() {
        let tree = tempfile::tempdir().expect("a temporary folder");
        let files = generated().expect("generated");
        let missing = changes(tree.path(), &files).expect("compared");
        assert_eq!(missing.len(), files.len());
        missing
            .iter()
            .try_for_each(|change| change.apply(tree.path()))
            .expect("written");
        assert_eq!(changes(tree.path(), &files).expect("compared"), []);

        fs::rename(
            tree.path().join("docs/man/corbel-vm.1"),
            tree.path().join("docs/man/corbel-gone.1"),
        )
        .expect("rename");
        let told: Vec<_> = changes(tree.path(), &files)
            .expect("compared")
            .iter()
            .map(Change::describe)
            .collect();
        assert_eq!(
            told,
            [
                "docs/man/corbel-vm.1 is missing",
                "docs/man/corbel-gone.1 has no command any more"
            ]
        );
    }

    #[test]
    fn generating_twice_gives_the_same_bytes() {
        assert_eq!(generated().expect("once"), generated().expect("twice"));
    }
}
