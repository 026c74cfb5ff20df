//! Makes the image: the builder is compiled, then told to build.

use std::path::PathBuf;

use crate::context::Context;

/// Compiles the image builder and builds the image; gives the folder that holds it.
pub(crate) fn build(context: &Context) -> anyhow::Result<PathBuf> {
    compile(context)?;
    let out = context.build().join("image");
    let key = development_key(context)?;
    builder(context)
        .args(["--out"])
        .args([&out])
        .args(["--sign-key"])
        .args([&key])
        .run()?;
    Ok(out)
}

/// The key that releases made here are signed with. It is this user's and nobody else's: in the cache, never in the repository.
pub(crate) fn development_key(context: &Context) -> anyhow::Result<PathBuf> {
    let key = crate::tools::cache()?.join("development.key");
    if !key.exists() {
        context
            .program(context.target().join("release/corbel"))
            .args(["image", "key"])
            .args([&key])
            .run()?;
    }
    Ok(key)
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
