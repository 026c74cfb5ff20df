//! How large the partitions become: what was asked for, Corbel's own sizes for the rest, and the least that works.

use corbel_layout::disk::{ALIGNMENT, DataSize, LEAST_DATA, Sizes};
use corbel_model::ByteSize;
use corbel_model::install::{DataRequest, SizeRequest};

use super::{Disk, Refusal, ReleaseFacts};

const MIB: u64 = 1 << 20;
/// FAT32 has at least 65525 clusters (Microsoft's FAT specification, 3.5), each at least one sector: 256 MiB with sectors of 4096 bytes.
const LEAST_ESP: u64 = 272 * MIB;
const LEAST_ROOT: u64 = 256 * MIB;
/// Below this a journal of ext4 leaves no room for files.
const LEAST_CONFIG: u64 = 32 * MIB;
const LEAST_LOG: u64 = 128 * MIB;
const LEAST_SWAP: u64 = 16 * MIB;
/// A slot may take this much without being absurd; beyond it somebody wrote bytes for mebibytes.
const MOST: u64 = 1 << 50;

/// What the smallest boot disk has, with Corbel's own sizes.
pub fn minimum_bytes() -> u64 {
    least_disk(&Sizes::default())
}

/// The system, the least data that was asked for, and a MiB for the copy of the table.
pub(super) fn least_disk(sizes: &Sizes) -> u64 {
    let data = match sizes.data {
        DataSize::Rest => LEAST_DATA,
        DataSize::Bytes(bytes) => bytes,
        DataSize::None => 0,
    };
    sizes.system_bytes().saturating_add(data).saturating_add(ALIGNMENT)
}

pub(super) fn too_small(disk: &Disk, least: u64) -> String {
    let (path, has, needs) = (
        &disk.path,
        ByteSize(disk.bytes).to_string(),
        ByteSize(least).to_string(),
    );
    if has == needs {
        return format!(
            "{path} is too small: it lacks {} of {needs}",
            ByteSize(least.saturating_sub(disk.bytes))
        );
    }
    format!("{path} is too small: it has {has}, and {needs} are needed")
}

/// The sizes of a request. `notes` gets what was raised.
pub(super) fn effective(
    asked: &SizeRequest,
    release: &ReleaseFacts,
    notes: &mut Vec<String>,
) -> Result<Sizes, Refusal> {
    let own = Sizes::default();
    let raise = asked.raise;
    let mut one = |name: &str, asked: Option<ByteSize>, own: u64, least: u64| {
        let Some(ByteSize(bytes)) = asked else {
            return Ok(own.max(least));
        };
        let field = format!("sizes.{name}");
        if bytes > MOST {
            return Err(Refusal::new(
                field,
                format!("{} is more than any disk has", ByteSize(bytes)),
            ));
        }
        if bytes >= least {
            return Ok(bytes);
        }
        let (given, needed) = (ByteSize(bytes), ByteSize(least));
        if !raise {
            return Err(Refusal::new(
                field,
                format!("{given} is too little: at least {needed} are needed"),
            ));
        }
        notes.push(format!(
            "{name} gets {}, as the {given} that were named are too little",
            ByteSize(own.max(least))
        ));
        Ok(own.max(least))
    };
    // Both slots' kernels, and room for a third while one is being replaced.
    let esp = one(
        "esp",
        asked.esp,
        own.esp,
        LEAST_ESP.max(3 * release.uki_bytes + 16 * MIB),
    )?;
    let root = one("root", asked.root, own.root, LEAST_ROOT.max(release.root_bytes))?;
    let config = one("config", asked.config, own.config, LEAST_CONFIG)?;
    let log = one("log", asked.log, own.log, LEAST_LOG)?;
    let swap = match asked.swap {
        None | Some(ByteSize(0)) => 0,
        given => one("swap", given, 0, LEAST_SWAP)?,
    };
    let data = match asked.data {
        None | Some(DataRequest::Rest) => DataSize::Rest,
        Some(DataRequest::None) => DataSize::None,
        Some(DataRequest::Size(size)) => DataSize::Bytes(one("data", Some(size), LEAST_DATA, LEAST_DATA)?),
    };
    Ok(Sizes {
        esp,
        bios: own.bios,
        root,
        config,
        log,
        swap,
        data,
    })
}
