//! `corbel image inspect`.

use std::path::PathBuf;

use clap::Args;
use corbel_build::inspect::{Inspection, ReleaseState, RootState, inspect};
use corbel_model::ByteSize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, Tone};

/// Packages that are listed for people unless all are asked for.
const LARGEST: usize = 15;

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The ISO
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// List every package, not only the largest
    #[arg(long)]
    pub(crate) all: bool,
}

pub(super) fn run(args: &InspectArgs, printer: &Printer) -> Result<(), Failure> {
    let found = inspect(&args.file).map_err(|error| Failure::new(Exit::Failed, error))?;
    if printer.json {
        printer.document(&found)?;
    } else {
        printer.bytes(text(&found, args.all, printer).as_bytes())?;
    }
    if found.root == RootState::Intact {
        Ok(())
    } else {
        Err(Failure::silent(Exit::Failed))
    }
}

fn text(found: &Inspection, all: bool, printer: &Printer) -> String {
    let manifest = &found.manifest;
    let heading = |text: &str| printer.paint(Tone::Heading, text);
    let mut lines = vec![
        format!(
            "{} {} for {} (Debian {})",
            manifest.name, manifest.version, manifest.architecture, manifest.suite
        ),
        format!("kernel     {}", manifest.kernel),
        format!("root hash  {}", manifest.root_hash.as_deref().unwrap_or("none")),
        match &found.root {
            RootState::Intact => format!(
                "root       {}",
                printer.paint(Tone::Good, "intact: every block was checked")
            ),
            RootState::Damaged { problem } => format!(
                "root       {}",
                printer.paint(Tone::Bad, &format!("DAMAGED: {problem}"))
            ),
        },
        release_line(found.release.as_ref()),
        String::new(),
        heading("Parts"),
        format!("{:>12}  the whole file", ByteSize(found.size).to_string()),
    ];
    lines.extend(
        manifest
            .parts
            .iter()
            .map(|part| format!("{:>12}  {}", ByteSize(part.bytes).to_string(), part.name)),
    );
    lines.extend([String::new(), heading("Boot entries")]);
    for entry in &manifest.entries {
        lines.extend([format!("  {}", entry.title), format!("    {}", entry.words)]);
    }
    lines.extend([String::new(), heading("Seed area")]);
    match (&found.seed, &found.seed_problem) {
        (Some(files), _) if files.is_empty() => lines.push("  empty".into()),
        (Some(files), _) => lines.extend(
            files
                .iter()
                .map(|(name, size)| format!("{:>12}  {name}", ByteSize(*size).to_string())),
        ),
        (None, problem) => lines.push(format!("  not readable: {}", problem.as_deref().unwrap_or("unknown"))),
    }
    let mut packages: Vec<_> = manifest.packages.iter().collect();
    packages.sort_by(|a, b| b.installed.cmp(&a.installed).then_with(|| a.name.cmp(&b.name)));
    let shown = if all {
        packages.len()
    } else {
        LARGEST.min(packages.len())
    };
    let scope = if all {
        String::new()
    } else {
        format!(", the {shown} largest")
    };
    lines.extend([
        String::new(),
        heading(&format!("Packages ({} in all{scope}; unpacked)", packages.len())),
    ]);
    for package in &packages[..shown] {
        lines.push(format!(
            "{:>12}  {} {}",
            ByteSize(package.installed).to_string(),
            package.name,
            package.version
        ));
    }
    lines.join("\n") + "\n"
}

fn release_line(release: Option<&ReleaseState>) -> String {
    let Some(state) = release else {
        return "release    none: nodes cannot be upgraded to this image".into();
    };
    let until = state
        .release
        .expires
        .and_then(|end| jiff::Timestamp::from_second(i64::try_from(end).ok()?).ok())
        .map_or("without end".into(), |end| {
            format!("until {}", end.strftime("%Y-%m-%d"))
        });
    let signed = match &state.signed_by {
        Some(key) => format!("signed with key {key}"),
        None => "not signed".into(),
    };
    format!("release    {}, {until}, {signed}", state.release.version)
}
