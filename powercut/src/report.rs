//! What the proof found, for programs (`report.json`) and for people (a table in docs/spec.md).

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::{
    log::Entry,
    recording::{Operation, Recording},
};

/// Boundaries between two writes that all operations together must have.
pub const LEAST_CUT_POINTS: u64 = 1000;

/// What one firmware would start, counted over the states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub old: u64,
    pub new: u64,
    pub nothing: u64,
    pub failures: u64,
}

/// A state from which the node would not come back as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// How the power was cut.
    pub state: String,
    /// The number of the write that the cut is about, from 0.
    pub write: usize,
    /// First byte of that write on the disk.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
    /// What would not work.
    pub reason: String,
}

/// A judged state that was really booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booted {
    pub operation: Operation,
    /// How the power was cut.
    pub state: String,
    /// What answered; it is what was judged.
    pub version: String,
}

/// One recording, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationReport {
    pub operation: Operation,
    /// Which machine it was recorded on, or another word for people; may be empty.
    pub note: String,
    pub writes: u64,
    pub flushes: u64,
    /// States at boundaries between writes.
    pub cut_points: u64,
    /// States in which writes since the last flush are missing, torn or out of order.
    pub reordered: u64,
    /// States that differ in what decides about a boot; the others differ in logs and data only.
    pub distinct: usize,
    pub uefi: Counts,
    /// Absent for disks that no BIOS starts.
    pub bios: Option<Counts>,
    /// States whose configuration a node repairs before it mounts it, because its journal alone is not enough.
    pub repaired: u64,
    /// States of which either firmware makes a failure.
    pub failures: u64,
    /// The first of them.
    pub told: Vec<Failure>,
    /// What judging took.
    pub seconds: f64,
}

impl OperationReport {
    /// Nothing judged yet.
    pub fn new(operation: Operation, recording: &Recording) -> Self {
        let flushes = recording
            .entries()
            .iter()
            .filter(|entry| **entry == Entry::Flush)
            .count();
        Self {
            operation,
            note: String::new(),
            writes: recording.writes().len() as u64,
            flushes: flushes as u64,
            cut_points: 0,
            reordered: 0,
            distinct: 0,
            uefi: Counts::default(),
            bios: None,
            repaired: 0,
            failures: 0,
            told: Vec::new(),
            seconds: 0.0,
        }
    }
}

/// All recordings, judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub operations: Vec<OperationReport>,
    /// States that were really booted when the recordings were made.
    #[serde(default)]
    pub booted: Vec<Booted>,
}

impl Report {
    /// States at boundaries between writes, of all operations.
    pub fn cut_points(&self) -> u64 {
        self.operations.iter().map(|operation| operation.cut_points).sum()
    }

    /// Why this is no proof; `None` when it is one.
    pub fn shortcoming(&self) -> Option<String> {
        let failures: u64 = self.operations.iter().map(|operation| operation.failures).sum();
        let recorded = |wanted: &Operation| self.operations.iter().any(|operation| operation.operation == *wanted);
        let missing: Vec<&str> = Operation::ALL
            .iter()
            .filter(|wanted| !recorded(wanted))
            .map(|wanted| wanted.name())
            .collect();
        if failures > 0 {
            Some(format!("{failures} states are failures"))
        } else if self.cut_points() < LEAST_CUT_POINTS {
            Some(format!(
                "{} cut points, and at least {LEAST_CUT_POINTS} are wanted",
                self.cut_points()
            ))
        } else if !missing.is_empty() {
            Some(format!("nothing was recorded of: {}", missing.join(", ")))
        } else {
            None
        }
    }

    /// The table for docs/spec.md, and the failures below it.
    pub fn markdown(&self) -> String {
        let mut text = "| operation | writes | flushes | cut points | reordered | distinct | UEFI: old / new / nothing | BIOS: old / new / nothing | repaired | failures |\n\
                        |---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        let counts = |counts: &Counts| format!("{} / {} / {}", counts.old, counts.new, counts.nothing);
        for operation in &self.operations {
            let bios = operation
                .bios
                .as_ref()
                .map_or_else(|| "starts no such disk".to_owned(), counts);
            let note = match operation.note.as_str() {
                "" => String::new(),
                note => format!(" ({note})"),
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {}{note} | {} | {} | {} | {} | {} | {} | {bios} | {} | {} |",
                operation.operation.name(),
                operation.writes,
                operation.flushes,
                operation.cut_points,
                operation.reordered,
                operation.distinct,
                counts(&operation.uefi),
                operation.repaired,
                operation.failures,
            );
        }
        let sum = |of: fn(&OperationReport) -> u64| self.operations.iter().map(of).sum::<u64>();
        let _ = writeln!(
            text,
            "| together | {} | {} | {} | {} | {} | | | {} | {} |",
            sum(|o| o.writes),
            sum(|o| o.flushes),
            sum(|o| o.cut_points),
            sum(|o| o.reordered),
            sum(|o| o.distinct as u64),
            sum(|o| o.repaired),
            sum(|o| o.failures),
        );
        if !self.booted.is_empty() {
            let _ = writeln!(
                text,
                "\nReally booted, each with the version that was judged: {} states.",
                self.booted.len()
            );
        }
        for operation in &self.operations {
            for Failure {
                state,
                offset,
                length,
                reason,
                ..
            } in &operation.told
            {
                let name = operation.operation.name();
                let _ = writeln!(text, "- {name}, {state} ({length} bytes at byte {offset}): {reason}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(operation: Operation, cut_points: u64, failures: u64) -> OperationReport {
        OperationReport {
            operation,
            note: String::new(),
            writes: cut_points,
            flushes: 3,
            cut_points,
            reordered: 7,
            distinct: 5,
            uefi: Counts {
                old: cut_points,
                ..Counts::default()
            },
            bios: None,
            repaired: 0,
            failures,
            told: Vec::new(),
            seconds: 1.0,
        }
    }

    fn report(cut_points: u64, failures: u64) -> Report {
        Report {
            operations: Operation::ALL
                .map(|kind| operation(kind, cut_points, failures))
                .to_vec(),
            booted: Vec::new(),
        }
    }

    #[test]
    fn only_all_operations_without_a_failure_are_a_proof() {
        assert_eq!(report(200, 0).shortcoming(), None);
        assert_eq!(report(200, 1).shortcoming().as_deref(), Some("6 states are failures"));
        assert_eq!(
            report(20, 0).shortcoming().as_deref(),
            Some("120 cut points, and at least 1000 are wanted")
        );
        let mut some = report(500, 0);
        some.operations.truncate(5);
        assert_eq!(
            some.shortcoming().as_deref(),
            Some("nothing was recorded of: uninstall")
        );
    }

    #[test]
    fn the_table_has_a_line_for_each_operation_and_one_for_each_failure() {
        let mut report = report(200, 0);
        report.operations[1].told.push(Failure {
            state: "after write 7".to_owned(),
            write: 7,
            offset: 4096,
            length: 512,
            reason: "UEFI: nothing would be started".to_owned(),
        });
        let text = report.markdown();
        assert_eq!(text.lines().count(), 2 + 6 + 1 + 1);
        assert!(text.contains("| together | 1200 | 18 | 1200 | 42 | 30 |"), "{text}");
        assert!(
            text.ends_with(
                "- configuration save, after write 7 (512 bytes at byte 4096): UEFI: nothing would be started\n"
            ),
            "{text}"
        );
    }
}
