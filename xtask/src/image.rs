//! Makes the image: the builder is compiled, then told to build.

use std::path::{Path, PathBuf};

use crate::{context::Context, proc::Program};

/// Compiles the image builder and builds the image; gives the folder that holds it.
pub(crate) fn build(context: &Context) -> anyhow::Result<PathBuf> {
    compile(context)?;
    let out = context.build().join("image");
    signed(context, &out)?.run()?;
    Ok(out)
}

/// The same as a newer version, signed with the same key: what the other can be upgraded to. The builder must be compiled.
pub(crate) fn build_next(context: &Context) -> anyhow::Result<PathBuf> {
    let out = context.build().join("image-next");
    let version = concat!(env!("CARGO_PKG_VERSION"), ".1");
    signed(context, &out)?.args(["--version", version]).run()?;
    Ok(out)
}

fn signed(context: &Context, out: &Path) -> anyhow::Result<Program> {
    let key = development_key(context)?;
    Ok(builder(context)
        .args(["--out"])
        .args([out])
        .args(["--sign-key"])
        .args([&key]))
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
pub(crate) fn builder(context: &Context) -> Program {
    context
        .program(context.target().join("release/corbel"))
        .args(["image", "build"])
}
