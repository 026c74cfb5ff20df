//! `cargo xtask test`: every gate and every test, in the order of what fails soonest. A step that fails does not hide the
//! others; each says how to repeat it alone.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{
    context::Context,
    e2e::{self, Accel},
    generate, image, layers,
    packages::{self, Purpose},
    proc::{Interrupted, Program},
    report, tools,
};

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Install what the host lacks without asking
    #[arg(long)]
    yes: bool,
    /// Leave out the image and the tests that boot it
    #[arg(long)]
    fast: bool,
    /// Also all that an installed node goes through, which takes an hour and a half
    #[arg(long, conflicts_with = "fast")]
    all: bool,
    /// Run only these steps (repeat for more)
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// rustfmt
    Format,
    /// The arrows between the rooms, file lengths, docs
    Layers,
    /// Spelling in code and prose
    Spelling,
    /// Licences, sources and bans of dependencies
    Dependencies,
    /// clippy without warnings
    Clippy,
    /// rustdoc without warnings
    Docs,
    /// Files made from the code are as the code says
    Generated,
    /// Unit and integration tests
    Tests,
    /// Examples in the docs
    Doctests,
    /// The image is built
    Image,
    /// The tests that boot the image
    E2e,
    /// Nothing under version control was changed by all this
    Tree,
}

const STEPS: [Step; 12] = [
    Step::Format,
    Step::Layers,
    Step::Spelling,
    Step::Dependencies,
    Step::Clippy,
    Step::Docs,
    Step::Generated,
    Step::Tests,
    Step::Doctests,
    Step::Image,
    Step::E2e,
    Step::Tree,
];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Layers => "layers",
            Self::Spelling => "spelling",
            Self::Dependencies => "dependencies",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Generated => "generated",
            Self::Tests => "tests",
            Self::Doctests => "doctests",
            Self::Image => "image",
            Self::E2e => "e2e",
            Self::Tree => "tree",
        }
    }

    /// The longest that the step may take on two slow cores from an empty cache; a step that hangs must not eat the hour.
    fn limit(self) -> Duration {
        let minutes = match self {
            Self::Format | Self::Layers | Self::Spelling | Self::Tree => 2,
            Self::Dependencies | Self::Docs | Self::Generated | Self::Doctests => 10,
            Self::Clippy | Self::Image => 20,
            Self::Tests => 20,
            Self::E2e => 30,
        };
        Duration::from_secs(minutes * 60)
    }
}

/// How a step ended.
struct Ended {
    step: Step,
    took: Duration,
    error: Option<anyhow::Error>,
}

/// What the steps hand to each other.
struct Run<'a> {
    context: &'a Context,
    yes: bool,
    all: bool,
    /// What git said about tracked files before the first step.
    tree: String,
    /// The image of this run, once it is built.
    image: Option<PathBuf>,
    /// Whether the image step belongs to this run, so that e2e must not take an older image.
    builds_image: bool,
}

/// Runs `cargo xtask test`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    let steps: Vec<Step> = STEPS.into_iter().filter(|step| wanted(*step, arguments)).collect();
    let tree = tree(context)?;
    packages::install(context, Purpose::Test, arguments.yes)?;
    let builds_image = steps.contains(&Step::Image);
    let mut run = Run {
        context,
        yes: arguments.yes,
        all: arguments.all,
        tree,
        image: None,
        builds_image,
    };
    let mut ended = Vec::new();
    for step in steps {
        report::talk(&format!("\n=== {}", step.name()));
        let start = Instant::now();
        let error = run.step(step).err();
        let took = start.elapsed();
        if let Some(error) = error {
            if error.is::<Interrupted>() {
                return Err(error);
            }
            report::talk(&format!(
                "=== {} failed after {}: {error:#}",
                step.name(),
                seconds(took)
            ));
            report::talk(&format!("    repeat it with: cargo xtask test --only {}", step.name()));
            ended.push(Ended {
                step,
                took,
                error: Some(error),
            });
        } else {
            report::talk(&format!("=== {} passed in {}", step.name(), seconds(took)));
            ended.push(Ended {
                step,
                took,
                error: None,
            });
        }
    }
    summary(&ended)
}

fn wanted(step: Step, arguments: &Arguments) -> bool {
    let slow = matches!(step, Step::Image | Step::E2e);
    if arguments.only.is_empty() {
        !(arguments.fast && slow)
    } else {
        arguments.only.contains(&step)
    }
}

fn summary(ended: &[Ended]) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = ended
        .iter()
        .map(|Ended { step, took, error }| {
            let outcome = error
                .as_ref()
                .map_or_else(|| "passed".to_owned(), |error| format!("FAILED: {error}"));
            vec![step.name().to_owned(), seconds(*took), outcome]
        })
        .collect();
    let failed = ended.iter().filter(|ended| ended.error.is_some()).count();
    report::result(&format!("\n{}\n", report::table(&["step", "took", "outcome"], &rows)));
    report::result(&format!("{} passed, {failed} failed", ended.len() - failed));
    if failed > 0 {
        bail!("{failed} of {} steps failed", ended.len());
    }
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

impl Run<'_> {
    fn step(&mut self, step: Step) -> anyhow::Result<()> {
        let context = self.context;
        let limited = |program: Program| {
            let program = program.limit(step.limit());
            report::talk(&format!("    {}", program.line()));
            program.run()
        };
        let cargo = |arguments: &[&str]| limited(context.cargo(arguments));
        match step {
            Step::Format => cargo(&["fmt", "--all", "--check"]),
            Step::Layers => layers::run(context, &layers::Arguments::default()),
            Step::Spelling => limited(context.program(tools::TYPOS.ensure(context)?)),
            Step::Dependencies => {
                let deny = context.program(tools::DENY.ensure(context)?);
                limited(deny.args(["--locked", "check", "bans", "licenses", "sources"]))
            }
            Step::Clippy => cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ]),
            Step::Docs => {
                let doc = [
                    "doc",
                    "--workspace",
                    "--no-deps",
                    "--document-private-items",
                    "--locked",
                ];
                limited(context.cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"))
            }
            Step::Generated => generate::run(context, &generate::Arguments { check: true }),
            Step::Tests => {
                let nextest = context.program(tools::NEXTEST.ensure(context)?).shown_as("cargo");
                let nextest = nextest.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
                // A snapshot that differs must fail here, never write itself anew.
                limited(nextest.env("INSTA_UPDATE", "no"))
            }
            Step::Doctests => cargo(&["test", "--doc", "--workspace", "--locked", "--quiet"]),
            Step::Image => {
                self.image = Some(image::build(context)?);
                Ok(())
            }
            Step::E2e => self.e2e(),
            Step::Tree => self.tree_is_unchanged(),
        }
    }

    fn e2e(&self) -> anyhow::Result<()> {
        if self.builds_image {
            let image = self
                .image
                .as_deref()
                .context("there is no image to boot: the image step failed")?;
            return e2e::tests(self.context, image, Accel::Auto, &[], self.all);
        }
        e2e::run(
            self.context,
            &e2e::Arguments {
                yes: self.yes,
                all: self.all,
                ..e2e::Arguments::default()
            },
        )
    }

    fn tree_is_unchanged(&self) -> anyhow::Result<()> {
        let now = tree(self.context)?;
        if now != self.tree {
            report::talk(&now);
            bail!("files under version control were changed by the build or the tests");
        }
        Ok(())
    }
}

/// What differs from the last commit in files under version control: names and content.
fn tree(context: &Context) -> anyhow::Result<String> {
    context.program("git").args(["diff", "HEAD"]).text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(fast: bool, only: &[Step]) -> Arguments {
        Arguments {
            yes: false,
            fast,
            all: false,
            only: only.to_vec(),
        }
    }

    #[test]
    fn fast_leaves_out_what_boots() {
        let steps: Vec<_> = STEPS
            .into_iter()
            .filter(|step| wanted(*step, &arguments(true, &[])))
            .collect();
        assert!(steps.contains(&Step::Tests) && !steps.contains(&Step::E2e) && !steps.contains(&Step::Image));
    }

    #[test]
    fn only_means_only() {
        let steps: Vec<_> = STEPS
            .into_iter()
            .filter(|step| wanted(*step, &arguments(true, &[Step::E2e])))
            .collect();
        assert_eq!(steps, [Step::E2e]);
    }

    #[test]
    fn one_failure_fails_the_run() {
        let ended = |error| Ended {
            step: Step::Format,
            took: Duration::ZERO,
            error,
        };
        assert!(summary(&[ended(None)]).is_ok());
        assert!(summary(&[ended(None), ended(Some(anyhow::anyhow!("no")))]).is_err());
    }
}
