//! Cases about building the image: how much of a build is saved when only our own programs changed, and whether two builds
//! give the same bytes.

use std::{path::Path, time::Instant};

use anyhow::{Context as _, ensure};

use super::{Measure, iso, median};
use crate::{context::Context, image, report};

/// How often each side is measured.
const ROUNDS: usize = 3;

/// Cold: layers thrown away, packages kept. Warm: only our programs differ. Interleaved, so that a slow minute hits both.
pub(super) fn warm_ratio(context: &Context) -> anyhow::Result<Vec<Measure>> {
    image::compile(context)?;
    let out = context.build().join("bench/warm");
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        cold.push(timed(context, &out, &["--offline", "--cold"])?);
        warm.push(timed(context, &out, &["--offline", "--stamp-programs"])?);
    }
    std::fs::remove_dir_all(&out).with_context(|| format!("cannot remove {}", out.display()))?;
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

fn timed(context: &Context, out: &Path, arguments: &[&str]) -> anyhow::Result<f64> {
    let start = Instant::now();
    image::builder(context)
        .args(arguments.iter().copied())
        .args(["--out"])
        .args([out])
        .run()?;
    Ok(start.elapsed().as_secs_f64())
}

/// The second build runs in another folder and with its clock a day and an hour ahead, so that a time stamp or a path that
/// got into the image shows. `faketime` moves the clock for the builder and what it starts on the host; programs in the
/// tools tree do not load it and see the real clock, which has moved on between the builds as well.
pub(super) fn reproducible(context: &Context) -> anyhow::Result<Vec<Measure>> {
    ensure!(
        Path::new("/usr/bin/faketime").exists(),
        "this case needs Debian's package faketime"
    );
    image::compile(context)?;
    let directories = ["bench/first", "bench/second/elsewhere"].map(|name| context.build().join(name));
    let builder = context.target().join("release/corbel");
    for (directory, ahead) in directories.iter().zip([false, true]) {
        let program = if ahead {
            context.program("faketime").args(["-f", "+25h"]).args([&builder])
        } else {
            context.program(&builder)
        };
        program
            .args(["image", "build", "--offline", "--cold", "--out"])
            .args([directory])
            .run()?;
    }
    let sums = [sum(context, &directories[0])?, sum(context, &directories[1])?];
    for sum in &sums {
        report::talk(sum);
    }
    let value = if sums[0] == sums[1] { 0.0 } else { 1.0 };
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

fn sum(context: &Context, directory: &Path) -> anyhow::Result<String> {
    let line = context.program("sha256sum").args([iso(directory)?]).text()?;
    line.split_whitespace()
        .next()
        .map(str::to_owned)
        .context("sha256sum printed nothing")
}
