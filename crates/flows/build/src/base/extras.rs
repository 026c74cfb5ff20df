//! What is added to the packages' files: overlay, enabled and masked units, our identity, mount points, links to our binaries.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corbel_layout::disk::DATA_PLACES;
use corbel_release::units::{enable_links, unit_file};

use super::survey::Survey;
use crate::BuildError;
use crate::recipe::{Loaded, OverlayContent, OverlayFile};

/// The folder in the root that the second layer brings (docs/decisions/0004).
pub(crate) const OURS: &str = "corbel";
/// Our programs: links in `/usr/bin` lead to them.
pub(crate) const PROGRAMS: [&str; 3] = ["corbel", "corbel-node", "corbel-console"];

#[derive(Debug, Default)]
pub(super) struct Extras {
    pub(super) files: BTreeMap<String, OverlayFile>,
    /// Folder → mode.
    pub(super) folders: BTreeMap<String, u32>,
}

impl Extras {
    fn file(&mut self, path: &str, bytes: &[u8]) {
        self.files.insert(
            path.into(),
            OverlayFile {
                mode: 0o644,
                content: OverlayContent::Bytes(bytes.to_vec()),
            },
        );
    }
    fn link(&mut self, path: &str, target: impl Into<PathBuf>) {
        self.files.insert(
            path.into(),
            OverlayFile {
                mode: 0o777,
                content: OverlayContent::Link(target.into()),
            },
        );
    }
}

pub(super) fn extras(recipe: &Loaded, survey: &Survey) -> Result<Extras, BuildError> {
    let mut extras = Extras {
        files: recipe.overlay.clone(),
        folders: BTreeMap::new(),
    };
    // Names the version, which this layer does not know: the next one is made from the same.
    extras.link("usr/lib/os-release", format!("/{OURS}/share/os-release"));
    // Empty, not absent: systemd then makes an identity for this boot without taking it for the first one (machine-id(5)).
    extras.file("etc/machine-id", b"");
    // As old as everything else: no unit finds that /etc or /var needs an update (systemd-update-done.service(8)).
    extras.file("etc/.updated", b"");
    extras.file("var/.updated", b"");
    extras.link("etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
    extras.link("etc/mtab", "../proc/self/mounts");
    for program in PROGRAMS {
        extras.link(&format!("usr/bin/{program}"), format!("/{OURS}/bin/{program}"));
    }
    extras.link("usr/lib/corbel/boot", format!("/{OURS}/boot"));
    extras.link("usr/share/corbel/keys", format!("/{OURS}/keys"));
    let further = (2..=DATA_PLACES).map(|place| format!("data{place}"));
    for folder in ["data".to_owned(), "config".to_owned()].into_iter().chain(further) {
        extras.folders.insert(folder, 0o755);
    }
    let units = &recipe.units;
    extras.link(
        "etc/systemd/system/default.target",
        format!("/usr/lib/systemd/system/{}", units.default_target),
    );
    for entry in &units.enable {
        let name = unit_file(&entry.unit);
        let path = format!("usr/lib/systemd/system/{name}");
        let text = match recipe.overlay.get(&path).map(|file| &file.content) {
            Some(OverlayContent::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => survey.units.get(&name).cloned().ok_or_else(|| {
                BuildError::content(format!(
                    "units.toml enables {}, which no package and no overlay has",
                    entry.unit
                ))
            })?,
        };
        for link in enable_links(&entry.unit, &path, &text) {
            extras.link(&link.path, link.target);
        }
    }
    for entry in &units.mask {
        extras.link(&format!("etc/systemd/system/{}", entry.unit), "/dev/null");
    }
    let folders: Vec<String> = extras.files.keys().flat_map(|path| parents(path)).collect();
    for folder in folders {
        extras.folders.entry(folder).or_insert(0o755);
    }
    Ok(extras)
}

fn parents(path: &str) -> Vec<String> {
    path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect()
}
