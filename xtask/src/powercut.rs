//! `cargo xtask powercut`: the power-cut proof. `corbel-powercut` records a node's life on both firmwares and judges every state
//! that a power cut could have left; the report is `build/powercut/report.json`, its table for docs/spec.md `report.md` beside it.

use std::path::PathBuf;

use crate::{
    context::Context,
    e2e::Accel,
    emulator, image,
    packages::{self, Purpose},
    report,
};

/// Arguments of `cargo xtask powercut`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Install what the host lacks without asking
    #[arg(long)]
    yes: bool,
    /// Use the image in this folder instead of building one
    #[arg(long, value_name = "DIR", requires = "next")]
    image: Option<PathBuf>,
    /// Use the newer image in this folder instead of building one
    #[arg(long, value_name = "DIR", requires = "image")]
    next: Option<PathBuf>,
    /// How the node's processor is run
    #[arg(long, default_value = "auto")]
    accel: Accel,
    /// Record on these firmwares only (repeat for more)
    #[arg(long, value_name = "FIRMWARE")]
    firmware: Vec<Firmware>,
    /// Judge the recordings that are there already
    #[arg(long)]
    judge_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Firmware {
    Bios,
    Uefi,
}

impl Firmware {
    fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }
}

/// Runs `cargo xtask powercut`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    packages::install(context, Purpose::Test, arguments.yes)?;
    // Thousands of states, each with hashes of megabytes: unoptimized that takes an hour.
    context
        .cargo(&[
            "build",
            "--release",
            "--quiet",
            "--locked",
            "--package",
            "corbel-powercut",
        ])
        .run()?;
    let folder = context.build().join("powercut");
    let recordings = folder.join("recordings");
    std::fs::create_dir_all(&recordings)?;
    let emulator = emulator::ensure(context)?;
    let program = || {
        let program = context.program(context.target().join("release/corbel-powercut"));
        program.env(emulator::VARIABLE, emulator.clone())
    };
    if !arguments.judge_only {
        let (image, next) = match (&arguments.image, &arguments.next) {
            (Some(image), Some(next)) => (image.canonicalize()?, next.canonicalize()?),
            _ => (image::build(context)?, image::build_next(context)?),
        };
        let both = [Firmware::Uefi, Firmware::Bios];
        let firmwares = if arguments.firmware.is_empty() {
            &both[..]
        } else {
            &arguments.firmware[..]
        };
        for firmware in firmwares {
            report::talk(&format!("=== recording on {}", firmware.name()));
            program()
                .args([
                    "record",
                    "--firmware",
                    firmware.name(),
                    "--accel",
                    arguments.accel.name(),
                ])
                .args(["--image".into(), image.clone().into_os_string()])
                .args(["--next".into(), next.clone().into_os_string()])
                .args(["--out".into(), recordings.clone().into_os_string()])
                .args(["--logs".into(), folder.join("logs").into_os_string()])
                .run()?;
        }
    }
    report::talk("=== judging");
    program()
        .args(["judge".into(), recordings.into_os_string()])
        .args(["--report".into(), folder.join("report.json").into_os_string()])
        .args(["--markdown".into(), folder.join("report.md").into_os_string()])
        .run()
}
