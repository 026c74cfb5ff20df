//! The servers that e2e lets a node send to and mount from: the ones that people use, run as programs of the test.

use std::path::PathBuf;

use crate::{
    context::Context,
    trees::{Program, Tree},
};

/// The variable by which e2e knows where they are.
pub(crate) const VARIABLE: &str = "CORBEL_SERVERS";

const SERVERS: Tree = Tree {
    name: "servers",
    packages: "nfs-ganesha,nfs-ganesha-vfs,collectd-core,rsyslog,rsyslog-openssl",
    files: &[
        "./usr/bin/ganesha.nfsd",
        "./usr/lib/ganesha/*",
        "./usr/sbin/collectd",
        "./usr/lib/collectd/*",
        "./usr/share/collectd/*",
        "./usr/sbin/rsyslogd",
    ],
    programs: &[
        Program {
            path: "bin/ganesha.nfsd",
            libraries: ":$tree/lib/ganesha",
            arguments: "",
            version: "-v",
        },
        Program {
            path: "sbin/collectd",
            libraries: "",
            arguments: "",
            version: "-h",
        },
        Program {
            path: "sbin/rsyslogd",
            libraries: "",
            arguments: "",
            version: "-v",
        },
    ],
};

/// The folder with them.
pub(crate) fn ensure(context: &Context) -> anyhow::Result<PathBuf> {
    SERVERS.ensure(context)
}
