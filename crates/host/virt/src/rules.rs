//! When a machine's state allows what. One answer for the fake and for libvirt, in the same words.

use corbel_model::vm::VmState;

use crate::VirtError;

/// What errors call the objects.
pub const VM: &str = "VM";
pub const VOLUME: &str = "volume";
pub const NETWORK: &str = "network";
pub const POOL: &str = "pool";

/// A machine that has a process: everything but off.
pub fn is_active(state: VmState) -> bool {
    !matches!(state, VmState::Off | VmState::Unknown)
}

/// The error for a machine in the wrong state.
pub fn conflict(name: &str, problem: impl Into<String>) -> VirtError {
    VirtError::Conflict {
        kind: VM,
        name: name.to_owned(),
        problem: problem.into(),
    }
}

/// # Errors
/// It runs already, or has crashed and is kept for a look.
pub fn may_start(name: &str, state: VmState) -> Result<(), VirtError> {
    match state {
        VmState::Off | VmState::Unknown => Ok(()),
        VmState::Crashed => Err(conflict(name, "has crashed: force it off first")),
        _ => Err(conflict(name, "is running already")),
    }
}

/// Shut down, reboot, force off, console: all need a guest.
///
/// # Errors
/// It is off.
pub fn must_run(name: &str, state: VmState) -> Result<(), VirtError> {
    if is_active(state) {
        Ok(())
    } else {
        Err(conflict(name, "is not running"))
    }
}

/// # Errors
/// It is not off.
pub fn may_delete(name: &str, state: VmState) -> Result<(), VirtError> {
    if is_active(state) {
        Err(conflict(name, "is running: shut it down or force it off first"))
    } else {
        Ok(())
    }
}

/// The error for a volume that a machine has as disk, kernel or initrd.
pub fn volume_in_use(volume: &str, machine: &str) -> VirtError {
    let problem = format!("is used by VM {machine}");
    VirtError::Conflict {
        kind: VOLUME,
        name: volume.to_owned(),
        problem,
    }
}

/// `Ok` for the two formats that the node makes.
///
/// # Errors
/// Any other.
pub fn check_format(format: &str) -> Result<(), VirtError> {
    match format {
        "raw" | "qcow2" => Ok(()),
        _ => {
            let format: String = format.chars().take(20).collect();
            Err(VirtError::Invalid {
                field: "format".into(),
                problem: format!("{format:?} is not known: use qcow2 or raw"),
            })
        }
    }
}

/// What an upload of `size` bytes may be.
///
/// # Errors
/// Nothing at all.
pub fn check_size(size: corbel_model::ByteSize) -> Result<(), VirtError> {
    if size.bytes() == 0 {
        return Err(VirtError::Invalid {
            field: "size".into(),
            problem: "is 0: give at least 1 byte".into(),
        });
    }
    // libvirt keeps sizes as signed numbers of bytes.
    if size.bytes() > i64::MAX as u64 {
        return Err(VirtError::Invalid {
            field: "size".into(),
            problem: format!("{size} is more than 8 EiB"),
        });
    }
    Ok(())
}

/// Whether an upload of `size` bytes can fit into `pool`.
///
/// # Errors
/// [`VirtError::NoSpace`] with both numbers.
pub fn check_room(pool: &str, size: corbel_model::ByteSize, free: corbel_model::ByteSize) -> Result<(), VirtError> {
    if size <= free {
        return Ok(());
    }
    Err(VirtError::NoSpace {
        pool: pool.to_owned(),
        problem: format!("{size} are needed, {free} are free"),
    })
}

/// The error for an upload that did not bring what it said.
pub fn wrong_length(volume: &str, wanted: u64, received: u64) -> VirtError {
    let problem = if received > wanted {
        format!("volume {volume} was announced with {wanted} bytes, and more arrived")
    } else {
        format!("volume {volume} was announced with {wanted} bytes, and {received} arrived")
    };
    VirtError::Invalid {
        field: "content".into(),
        problem,
    }
}

/// The error for an upload that broke off.
pub fn broken_upload(volume: &str, problem: &str) -> VirtError {
    VirtError::Failed {
        operation: format!("upload of volume {volume}"),
        problem: problem.to_owned(),
    }
}

/// A machine that comes in through the node has a name that the node's own paths and files can hold.
///
/// # Errors
/// [`VirtError::Invalid`] with field `xml` and the line.
pub fn check_domain_name(domain: &crate::xml::ParsedDomain) -> Result<(), VirtError> {
    domain
        .name
        .parse::<corbel_model::VmName>()
        .map(drop)
        .map_err(|error| VirtError::Invalid {
            field: "xml".into(),
            problem: format!("line {}, <name>: {error}", domain.name_line),
        })
}
