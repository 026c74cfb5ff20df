//! The power-cut proof for `cargo xtask powercut`: records a node's operations, judges every state that a power cut could have
//! left, and writes the report. Nothing but the report's table goes to stdout.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand};
use corbel_e2e::{
    Firmware, Run, run,
    talk::{result, talk},
};
use corbel_powercut::{
    Recording, Report, judge,
    record::{BOOTED, record},
    recording::{ABOUT, About},
    release::Release,
    report::Booted,
};

/// Cut the power at every write.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Record a node's life in QEMU, one recording a boot
    Record {
        /// Folder that `corbel image build` wrote
        #[arg(long)]
        image: PathBuf,
        /// Folder with the image to upgrade to
        #[arg(long, env = "CORBEL_IMAGE_NEXT")]
        next: PathBuf,
        /// Folder for the recordings
        #[arg(long)]
        out: PathBuf,
        /// Folder for logs of the machines
        #[arg(long)]
        logs: PathBuf,
        #[arg(long, default_value = "uefi")]
        firmware: Firmware,
        /// How many states of the upgrade are really booted
        #[arg(long, default_value_t = 10)]
        boots: usize,
        /// auto, kvm or tcg
        #[arg(long, default_value = "auto")]
        accel: String,
    },
    /// Judge recordings; ends with 1 when they are no proof
    Judge {
        /// Folders of recordings, or folders that hold them at any depth
        #[arg(required = true)]
        recordings: Vec<PathBuf>,
        /// Where to write the report
        #[arg(long)]
        report: PathBuf,
        /// Where to write its table
        #[arg(long)]
        markdown: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().action) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(action: Action) -> anyhow::Result<()> {
    match action {
        Action::Record {
            image,
            next,
            out,
            logs,
            firmware,
            boots,
            accel,
        } => {
            let name = match firmware {
                Firmware::Bios => "bios",
                Firmware::Uefi => "uefi",
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let run = Run::new(&image, &logs, &format!("powercut-{name}"), &accel)?.with_next(&next);
            runtime
                .context("cannot start")?
                .block_on(record(&run, firmware, &out.join(name), boots))
        }
        Action::Judge {
            recordings,
            report,
            markdown,
        } => judge_all(&recordings, &report, &markdown),
    }
}

fn judge_all(roots: &[PathBuf], report_path: &Path, markdown: &Path) -> anyhow::Result<()> {
    let mut folders = Vec::new();
    for root in roots {
        find(root, &mut folders)?;
    }
    ensure!(!folders.is_empty(), "there are no recordings in {roots:?}");
    let mut releases: HashMap<PathBuf, Release> = HashMap::new();
    let mut report = Report::default();
    for root in folders
        .iter()
        .filter_map(|folder| folder.parent())
        .collect::<BTreeSet<_>>()
    {
        if let Ok(text) = std::fs::read_to_string(root.join(BOOTED)) {
            report.booted.extend(serde_json::from_str::<Vec<Booted>>(&text)?);
        }
    }
    for folder in folders {
        let about = About::read(&folder)?;
        let isos = [about.old, about.new].map(|iso| iso.map(|iso| folder.join(iso)));
        for iso in isos.iter().flatten() {
            if !releases.contains_key(iso) {
                releases.insert(iso.clone(), Release::open(iso)?);
            }
        }
        let [old, new] = isos.map(|iso| iso.and_then(|iso| releases.get(&iso)));
        let recording = Recording::open(&folder)?;
        let judged = judge(&recording, about.operation, old, new);
        let mut judged = judged.with_context(|| format!("the recording in {}", folder.display()))?;
        judged.note = folder
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let states = judged.cut_points + judged.reordered;
        talk(&format!(
            "{}: {states} states in {:.1} s, {} failures",
            about.operation.name(),
            judged.seconds,
            judged.failures
        ));
        report.operations.push(judged);
    }
    run::keep(report_path, &serde_json::to_string_pretty(&report)?)?;
    let table = report.markdown();
    run::keep(markdown, &table)?;
    result(table.trim_end());
    match report.shortcoming() {
        None => Ok(()),
        Some(why) => anyhow::bail!("this is no proof: {why}"),
    }
}

/// Folders with a recording, in the order of their names.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if folder.join(ABOUT).exists() {
        found.push(folder.to_path_buf());
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.iter().try_for_each(|folder| find(folder, found))
}
