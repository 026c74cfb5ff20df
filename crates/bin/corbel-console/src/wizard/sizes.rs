//! The sizes page: what was typed, as bytes, and what that leaves.

use corbel_layout::disk::{ALIGNMENT, DataSize, LEAST_DATA, Sizes};
use corbel_model::ByteSize;
use corbel_node_api as api;

use super::{Field, Wizard};

/// What a boot disk has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes of the disk; 0 when it is not known.
    pub(crate) disk: u64,
    /// Bytes of everything but the data partition.
    pub(crate) system: u64,
    /// Bytes that VM storage on this disk gets.
    pub(crate) data: u64,
    /// Bytes that nobody gets; negative when so much is missing.
    pub(crate) left: i128,
}

/// What one field holds; empty text is Corbel's own size.
fn bytes(text: &str, own: u64) -> Result<u64, String> {
    match text.trim() {
        "" => Ok(own),
        "none" => Ok(0),
        text => text
            .parse()
            .map(ByteSize::bytes)
            .map_err(|e: corbel_model::SizeError| e.to_string()),
    }
}

impl Wizard {
    /// The sizes as they are typed, or the first field that holds none.
    pub(crate) fn sizes(&self) -> Result<Sizes, (Field, String)> {
        let own = Sizes::default();
        let one = |field: Field, own: u64| bytes(self.texts.get(field), own).map_err(|problem| (field, problem));
        let (esp, root) = (one(Field::Esp, own.esp)?, one(Field::Root, own.root)?);
        let (config, log) = (one(Field::Config, own.config)?, one(Field::Log, own.log)?);
        let swap = one(Field::Swap, own.swap)?;
        let data = match self.fill {
            true => DataSize::Rest,
            false => match one(Field::Data, 0)? {
                0 => DataSize::None,
                bytes => DataSize::Bytes(bytes),
            },
        };
        let bios = own.bios;
        Ok(Sizes {
            esp,
            bios,
            root,
            config,
            log,
            swap,
            data,
        })
    }

    /// For the request: only what is not Corbel's own.
    pub(super) fn wire_sizes(&self) -> Result<api::InstallSizes, (Field, String)> {
        let (own, sizes) = (Sizes::default(), self.sizes()?);
        let one = |given: u64, own: u64| (given != own).then_some(api::Size(ByteSize(given)));
        Ok(api::InstallSizes {
            esp: one(sizes.esp, own.esp),
            root: one(sizes.root, own.root),
            config: one(sizes.config, own.config),
            log: one(sizes.log, own.log),
            swap: one(sizes.swap, own.swap),
            data: match sizes.data {
                DataSize::Rest => None,
                DataSize::None => Some(api::DataSize::Word(api::DataWord::None)),
                DataSize::Bytes(bytes) => Some(api::DataSize::Size(api::Size(ByteSize(bytes)))),
            },
            raise: false,
        })
    }

    /// What the boot disk has room for with these sizes.
    pub(crate) fn room(&self) -> Result<Room, (Field, String)> {
        let sizes = self.sizes()?;
        let disks = self.disks.as_deref().unwrap_or_default();
        let boot = disks.iter().find(|disk| self.boot.as_ref() == Some(&disk.path));
        let disk = boot.map_or(0, |disk| disk.size);
        // A MiB at the end is the copy of the partition table's.
        let system = sizes.system_bytes().saturating_add(ALIGNMENT);
        let free = i128::from(disk) - i128::from(system);
        let data = match sizes.data {
            DataSize::Rest => u64::try_from(free).unwrap_or(0).max(LEAST_DATA),
            DataSize::None => 0,
            DataSize::Bytes(bytes) => bytes,
        };
        Ok(Room {
            disk,
            system,
            data,
            left: free - i128::from(data),
        })
    }

    /// Whether the page may be left: everything is a size and it fits.
    pub(super) fn check_sizes(&self) -> Result<(), (Field, String)> {
        let room = self.room()?;
        if room.left < 0 {
            let missing = u64::try_from(-room.left).unwrap_or(u64::MAX);
            let problem = format!(
                "The disk is too small for these sizes: {} more are needed",
                ByteSize(missing)
            );
            return Err((Field::Root, problem));
        }
        if room.data == 0 && self.data.is_empty() {
            let problem = "There would be no place for VM disks: give data a size or choose a data device";
            return Err((Field::Data, problem.to_owned()));
        }
        Ok(())
    }
}
