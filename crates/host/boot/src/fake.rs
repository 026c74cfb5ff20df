//! An EFI partition in memory, from which power can be taken after a number of writes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Esp, EspError};

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, Vec<u8>>,
    writes: usize,
    cut_after: Option<usize>,
}

/// Files by path. Clones are the same partition.
#[derive(Debug, Clone, Default)]
pub struct FakeEsp {
    inner: Arc<Mutex<Inner>>,
}

impl FakeEsp {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `writes` writes are done, and every later one fails and changes nothing.
    pub fn cut_after(&self, writes: usize) {
        let mut inner = self.lock();
        inner.cut_after = Some(inner.writes + writes);
    }

    /// Power is back.
    pub fn restore(&self) {
        self.lock().cut_after = None;
    }

    /// Writes that were done.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// A copy that goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        let files = self.lock().files.clone();
        Self {
            inner: Arc::new(Mutex::new(Inner {
                files,
                ..Inner::default()
            })),
        }
    }

    /// All files.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().files.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(
        &self,
        operation: &'static str,
        path: &str,
        change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<T, EspError>,
    ) -> Result<T, EspError> {
        let mut inner = self.lock();
        if inner.cut_after.is_some_and(|end| inner.writes >= end) {
            return Err(EspError::at(operation, path)(io::Error::other("the power is gone")));
        }
        inner.writes += 1;
        change(&mut inner.files)
    }
}

impl Esp for FakeEsp {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EspError> {
        Ok(self.lock().files.get(path).cloned())
    }

    fn put(&self, path: &str, content: &[u8]) -> Result<(), EspError> {
        self.change("write", path, |files| {
            files.insert(path.to_owned(), content.to_owned());
            Ok(())
        })
    }

    fn overwrite(&self, path: &str, content: &[u8]) -> Result<(), EspError> {
        self.change("write", path, |files| match files.get_mut(path) {
            Some(old) if old.len() == content.len() => {
                content.clone_into(old);
                Ok(())
            }
            Some(old) => Err(EspError::Length {
                path: path.to_owned(),
                found: old.len() as u64,
                expected: content.len() as u64,
            }),
            None => Err(EspError::at("open", path)(io::ErrorKind::NotFound.into())),
        })
    }

    fn remove(&self, path: &str) -> Result<(), EspError> {
        self.change("remove", path, |files| {
            files.remove(path);
            Ok(())
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, EspError> {
        let prefix = format!("{folder}/");
        let inner = self.lock();
        let names = inner.files.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }
}
