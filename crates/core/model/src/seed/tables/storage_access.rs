//! The tables of storage that other machines have: iSCSI, NFS, several paths to one disk.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Text, values};
use crate::PoolName;
use crate::secret::Secret;
use crate::server::Server;
use crate::storage_access::{
    ChapUser, ExportPath, FindMultipaths, Iscsi, IscsiName, Multipath, Nfs, NfsDomain, NfsMount, NfsOption, NfsVersion,
    Portal, StorageAccess, Target, Wwid,
};

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StorageAccessTable {
    /// Disks of iSCSI targets.
    iscsi: IscsiTable,
    /// File systems of NFS servers.
    nfs: NfsTable,
    /// Disks that are reached by several paths.
    multipath: MultipathTable,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct IscsiTable {
    /// The name of this node as an iSCSI initiator. Left out, the node makes one once and keeps it. A change logs out of all targets first.
    #[schemars(extend("examples" = ["iqn.2004-10.org.example:node1"]))]
    initiator: Option<Text<IscsiName>>,
    /// A target that the node is logged in at, from each boot on.
    #[schemars(with = "Vec<TargetTable>")]
    target: Vec<TargetEntry>,
}

/// Made by `try_from`, so that what does not fit together is refused at its place.
#[derive(Deserialize)]
#[serde(try_from = "TargetTable")]
struct TargetEntry(Target);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TargetTable {
    /// The name of the target.
    #[schemars(extend("examples" = ["iqn.2004-10.org.example:disks"]))]
    name: Text<IscsiName>,
    /// Where it listens, by name or address, with a port where it is not 3260. Several are several paths: switch `multipath` on with them.
    #[schemars(extend("examples" = [["192.0.2.5", "198.51.100.5:3260"]]))]
    portals: Vec<Text<Portal>>,
    /// The name by which the node proves itself (CHAP). Left out, it does not.
    #[schemars(extend("examples" = ["node1"]))]
    chap_user: Option<Text<ChapUser>>,
    /// The password of `chap_user`; many targets take 12 to 16 characters only. An installed node keeps it apart, in a file that only root can read, and never shows it; left out, the one that is set stays.
    #[schemars(extend("writeOnly" = true))]
    chap_password: Option<Text<Secret>>,
}

impl TryFrom<TargetTable> for TargetEntry {
    type Error = &'static str;
    fn try_from(table: TargetTable) -> Result<Self, &'static str> {
        if table.portals.is_empty() {
            return Err("a target needs portals, at least one");
        }
        if table.chap_password.is_some() && table.chap_user.is_none() {
            return Err("chap_password needs chap_user, the name that it belongs to");
        }
        Ok(Self(Target {
            name: table.name.0,
            portals: values(table.portals),
            chap_user: table.chap_user.map(|user| user.0),
            chap_password: table.chap_password.map(|password| password.0),
        }))
    }
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NfsTable {
    /// The domain of users' names with NFSv4. Left out, that of the host name.
    #[schemars(extend("examples" = ["example.org"]))]
    domain: Option<Text<NfsDomain>>,
    /// An export that becomes a storage pool, by NFSv4.
    mount: Vec<MountTable>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MountTable {
    /// The name of the pool.
    #[schemars(extend("examples" = ["nas"]))]
    name: Text<PoolName>,
    /// The server, by name or address.
    #[schemars(extend("examples" = ["nas.example.org"]))]
    server: Text<Server>,
    /// The path of the export there.
    #[schemars(extend("examples" = ["/srv/images"]))]
    path: Text<ExportPath>,
    /// `4.0`, `4.1` or `4.2`. Left out, `4.2`.
    #[schemars(extend("examples" = ["4.2"]))]
    version: Option<Text<NfsVersion>>,
    /// Of `hard`, `soft`, `softerr`, `ro`, `noatime`, and `nconnect=`, `rsize=`, `wsize=`, `timeo=` and `retrans=` with a number.
    #[serde(default)]
    #[schemars(extend("examples" = [["hard", "nconnect=4"]]))]
    options: Vec<Text<NfsOption>>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct MultipathTable {
    /// Whether disks that are reached by several paths are made into one. Left out, no.
    enabled: Option<bool>,
    /// Which disks are taken: `on` for those with a second path, `greedy` for all, `smart` for all until a second path had its time, `strict` for those that were taken before. Left out, `on`.
    #[schemars(extend("examples" = ["on"]))]
    find: Option<Text<FindMultipaths>>,
    /// Disks that are never taken, by their WWIDs.
    #[schemars(extend("examples" = [["3600508b1001c4d41"]]))]
    blacklist: Vec<Text<Wwid>>,
}

impl From<StorageAccessTable> for StorageAccess {
    fn from(table: StorageAccessTable) -> Self {
        let StorageAccessTable { iscsi, nfs, multipath } = table;
        let mount = |mount: MountTable| NfsMount {
            name: mount.name.0,
            server: mount.server.0,
            path: mount.path.0,
            version: mount.version.map_or(NfsVersion::default(), |version| version.0),
            options: values(mount.options),
        };
        Self {
            iscsi: Iscsi {
                initiator: iscsi.initiator.map(|name| name.0),
                targets: iscsi.target.into_iter().map(|target| target.0).collect(),
            },
            nfs: Nfs {
                domain: nfs.domain.map(|domain| domain.0),
                mounts: nfs.mount.into_iter().map(mount).collect(),
            },
            multipath: Multipath {
                enabled: multipath.enabled.unwrap_or(false),
                find: multipath.find.map_or(FindMultipaths::default(), |find| find.0),
                blacklist: values(multipath.blacklist),
            },
        }
    }
}
