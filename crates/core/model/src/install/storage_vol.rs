//! `storage_vol=` as oVirt Node 3.x wrote it: `BOOT:SWAP:ROOT:CONFIG:LOGGING:DATA:SWAP2:DATA2` or `SIZE,NAME[:SIZE,NAME…]`, in MB.

use super::{DataRequest, FieldError, SizeRequest};
use crate::ByteSize;

const FIELD: &str = "storage_vol";
const POSITIONS: [&str; 8] = ["Boot", "Swap", "Root", "Config", "Logging", "Data", "Swap2", "Data2"];
/// More MB than this is a slip of the finger (1 EiB), and its bytes would not fit 64 bits.
const MOST_MB: i64 = 1 << 40;

/// Reads the value. An empty position keeps Corbel's own size; Swap2 and Data2 have no meaning here, as each further disk carries
/// data alone.
///
/// # Errors
/// What is not a number or not a volume, with the name of the volume.
pub fn parse_storage_vol(value: &str) -> Result<SizeRequest, FieldError> {
    let mut sizes = SizeRequest {
        raise: true,
        ..SizeRequest::default()
    };
    let parts: Vec<&str> = value.split(':').map(str::trim).collect();
    if value.contains(',') {
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let (size, name) = part
                .split_once(',')
                .ok_or_else(|| error(format!("{part:?} has no name: write SIZE,NAME such as 2048,Logging")))?;
            set(&mut sizes, name.trim(), size.trim())?;
        }
        return Ok(sizes);
    }
    if parts.len() > POSITIONS.len() {
        return Err(error(
            "has more than eight sizes: write BOOT:SWAP:ROOT:CONFIG:LOGGING:DATA:SWAP2:DATA2",
        ));
    }
    for (size, name) in parts.iter().zip(POSITIONS).filter(|(size, _)| !size.is_empty()) {
        set(&mut sizes, name, size)?;
    }
    Ok(sizes)
}

fn error(problem: impl std::fmt::Display) -> FieldError {
    FieldError::new(FIELD, problem)
}

fn set(sizes: &mut SizeRequest, name: &str, text: &str) -> Result<(), FieldError> {
    let number: i64 = text
        .parse()
        .map_err(|_| error(format!("{name} is {text:?}: give a number of MB")))?;
    let is_data = matches!(name, "Data" | "Data2");
    if !(-1..=MOST_MB).contains(&number) || (number == -1 && !is_data) {
        let rest = if is_data {
            ", or -1 for the rest of the disk"
        } else {
            ""
        };
        return Err(error(format!("{name} is {number}: give a number of MB{rest}")));
    }
    let size = u64::try_from(number).ok().map(ByteSize::mib);
    match name {
        "EFI" | "Boot" => sizes.esp = size,
        "Swap" => sizes.swap = size,
        "Root" => sizes.root = size,
        "Config" => sizes.config = size,
        "Logging" => sizes.log = size,
        "Data" => {
            sizes.data = Some(match size {
                None => DataRequest::Rest,
                Some(ByteSize(0)) => DataRequest::None,
                Some(size) => DataRequest::Size(size),
            });
        }
        "Swap2" | "Data2" => {}
        _ => {
            let names = "EFI, Boot, Swap, Root, Config, Logging, Data, Swap2 and Data2";
            return Err(error(format!("{name:?} is not a volume: there are {names}")));
        }
    }
    Ok(())
}
