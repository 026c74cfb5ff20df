//! Where the running system, the image and the copies are.

use std::path::PathBuf;

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The root of the running system, `/`.
    pub root: PathBuf,
    /// The image's own root, without what was written over it since.
    pub image: PathBuf,
    /// The folder of list and copies; `None` on a node that has no disk of its own.
    pub config: Option<PathBuf>,
    /// For files of the moment.
    pub scratch: PathBuf,
}

impl Places {
    /// Of this machine. `/config` counts when it is mounted, which `installed` says.
    pub fn node(installed: bool) -> Self {
        Self {
            root: "/".into(),
            image: "/run/corbel/image".into(),
            config: installed.then(|| "/config/persist".into()),
            scratch: "/run/corbel".into(),
        }
    }

    pub(crate) fn live(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    pub(crate) fn shipped(&self, path: &str) -> PathBuf {
        self.image.join(path.trim_start_matches('/'))
    }
}
