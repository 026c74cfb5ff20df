//! Makes the image: the builder is compiled, then told to build.

use std::path::PathBuf;

use crate::context::Context;

/// Compiles the image builder and builds the image; gives the folder that holds it.
pub(crate) fn build(context: &Context) -> anyhow::Result<PathBuf> {
    compile(context)?;
    let out = context.build().join("image");
    builder(context).args(["--out"]).args([&out]).run()?;
    Ok(out)
}

/// `cargo build --release -p corbel`.
pub(crate) fn compile(context: &Context) -> anyhow::Result<()> {
    context
        .cargo(&["build", "--release", "--locked", "--package", "corbel"])
        .run()
}

/// `corbel image build`, without arguments so far.
pub(crate) fn builder(context: &Context) -> crate::proc::Program {
    context
        .program(context.target().join("release/corbel"))
        .args(["image", "build"])
}
