//! Recordings without a machine: a small node on a disk in a file, whose writes become a log like QEMU's.

mod node;
mod recorder;

pub(crate) use node::{SmallNode, SmallRelease, records_of_a};
pub(crate) use recorder::Recorder;
