//! `corbel node security`: how well the node is protected, what that means, and what would raise it.

use corbel_node_api::{SecurityFinding, SecurityGrade};

use crate::failure::Failure;
use crate::printer::Tone;
use crate::settings::Context;
use crate::table::tame;

pub(super) async fn run(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let level = context.client()?.security().await?;
    if printer.json {
        return printer.document(&level);
    }
    printer.line(&tame(&level.summary))?;
    for finding in &level.findings {
        printer.line("")?;
        let (word, tone) = grade(finding);
        let head = format!("{}: {}", tame(&finding.title), tame(&finding.state));
        printer.line(&format!("{} {head}", printer.paint(tone, word)))?;
        printer.line(&format!("       {}", tame(&finding.meaning)))?;
        if let Some(raise) = &finding.raise {
            printer.line(&format!("       {}", tame(raise)))?;
        }
    }
    Ok(())
}

fn grade(finding: &SecurityFinding) -> (&'static str, Tone) {
    match finding.grade {
        SecurityGrade::Good => ("good  ", Tone::Good),
        SecurityGrade::Weak => ("weak  ", Tone::Bad),
        SecurityGrade::NotKnown | SecurityGrade::Unknown => ("?     ", Tone::Quiet),
    }
}
