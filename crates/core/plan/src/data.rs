//! The places of data partitions, `/data`, `/data2` and so on: what each is called, and the note in `/config` of which partition has which.
//!
//! Installer and boot share it, so that what the one has planned is what the other mounts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use corbel_layout::disk::{DATA_PLACES, Role};
use corbel_layout::gpt::Guid;
use serde::Serialize;

/// Which partition has which place, by the partition's identifier in the table: it stays when the system is installed anew.
pub type Places = BTreeMap<Guid, Place>;

/// Number of a data partition. The first one is `/data`, the next one `/data2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place(u32);

impl Place {
    /// `/data`: definitions of VMs lie there.
    pub const FIRST: Self = Self(1);

    /// The places behind the first one, in their order.
    pub fn further() -> impl Iterator<Item = Self> {
        (2..=DATA_PLACES).map(Self)
    }

    /// Where it is mounted.
    pub fn mount(self) -> String {
        format!("/data{}", self.suffix())
    }

    /// The label that the installer gives the file system: ext4 has room for 16 characters.
    pub fn label(self) -> String {
        format!("{}{}", Role::Data.name(), self.suffix())
    }

    /// The place that a label asks for. The plain label asks for none: every data disk had it once.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::from_suffix(label.strip_prefix(Role::Data.name())?)
    }

    fn from_mount(mount: &str) -> Option<Self> {
        match mount.strip_prefix("/data")? {
            "" => Some(Self::FIRST),
            number => Self::from_suffix(number),
        }
    }

    fn from_suffix(text: &str) -> Option<Self> {
        let number: u32 = text.parse().ok()?;
        // As it would be written, so that no two texts mean one place.
        (number > 1 && number <= DATA_PLACES && number.to_string() == text).then_some(Self(number))
    }

    fn suffix(self) -> String {
        match self {
            Self::FIRST => String::new(),
            Self(number) => number.to_string(),
        }
    }
}

/// What `/config/data-partitions` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Known {
    /// There is no such note.
    #[default]
    Nothing,
    /// How many there were: the note of a version that did not tell them apart and mounted them in the order of their nodes.
    Count(usize),
    Places(Places),
}

impl Known {
    /// Reads the note: a line `GUID /data2` for each partition. Lines that say nothing are passed over.
    pub fn parse(text: &str) -> Self {
        if let Ok(count) = text.trim().parse() {
            return Self::Count(count);
        }
        let line = |line: &str| {
            let (id, mount) = line.trim().split_once(' ')?;
            Some((id.parse().ok()?, Place::from_mount(mount.trim())?))
        };
        let places: Places = text.lines().filter_map(line).collect();
        if places.is_empty() {
            Self::Nothing
        } else {
            Self::Places(places)
        }
    }
}

/// The text of the note.
pub fn render_places(places: &Places) -> String {
    let mut lines: Vec<(&Guid, &Place)> = places.iter().collect();
    lines.sort_by_key(|(id, place)| (**place, **id));
    let mut text = String::new();
    for (id, place) in lines {
        let _ = writeln!(text, "{id} {}", place.mount());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_mounts_count_alike() {
        let second = Place::further().next().expect("a second one");
        assert_eq!(
            (second.label().as_str(), second.mount().as_str()),
            ("corbel-data2", "/data2")
        );
        assert_eq!(
            (Place::FIRST.label().as_str(), Place::FIRST.mount().as_str()),
            ("corbel-data", "/data")
        );
        assert_eq!(Place::from_label("corbel-data2"), Some(second));
        for none in [
            "corbel-data",
            "corbel-data1",
            "corbel-data0",
            "corbel-data02",
            "corbel-data100",
            "data2",
            "",
        ] {
            assert_eq!(Place::from_label(none), None, "{none}");
        }
    }

    #[test]
    fn the_note_is_read_as_it_is_written() {
        let (first, second) = (Guid([1; 16]), Guid([2; 16]));
        let places = Places::from([(first, Place(12)), (second, Place::FIRST)]);
        let text = render_places(&places);
        assert_eq!(text, format!("{second} /data\n{first} /data12\n"));
        assert_eq!(Known::parse(&text), Known::Places(places));
        assert_eq!(Known::parse("3\n"), Known::Count(3));
        for nothing in ["", "x", "01010101-0101-0101-0101-010101010101 /srv", "a b\n\n"] {
            assert_eq!(Known::parse(nothing), Known::Nothing, "{nothing:?}");
        }
    }
}
