//! `cargo xtask up`: from source to a running virtual machine in one command.

use crate::{
    context::Context,
    e2e::Accel,
    emulator, image,
    packages::{self, Purpose},
};

/// Arguments of `cargo xtask up`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Install what the host lacks without asking
    #[arg(long)]
    yes: bool,
    /// Shut down after the demo VM has spoken; exit status 0 only when all of it happened
    #[arg(long)]
    check: bool,
    /// What the node boots by
    #[arg(long, default_value = "bios")]
    firmware: Firmware,
    /// How the node's processor is run
    #[arg(long, default_value = "auto")]
    accel: Accel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Firmware {
    Bios,
    Uefi,
}

/// Runs `cargo xtask up`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    packages::install(context, Purpose::Up, arguments.yes)?;
    let image = image::build(context)?;
    // The unoptimised profile: it only waits for the node, and compiles in a fraction of the time.
    context
        .cargo(&[
            "build",
            "--quiet",
            "--locked",
            "--package",
            "corbel-e2e",
            "--bin",
            "corbel-up",
        ])
        .run()?;
    let firmware = match arguments.firmware {
        Firmware::Bios => "bios",
        Firmware::Uefi => "uefi",
    };
    // Started without cargo between us: it must get our SIGTERM first and end its QEMU in peace.
    context
        .program(context.target().join("debug/corbel-up"))
        .env(emulator::VARIABLE, emulator::ensure(context)?)
        .args(["--firmware", firmware, "--accel", arguments.accel.name()])
        .args(arguments.check.then_some("--check"))
        .args(["--corbel"])
        .args([context.target().join("release/corbel")])
        .args(["--logs"])
        .args([context.build().join("up")])
        .args(["--image"])
        .args([image])
        .run()
}
