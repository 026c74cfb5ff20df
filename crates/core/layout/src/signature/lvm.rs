//! Members of LVM2 volume groups: the label in one of the first four sectors, and the text of the metadata area that it names
//! (lvm2, `lib/format_text/layout.h` and `lib/label/label.h`).

use std::fmt;
use std::io;

use serde::Serialize;

use super::Device;
use crate::ReadAt;
use crate::bytes::{le32, le64};

/// A text that is longer than this is not one that a few hundred volumes need.
const MOST_TEXT: usize = 1 << 20;
/// Areas that a header can name.
const MOST_AREAS: usize = 8;

/// A physical volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LvmMember {
    /// This volume, 32 characters without dashes.
    pub id: String,
    /// The group's name; `None` when it belongs to none, or when its text cannot be read.
    pub group: Option<String>,
    /// All physical volumes of the group, this one among them, as 32 characters.
    pub members: Vec<String>,
    /// Tags of the group, such as `storage_domain`.
    pub tags: Vec<String>,
}

impl fmt::Display for LvmMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "the LVM volume group {group}")?,
            None => f.write_str("a physical volume of LVM")?,
        }
        if !self.tags.is_empty() {
            write!(f, " (tags: {})", self.tags.join(", "))?;
        }
        Ok(())
    }
}

pub(super) fn read<T: ReadAt + ?Sized>(device: &Device<'_, T>) -> io::Result<Option<LvmMember>> {
    const SECTOR: u64 = 512;
    for sector in 0..4 {
        let Some(label) = device.bytes(sector * SECTOR, SECTOR as usize)? else {
            return Ok(None);
        };
        if &label[..8] != b"LABELONE" || &label[24..32] != b"LVM2 001" {
            continue;
        }
        let at = le32(&label, 20) as usize;
        let Some(header) = label.get(at..).filter(|header| header.len() >= 40) else {
            return Ok(Some(LvmMember::default()));
        };
        let mut member = LvmMember {
            id: super::text(&header[..32]).unwrap_or_default(),
            ..LvmMember::default()
        };
        for (offset, _) in areas(header) {
            if let Some(text) = metadata(device, offset)? {
                describe(&text, &mut member);
                break;
            }
        }
        return Ok(Some(member));
    }
    Ok(None)
}

/// The metadata areas (offset, bytes) behind the list of data areas; each list ends with zeros.
fn areas(header: &[u8]) -> Vec<(u64, u64)> {
    let mut pairs = header[40..].chunks_exact(16).map(|pair| (le64(pair, 0), le64(pair, 8)));
    let data = pairs
        .by_ref()
        .take_while(|(offset, _)| *offset != 0)
        .take(MOST_AREAS)
        .count();
    if data == MOST_AREAS {
        return Vec::new();
    }
    pairs.take_while(|(offset, _)| *offset != 0).take(MOST_AREAS).collect()
}

/// The newest text of the area at `offset`: a ring behind a header of 512 bytes.
fn metadata<T: ReadAt + ?Sized>(device: &Device<'_, T>, offset: u64) -> io::Result<Option<String>> {
    const HEADER: u64 = 512;
    let Some(header) = device.bytes(offset, HEADER as usize)? else {
        return Ok(None);
    };
    if &header[4..20] != b" LVM2 x[5A%r0N*>" {
        return Ok(None);
    }
    let (area, at, size) = (le64(&header, 32), le64(&header, 40), le64(&header, 48));
    let length = usize::try_from(size).unwrap_or(usize::MAX).min(MOST_TEXT);
    if at < HEADER || at >= area || size > area {
        return Ok(None);
    }
    // A text that reaches the end of the ring goes on behind the header.
    let first = length.min(usize::try_from(area - at).unwrap_or(usize::MAX));
    let Some(start) = offset.checked_add(at) else {
        return Ok(None);
    };
    let Some(mut bytes) = device.bytes(start, first)? else {
        return Ok(None);
    };
    if first < length {
        match device.bytes(offset + HEADER, length - first)? {
            Some(rest) => bytes.extend(rest),
            None => return Ok(None),
        }
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Takes from the text what the installer asks for. The text is `NAME { key = value … physical_volumes { pv0 { id = "…" … } } … }`;
/// the group's own keys stand at depth one, the volumes' ids at depth three below `physical_volumes`.
fn describe(text: &str, member: &mut LvmMember) {
    let mut path: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_suffix('{') {
            let name = name.trim().to_owned();
            if path.is_empty() && member.group.is_none() {
                member.group = Some(clean(&name));
            }
            path.push(name);
        } else if line == "}" {
            path.pop();
        } else if let Some((key, value)) = line.split_once('=') {
            let depth: Vec<&str> = path.iter().map(String::as_str).collect();
            match (depth.as_slice(), key.trim()) {
                ([_], "tags") => member.tags = quoted(value).map(clean).collect(),
                ([_, "physical_volumes", _], "id") => {
                    member.members.extend(quoted(value).map(|id| id.replace('-', "")));
                }
                _ => {}
            }
        }
    }
}

fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(128)
        .collect()
}

/// What stands in double quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}
