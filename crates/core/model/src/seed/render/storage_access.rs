//! iSCSI, NFS and multipath.

use super::Text;
use crate::storage_access::{Iscsi, Multipath, Nfs, NfsMount, StorageAccess, Target};

pub(super) fn storage_access(text: &mut Text, access: &StorageAccess) {
    let StorageAccess { iscsi, nfs, multipath } = access;
    let Iscsi { initiator, targets } = iscsi;
    if let Some(initiator) = initiator {
        text.head("[storage_access.iscsi]");
        text.put("initiator", initiator.as_str());
    }
    for target in targets {
        self::target(text, target);
    }
    let Nfs { domain, mounts } = nfs;
    if let Some(domain) = domain {
        text.head("[storage_access.nfs]");
        text.put("domain", domain.to_string());
    }
    for mount in mounts {
        self::mount(text, mount);
    }
    if *multipath != Multipath::default() {
        let Multipath {
            enabled,
            find,
            blacklist,
        } = multipath;
        text.head("[storage_access.multipath]");
        text.put("enabled", *enabled);
        text.put("find", find.as_str());
        text.list("blacklist", blacklist);
    }
}

fn target(text: &mut Text, target: &Target) {
    let Target {
        name,
        portals,
        chap_user,
        chap_password,
    } = target;
    text.head("[[storage_access.iscsi.target]]");
    text.put("name", name.as_str());
    text.list("portals", portals);
    text.maybe("chap_user", chap_user.as_ref().map(ToString::to_string));
    let password = chap_password.as_ref();
    text.maybe("chap_password", password.map(|password| password.expose().to_owned()));
}

fn mount(text: &mut Text, mount: &NfsMount) {
    let NfsMount {
        name,
        server,
        path,
        version,
        options,
    } = mount;
    text.head("[[storage_access.nfs.mount]]");
    text.put("name", name.to_string());
    text.put("server", server.to_string());
    text.put("path", path.to_string());
    text.put("version", version.as_str());
    text.list("options", options.iter().map(|option| option.as_str()));
}
