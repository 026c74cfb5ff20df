//! The NFS server that e2e lets a node mount from: one in user space, which needs no module of the host's kernel and no service beside it.

use std::path::PathBuf;

use crate::{context::Context, trees::Tree};

/// The variable by which e2e knows which one to start.
pub(crate) const VARIABLE: &str = "CORBEL_NFS_SERVER";

const GANESHA: Tree = Tree {
    name: "nfs-ganesha",
    program: "ganesha.nfsd",
    packages: "nfs-ganesha,nfs-ganesha-vfs",
    files: &["./usr/bin/ganesha.nfsd", "./usr/lib/ganesha/*"],
    starter: "#!/bin/sh
tree=$(dirname \"$(dirname \"$0\")\")/tree/usr
exec \"$tree/lib64/ld-linux-x86-64.so.2\" --argv0 ganesha.nfsd --library-path \"$tree/lib/x86_64-linux-gnu:$tree/lib/ganesha\" \\
    \"$tree/bin/ganesha.nfsd\" \"$@\"
",
    version: "-v",
};

/// The program to start.
pub(crate) fn ensure(context: &Context) -> anyhow::Result<PathBuf> {
    GANESHA.ensure(context)
}
