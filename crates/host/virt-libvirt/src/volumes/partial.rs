//! Uploads that are not whole yet: how their files are called, whose they are, and what becomes of those that nobody fills any more.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use corbel_model::VolumeName;
use corbel_virt::{VirtError, rules};
use virt::error::ErrorNumber;
use virt::storage_pool::StoragePool;

use crate::errors;

/// Names that uploads have until they are whole. No [`VolumeName`] begins with a dot, so nobody else's volume is hidden
/// or removed for one.
const PARTIAL: &str = ".corbel-upload-";

/// The volumes that are filled now, pool and all. libvirt does not protect a file that a stream writes to, and is not asked with the
/// same connection at all times, so this process has one list.
static LIVE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn live() -> MutexGuard<'static, BTreeSet<String>> {
    // Nothing panics while it is held.
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a file is called as an upload is.
pub(super) fn is(file: &str) -> bool {
    file.starts_with(PARTIAL)
}

/// An upload that goes on until this is dropped: the only one of its volume, and safe from [`remove_left`].
#[derive(Debug)]
pub(super) struct Live {
    name: String,
    file: String,
}

impl Live {
    /// # Errors
    /// [`VirtError::Conflict`]: somebody else fills the volume.
    pub(super) fn begin(name: &VolumeName) -> Result<Self, VirtError> {
        if !live().insert(name.to_string()) {
            return Err(VirtError::Conflict {
                kind: rules::VOLUME,
                name: name.to_string(),
                problem: "is being uploaded already: wait for that to end, or choose another name".to_owned(),
            });
        }
        Ok(Self {
            name: name.to_string(),
            file: format!("{PARTIAL}{}", name.file()),
        })
    }

    /// What its file is called until then.
    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        live().remove(&self.name);
    }
}

/// Removes what uploads left when the daemon was killed.
pub(crate) fn remove_left(pool: &StoragePool) -> Result<(), VirtError> {
    let failed = |error| errors::pool("(all)", "cleaning").error(error);
    let pool_name = pool.get_name().map_err(failed)?;
    for volume in pool.list_all_volumes(0).map_err(failed)? {
        let name = volume.get_name().map_err(failed)?;
        let Some(file) = name.strip_prefix(PARTIAL) else {
            continue;
        };
        // Held, or one could begin between the look and the deletion.
        let live = live();
        if live.contains(&VolumeName::join(&pool_name, file)) {
            continue;
        }
        match volume.delete(0) {
            Err(error) if error.code() != ErrorNumber::NoStorageVolume => return Err(failed(error)),
            _ => tracing::info!(name, "removed what a broken upload left"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use corbel_model::ByteSize;
    use corbel_virt::xml::render_volume;
    use virt::connect::Connect;
    use virt::storage_vol::StorageVol;

    use super::*;

    #[test]
    fn what_is_left_goes_and_what_is_filled_stays() {
        let mut connection = Connect::open(Some("test:///default")).unwrap();
        // The one that libvirt's test driver begins with.
        let pool = StoragePool::lookup_by_name(&connection, "default-pool").unwrap();
        let filled = Live::begin(&"default-pool/filled".parse().unwrap()).unwrap();
        let left = format!("{PARTIAL}left");
        for file in ["whole", filled.file(), left.as_str()] {
            StorageVol::create_xml(&pool, &render_volume(file, ByteSize::mib(1), "raw"), 0).unwrap();
        }
        let there = |file: &str| StorageVol::lookup_by_name(&pool, file).is_ok();
        remove_left(&pool).unwrap();
        assert_eq!(
            [there("whole"), there(filled.file()), there(&left)],
            [true, true, false]
        );
        let file = filled.file().to_owned();
        drop(filled);
        remove_left(&pool).unwrap();
        assert_eq!([there("whole"), there(&file)], [true, false]);
        connection.close().unwrap();
    }

    #[test]
    fn of_one_volume_there_is_one_upload_at_a_time() {
        let name: VolumeName = "disk.img".parse().unwrap();
        let first = Live::begin(&name).unwrap();
        assert!(is(first.file()) && !is(name.file()));
        let error = Live::begin(&name).unwrap_err();
        assert!(matches!(error, VirtError::Conflict { .. }), "{error}");
        assert!(Live::begin(&"other.img".parse().unwrap()).is_ok());
        drop(first);
        assert!(Live::begin(&name).is_ok());
    }
}
