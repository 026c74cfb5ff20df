//! What udev knows of a device: its record below /run/udev/data, lines of `E:NAME=VALUE` and `S:LINK`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Properties and links of one device; empty where udev has none.
#[derive(Debug, Default)]
pub(crate) struct Record {
    properties: BTreeMap<String, String>,
    /// Below /dev, such as `disk/by-id/ata-X`.
    pub(crate) links: Vec<String>,
}

impl Record {
    /// Of the block device `number` (`major:minor`).
    pub(crate) fn read(root: &Path, number: &str) -> Self {
        let path = root.join("run/udev/data").join(format!("b{number}"));
        fs::read_to_string(path)
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut record = Self::default();
        for line in text.lines() {
            if let Some((name, value)) = line.strip_prefix("E:").and_then(|rest| rest.split_once('=')) {
                record.properties.insert(name.to_owned(), value.to_owned());
            } else if let Some(link) = line.strip_prefix("S:") {
                record.links.push(link.to_owned());
            }
        }
        record.links.sort();
        record
    }

    /// A property that says something.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.properties
            .get(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_line_by_line() {
        let record = Record::parse("S:disk/by-id/b\nS:disk/by-id/a\nE:ID_BUS=ata\nE:ID_SERIAL=A=1\nE:ID_WWN= \nI:1\n");
        assert_eq!(record.links, ["disk/by-id/a", "disk/by-id/b"]);
        assert_eq!(
            (record.get("ID_BUS"), record.get("ID_SERIAL")),
            (Some("ata".into()), Some("A=1".into()))
        );
        assert_eq!(record.get("ID_WWN"), None);
    }
}
