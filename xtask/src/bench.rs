//! `cargo xtask bench`: measures what docs/spec.md promises. Each case prints a table and writes `build/bench/CASE.json`;
//! ratios are taken side by side in one run, because absolute times say more about the machine than about us.

mod build;
mod console;
mod node;
mod reference;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::{
    context::Context,
    e2e::Accel,
    image,
    packages::{self, Purpose},
    report,
};

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to measure; everything when none is named
    case: Vec<Case>,
    /// Install what the host lacks without asking
    #[arg(long)]
    yes: bool,
    /// Use the image in this folder instead of building one
    #[arg(long, value_name = "DIR")]
    image: Option<PathBuf>,
    /// How the node's processor is run
    #[arg(long, default_value = "auto")]
    accel: Accel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Case {
    /// Size of the ISO file
    IsoSize,
    /// Memory in use on an idle node of 1 GiB
    IdleMemory,
    /// Memory of the daemon, idle and with 100 defined VMs
    DaemonMemory,
    /// Start of QEMU to the API's answer, against a plain Debian root to libvirt's answer
    BootRatio,
    /// Listing 1,000 VMs by our API, against one bulk call to libvirt
    ListRatio,
    /// A change of the network through the configuration, against `networkctl reload`
    ApplyRatio,
    /// What collecting the figures of 100 VMs costs
    CollectionCost,
    /// Installing to a disk, against `dd` of as many bytes
    InstallRatio,
    /// Writing another version to the spare slot, against `dd` of as many bytes
    UpgradeRatio,
    /// Reboots until the old version serves the API again
    FallBack,
    /// A key on the console's list of 1,000 VMs, against one of 10, and the console's memory
    ConsoleList,
    /// Building with only our programs changed, against building with nothing but cached packages
    BuildWarmRatio,
    /// Two builds from one lock file, in two folders, on two clocks
    Reproducible,
}

const CASES: [Case; 13] = [
    Case::IsoSize,
    Case::IdleMemory,
    Case::DaemonMemory,
    Case::BootRatio,
    Case::ListRatio,
    Case::ApplyRatio,
    Case::CollectionCost,
    Case::InstallRatio,
    Case::UpgradeRatio,
    Case::FallBack,
    Case::ConsoleList,
    Case::BuildWarmRatio,
    Case::Reproducible,
];

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::IsoSize => "iso-size",
            Self::IdleMemory => "idle-memory",
            Self::DaemonMemory => "daemon-memory",
            Self::BootRatio => "boot-ratio",
            Self::ListRatio => "list-ratio",
            Self::ApplyRatio => "apply-ratio",
            Self::CollectionCost => "collection-cost",
            Self::InstallRatio => "install-ratio",
            Self::UpgradeRatio => "upgrade-ratio",
            Self::FallBack => "fall-back",
            Self::ConsoleList => "console-list",
            Self::BuildWarmRatio => "build-warm-ratio",
            Self::Reproducible => "reproducible",
        }
    }
}

/// One measured number beside what was promised for it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Measure {
    /// What was measured, as docs/spec.md calls it.
    what: String,
    /// The number, in `unit`.
    value: f64,
    unit: String,
    /// More than this breaks the promise.
    must: f64,
    /// What we would like.
    aim: f64,
    /// The single measurements that the value was made from.
    #[serde(default)]
    samples: Vec<f64>,
}

impl Measure {
    fn row(&self) -> Vec<String> {
        let verdict = if self.value > self.must {
            "BROKEN"
        } else if self.value > self.aim {
            "kept"
        } else {
            "aim reached"
        };
        let number = |value: f64| format!("{value:.2} {}", self.unit).trim_end().to_owned();
        vec![
            self.what.clone(),
            number(self.value),
            number(self.must),
            number(self.aim),
            verdict.to_owned(),
        ]
    }
}

/// Runs `cargo xtask bench`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    packages::install(context, Purpose::Test, arguments.yes)?;
    let cases = if arguments.case.is_empty() {
        &CASES[..]
    } else {
        &arguments.case[..]
    };
    let image = match &arguments.image {
        Some(directory) => directory.canonicalize()?,
        None => image::build(context)?,
    };
    let mut rows = Vec::new();
    for case in cases {
        report::talk(&format!("=== {}", case.name()));
        let measures = match case {
            Case::IsoSize => iso_size(&image)?,
            Case::IdleMemory
            | Case::DaemonMemory
            | Case::BootRatio
            | Case::ListRatio
            | Case::ApplyRatio
            | Case::CollectionCost
            | Case::InstallRatio
            | Case::UpgradeRatio
            | Case::FallBack => node::measure(context, case.name(), &image, arguments)?,
            Case::ConsoleList => console::list(context)?,
            Case::BuildWarmRatio => build::warm_ratio(context)?,
            Case::Reproducible => build::reproducible(context, arguments.yes)?,
        };
        write(context, case.name(), &measures)?;
        rows.extend(measures.iter().map(Measure::row));
    }
    report::result(&report::table(&["what", "measured", "must", "aim", "verdict"], &rows));
    anyhow::ensure!(
        rows.iter().all(|row| row.iter().all(|cell| cell != "BROKEN")),
        "a promise is broken"
    );
    Ok(())
}

fn iso_size(image: &Path) -> anyhow::Result<Vec<Measure>> {
    #[allow(clippy::cast_precision_loss)] // a file size in MiB needs no 53 bits
    let mib = std::fs::metadata(iso(image)?)?.len() as f64 / f64::from(1 << 20);
    let what = "the ISO".to_owned();
    Ok(vec![Measure {
        what,
        value: mib,
        unit: "MiB".to_owned(),
        must: 160.0,
        aim: 128.0,
        samples: Vec::new(),
    }])
}

/// The one ISO in the folder.
fn iso(image: &Path) -> anyhow::Result<PathBuf> {
    let entries = std::fs::read_dir(image).with_context(|| format!("cannot read {}", image.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut isos: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "iso"))
        .collect();
    anyhow::ensure!(
        isos.len() < 2,
        "more than one .iso in {}: leave only the one that is to be measured",
        image.display()
    );
    isos.pop().with_context(|| format!("no .iso in {}", image.display()))
}

fn write(context: &Context, case: &str, measures: &[Measure]) -> anyhow::Result<()> {
    let directory = context.build().join("bench");
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{case}.json"));
    #[allow(clippy::disallowed_methods)] // a report that is made anew by each run; xtask uses nothing of ours
    std::fs::write(&path, serde_json::to_string_pretty(measures)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The middle value; of an even number the lower of the two in the middle.
fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(1.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn one_image_is_measured_and_of_two_none() {
        let folder = std::env::temp_dir().join(format!("xtask-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let refused = || iso(&folder).unwrap_err().to_string();
        assert!(refused().contains("no .iso in"), "{}", refused());
        std::fs::File::create(folder.join("a.iso")).unwrap();
        assert_eq!(iso(&folder).unwrap(), folder.join("a.iso"));
        std::fs::File::create(folder.join("b.iso")).unwrap();
        assert!(refused().contains("more than one .iso in"), "{}", refused());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn verdicts_compare_with_must_and_aim() {
        let measure = |value| Measure {
            what: String::new(),
            value,
            unit: String::new(),
            must: 2.0,
            aim: 1.0,
            samples: Vec::new(),
        };
        let verdicts = [1.0, 2.0, 2.1].map(|value| measure(value).row()[4].clone());
        assert_eq!(verdicts, ["aim reached", "kept", "BROKEN"]);
    }
}
