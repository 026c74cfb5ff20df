//! Cases about building the image: how much of a build is saved when only our own programs changed, and whether two builds
//! give the same bytes.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Context as _;

use super::{Measure, iso, median};
use crate::{context::Context, image, packages, proc::Program, report, tools};

/// How often each side is measured.
const ROUNDS: usize = 3;

/// Our own programs, by the folder under `target/` where the builder's cargo leaves them.
const PROGRAMS: [(&str, &str); 4] = [
    ("image/release", "corbel"),
    ("image/release", "corbel-node"),
    ("image/release", "corbel-console"),
    ("image/x86_64-unknown-linux-gnu/release", "corbel-init"),
];

/// Cold: no layer is there, all packages are. Warm: only a program of ours differs. Both take ready programs, because the
/// compiler's time says nothing about the builder; interleaved, so that a slow minute hits both.
pub(super) fn warm_ratio(context: &Context) -> anyhow::Result<Vec<Measure>> {
    // Fetches what is missing and compiles the programs.
    image::build(context)?;
    let folder = context.build().join("bench/warm");
    remove(&folder)?;
    let programs = programs(&context.root().join("target"), &folder)?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let cache = packages_alone(context, &folder)?;
        cold.push(timed(context, &folder, &cache)?);
        // An ELF file ends where its headers say; a byte behind that changes the file and nothing else.
        let mut program = std::fs::OpenOptions::new()
            .append(true)
            .open(programs.join("corbel-console"))?;
        program.write_all(&[0])?;
        drop(program);
        warm.push(timed(context, &folder, &cache)?);
    }
    remove(&folder)?;
    let (cold, warm) = (median(&cold).context("no rounds")?, median(&warm).context("no rounds")?);
    Ok(vec![Measure {
        what: "build, warm against cold".to_owned(),
        value: warm / cold,
        unit: "x".to_owned(),
        must: 0.25,
        aim: 0.1,
        samples: vec![warm, cold],
    }])
}

/// Copies the programs that the builder compiled below `target` into the folder `programs` of `folder`.
fn programs(target: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let programs = folder.join("programs");
    std::fs::create_dir_all(&programs)?;
    for (from, name) in PROGRAMS {
        let from = target.join(from).join(name);
        std::fs::copy(&from, programs.join(name)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(programs)
}

/// A new cache with the packages and the lock of the usual one, linked, not copied.
fn packages_alone(context: &Context, folder: &Path) -> anyhow::Result<PathBuf> {
    let (usual, new) = (tools::cache()?, folder.join("cache"));
    remove(&new)?;
    std::fs::create_dir_all(&new)?;
    let script = "{ cp -al \"$1/packages\" \"$2/\" 2>/dev/null || cp -a \"$1/packages\" \"$2/\"; } && cp -a \"$1\"/*.lock \"$2/\"";
    context
        .program("sh")
        .args(["-c", script, "sh"])
        .args([usual, new.clone()])
        .run()?;
    Ok(new)
}

fn timed(context: &Context, folder: &Path, cache: &Path) -> anyhow::Result<f64> {
    let start = Instant::now();
    let corbel = context.target().join("release/corbel");
    builder_of(context, corbel, cache, &folder.join("out"))
        .args(["--binaries"])
        .args([folder.join("programs")])
        .run()?;
    Ok(start.elapsed().as_secs_f64())
}

fn builder_of(context: &Context, corbel: PathBuf, cache: &Path, out: &Path) -> Program {
    context
        .program(corbel)
        .args(["image", "build", "--offline", "--cache"])
        .args([cache])
        .args(["--out"])
        .args([out])
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// The second build is made from a copy of the source in another folder, with programs that were compiled there into another target
/// folder, and layers made in another cache with the clock a day and an hour ahead: a time stamp or a path that got into the
/// image shows. `faketime` moves the clock for the builder and what else it starts on the host, but not for the compiler, which
/// hangs under it; programs in the tools tree do not load it and see the real clock, which has moved on between the builds
/// as well. The clock alone: the dates of files, which faketime would move too, come with the packages and are no clock. (A time name
/// space would not do: it moves only the clocks that count from the start of the machine.)
pub(super) fn reproducible(context: &Context, yes: bool) -> anyhow::Result<Vec<Measure>> {
    packages::install_more(context, &["faketime"], yes)?;
    // Fetches what is missing, so that both builds have the same lock and need no network.
    image::build(context)?;
    let folder = context.build().join("bench/reproducible");
    remove(&folder)?;
    let copy = folder.join("second/elsewhere/source");
    copy_source(context, &copy)?;
    let corbel = context.target().join("release/corbel");
    let key = image::development_key(context)?;
    // Compiles in the copy; its image is not looked at.
    let compiling = builder_of(context, corbel.clone(), &tools::cache()?, &folder.join("compiled"));
    compiling.args(["--recipe"]).args([copy.join("image")]).run()?;
    let mut sums = Vec::new();
    for (name, source, ahead) in [
        ("first", context.root(), false),
        ("second/elsewhere", copy.as_path(), true),
    ] {
        let place = folder.join(name);
        programs(&source.join("target"), &place)?;
        let cache = packages_alone(context, &place)?;
        let out = place.join("out");
        let program = builder_of(context, corbel.clone(), &cache, &out)
            .args(["--recipe"])
            .args([source.join("image")])
            .args(["--binaries"])
            .args([place.join("programs")])
            .args(["--sign-key"])
            .args([&key]);
        if ahead {
            program
                .env("NO_FAKE_STAT", "1")
                .under(&["faketime", "-f", "+25h"])
                .run()?
        } else {
            program.run()?
        }
        sums.push(sum(context, &out)?);
        remove(&cache)?;
    }
    for sum in &sums {
        report::talk(sum);
    }
    let value = if sums[0] == sums[1] {
        remove(&folder)?;
        0.0
    } else {
        report::talk(&format!("what differs can be looked at in {}", folder.display()));
        1.0
    };
    let what = "builds that differ".to_owned();
    Ok(vec![Measure {
        what,
        value,
        unit: String::new(),
        must: 0.0,
        aim: 0.0,
        samples: Vec::new(),
    }])
}

/// The source as it is here, changes that are not committed among it; without what git ignores.
fn copy_source(context: &Context, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    let script = "git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C \"$1\"";
    context.program("sh").args(["-c", script, "sh"]).args([to]).run()
}

fn sum(context: &Context, directory: &Path) -> anyhow::Result<String> {
    let line = context.program("sha256sum").args([iso(directory)?]).text()?;
    line.split_whitespace()
        .next()
        .map(str::to_owned)
        .context("sha256sum printed nothing")
}
