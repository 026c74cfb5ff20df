//! The commands, a file each.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod disk;
pub(crate) mod dump;
pub(crate) mod gate;
pub(crate) mod hooks;
pub(crate) mod image;
pub(crate) mod install;
pub(crate) mod man;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod persist;
pub(crate) mod pool;
pub(crate) mod rescue;
pub(crate) mod settle;
pub(crate) mod storage_access;
pub(crate) mod uninstall;
pub(crate) mod upgrade;
pub(crate) mod user;
pub(crate) mod vm;
pub(crate) mod volume;
