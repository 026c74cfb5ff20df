//! Dumps of a kernel that crashed, for the API.

use corbel_agent::{Dump, DumpState, DumpStatus, SystemError};
use corbel_machine::crash::{self, CrashError, State};
use corbel_model::ByteSize;

use super::{failed, refused};

pub(super) fn status() -> Result<DumpStatus, SystemError> {
    let status = crash::status().map_err(|error| failed("looking at dumps of the kernel", &error))?;
    let dumps = crash::list().into_iter().map(|dump| Dump {
        name: dump.name,
        reason: dump.marker.reason,
        place: dump.marker.place,
        size: ByteSize(dump.marker.bytes),
        problem: dump.marker.problem,
    });
    Ok(DumpStatus {
        state: match status.state {
            State::Off => DumpState::Off,
            State::Ready => DumpState::Ready,
            State::WaitsForRestart => DumpState::WaitsForRestart,
            State::Failed => DumpState::Failed,
        },
        message: status.message,
        set_aside: ByteSize(status.set_aside),
        dumps: dumps.collect(),
    })
}

pub(super) fn test() -> Result<String, SystemError> {
    let tried = crash::test().map(|place| place.to_string());
    tried.map_err(|error| match error {
        CrashError::File(_) | CrashError::Order(_) => failed("trying the place of dumps", &error),
        error => refused(corbel_sys::chain(&error)),
    })
}
