//! What cannot be meant of storage that other machines have.

use corbel_model::storage_access::StorageAccess;

use super::Problem;

/// Names of pools that are the node's own: `default`, and `data2` and so on.
fn is_own_pool(name: &str) -> bool {
    let number = name.strip_prefix("data");
    name == "default" || number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

pub(super) fn check(access: &StorageAccess, problems: &mut Vec<Problem>) {
    let targets = &access.iscsi.targets;
    for (at, target) in targets.iter().enumerate() {
        let key = format!("storage_access.iscsi.target[{}]", target.name);
        if targets.iter().take(at).any(|other| other.name == target.name) {
            problems.push(Problem::new(key, "is there twice: name all its portals in one entry"));
            continue;
        }
        for (at, portal) in target.portals.iter().enumerate() {
            if target.portals.iter().take(at).any(|other| other == portal) {
                problems.push(Problem::new(
                    format!("{key}.portals"),
                    format!("{portal} is there twice"),
                ));
            }
        }
    }
    let mounts = &access.nfs.mounts;
    for (at, mount) in mounts.iter().enumerate() {
        let key = format!("storage_access.nfs.mount[{}]", mount.name);
        if is_own_pool(mount.name.as_str()) {
            problems.push(Problem::new(
                key,
                "is the name of a pool on the node's own disks: take another",
            ));
        } else if mounts.iter().take(at).any(|other| other.name == mount.name) {
            problems.push(Problem::new(key, "is there twice"));
        }
    }
}
