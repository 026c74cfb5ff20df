//! Every state of a recording, judged and counted.

use std::time::Instant;

use crate::{
    check::{Checker, Outcome, Verdict},
    recording::{Operation, Recording},
    release::Release,
    replay::{Name, replay},
    report::{Counts, Failure, OperationReport},
};

/// So many failures are told in full; more of them say nothing new.
const MOST_FAILURES: usize = 50;

/// Judges all states of a recording of `operation` between these releases.
///
/// # Errors
/// When the recording is not one of that operation, or the checker cannot work.
pub fn judge(
    recording: &Recording,
    operation: Operation,
    old: Option<&Release>,
    new: Option<&Release>,
) -> anyhow::Result<OperationReport> {
    let started = Instant::now();
    let mut checker = Checker::new(recording, operation, old, new)?;
    let mut report = OperationReport::new(operation, recording);
    let judged: anyhow::Result<()> = replay(recording, |name, state| {
        let outcome = checker.check(state)?;
        count(&mut report, recording, name, &outcome);
        Ok(())
    });
    judged?;
    report.distinct = checker.distinct();
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

fn count(report: &mut OperationReport, recording: &Recording, name: Name, outcome: &Outcome) {
    if name.cut.is_boundary() {
        report.cut_points += 1;
    } else {
        report.reordered += 1;
    }
    report.repaired += u64::from(outcome.repaired);
    add(&mut report.uefi, &outcome.uefi);
    if let Some(verdict) = &outcome.bios {
        add(report.bios.get_or_insert_default(), verdict);
    }
    let Some(reason) = outcome.failure() else { return };
    report.failures += 1;
    if report.told.len() < MOST_FAILURES {
        let write = recording.writes().get(name.write);
        report.told.push(Failure {
            state: name.to_string(),
            write: name.write,
            offset: write.map_or(0, |write| write.offset),
            length: write.map_or(0, |write| write.length),
            reason,
        });
    }
}

fn add(counts: &mut Counts, verdict: &Verdict) {
    match verdict {
        Verdict::Old => counts.old += 1,
        Verdict::New => counts.new += 1,
        Verdict::Nothing => counts.nothing += 1,
        Verdict::Failure(_) => counts.failures += 1,
    }
}
