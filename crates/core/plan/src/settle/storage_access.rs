//! Files of the services that reach storage of other machines.

use corbel_model::seed::{Seed, render};
use corbel_model::storage_access::{Iscsi, Multipath, Nfs, StorageAccess};
use corbel_model::words::Warning;

use super::files::HEAD;
use super::{IDMAP_FILE, MULTIPATH_FILE, PlannedFile, STORAGE_ACCESS_FILE};

pub(super) fn files(access: StorageAccess, warnings: &mut Vec<Warning>) -> Vec<PlannedFile> {
    let StorageAccess { iscsi, nfs, multipath } = access;
    let Nfs { domain, mounts } = nfs;
    let mut files = Vec::new();
    // A name alone is that of nobody who logs in, and still what the targets' owner wants to see.
    if !iscsi.targets.is_empty() || iscsi.initiator.is_some() || !mounts.is_empty() {
        let (lacking, targets) = iscsi.targets.into_iter().partition::<Vec<_>, _>(|t| t.lacks_password());
        for target in lacking {
            let problem = "has a login without a password, so nobody logs in there: set its chap_password";
            warnings.push(Warning::new(
                format!("storage_access.iscsi.target[{}]", target.name),
                problem,
            ));
        }
        let initiator = iscsi.initiator;
        let access = StorageAccess {
            iscsi: Iscsi { initiator, targets },
            nfs: Nfs { domain: None, mounts },
            ..StorageAccess::default()
        };
        let document = render(&Seed {
            storage_access: access,
            ..Seed::default()
        });
        files.push(PlannedFile::new(STORAGE_ACCESS_FILE, format!("{HEAD}{document}")));
    }
    if multipath.enabled {
        files.push(PlannedFile::new(MULTIPATH_FILE, self::multipath(&multipath)));
    }
    if let Some(domain) = domain {
        // idmapd.conf(5)
        let text =
            format!("{HEAD}[General]\nDomain = {domain}\n[Mapping]\nNobody-User = nobody\nNobody-Group = nogroup\n");
        files.push(PlannedFile::new(IDMAP_FILE, text));
    }
    files
}

/// multipath.conf(5). What a vendor's array needs is in multipath's own table.
fn multipath(multipath: &Multipath) -> String {
    let Multipath { find, blacklist, .. } = multipath;
    let mut text = format!(
        "{HEAD}defaults {{\n\tfind_multipaths {}\n\tuser_friendly_names no\n}}\n",
        find.as_str()
    );
    if !blacklist.is_empty() {
        // Each is a regular expression there.
        let lines = blacklist
            .iter()
            .map(|wwid| format!("\twwid \"^{}$\"\n", wwid.to_string().replace('.', "\\.")));
        text += &format!("blacklist {{\n{}}}\n", lines.collect::<String>());
    }
    text
}
