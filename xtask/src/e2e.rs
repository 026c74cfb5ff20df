//! `cargo xtask e2e`: builds the image and runs the tests that boot it, one at a time, because each is a whole machine.

use std::path::{Path, PathBuf};

use crate::{
    context::Context,
    emulator, image,
    packages::{self, Purpose},
    servers, tools,
};

/// Arguments of `cargo xtask e2e`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Only tests whose names contain one of these
    pub(crate) test: Vec<String>,
    /// Also all that an installed node goes through, which takes an hour and a half
    #[arg(long)]
    pub(crate) all: bool,
    /// Install what the host lacks without asking
    #[arg(long)]
    pub(crate) yes: bool,
    /// Use the image in this folder instead of building one
    #[arg(long, value_name = "DIR")]
    pub(crate) image: Option<PathBuf>,
    /// How the node's processor is run
    #[arg(long, default_value = "auto")]
    pub(crate) accel: Accel,
}

/// How QEMU runs the node's processor.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Accel {
    /// KVM when an ordinary kernel starts under it, else emulation
    #[default]
    Auto,
    Kvm,
    /// Emulation
    Tcg,
}

impl Accel {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

/// Runs `cargo xtask e2e`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    packages::install(context, Purpose::Test, arguments.yes)?;
    let image = match &arguments.image {
        Some(directory) => directory.canonicalize()?,
        None => image::build(context)?,
    };
    tests(context, &image, arguments.accel, &arguments.test, arguments.all)
}

/// Runs the tests on the image in this folder.
pub(crate) fn tests(context: &Context, image: &Path, accel: Accel, only: &[String], all: bool) -> anyhow::Result<()> {
    let nextest = tools::NEXTEST.ensure(context)?;
    image::compile(context)?;
    let next = image::build_next(context)?;
    // Only cases of those that are not run by default need one.
    let servers = match all || !only.is_empty() {
        true => Some(servers::ensure(context)?),
        false => None,
    };
    context
        .program(nextest)
        .shown_as("cargo")
        .args([
            "nextest",
            "run",
            "--locked",
            "--package",
            "corbel-e2e",
            "--profile",
            if all { "e2e-all" } else { "e2e" },
        ])
        .args(only)
        .env("CORBEL_IMAGE", image)
        .env("CORBEL_IMAGE_NEXT", next)
        .env("CORBEL_LOGS", context.build().join("e2e"))
        .env("CORBEL_ACCEL", accel.name())
        .env(emulator::VARIABLE, emulator::ensure(context)?)
        .env(servers::VARIABLE, servers.unwrap_or_default())
        // Errors here say what happened in the machine; where in our code they were made is noise.
        .env("RUST_LIB_BACKTRACE", "0")
        .run()
}
