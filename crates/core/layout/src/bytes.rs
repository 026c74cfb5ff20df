//! The seam through which formats are read, a window onto a part of it, and checked little-endian fields.

use std::io;

/// Something that holds bytes at fixed places: a slice here, a file or a block device in the host room.
pub trait ReadAt {
    /// Fills `buf` wholly from `offset` (bytes), or fails; a read past the end is [`io::ErrorKind::UnexpectedEof`].
    ///
    /// # Errors
    /// Whatever the medium reports.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for std::sync::Arc<T> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }
}

/// A run of bytes on a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Extent {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// A part of a medium that looks like a medium of its own; reads past its end fail even where the medium goes on.
#[derive(Debug, Clone)]
pub struct Window<T> {
    inner: T,
    extent: Extent,
}

impl<T: ReadAt> Window<T> {
    /// The bytes of `extent` within `inner`.
    pub fn new(inner: T, extent: Extent) -> Self {
        Self { inner, extent }
    }
    /// Bytes in the window.
    pub fn length(&self) -> u64 {
        self.extent.length
    }
}

impl<T: ReadAt> ReadAt for Window<T> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset
            .checked_add(buf.len() as u64)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        if end > self.extent.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let at = self
            .extent
            .offset
            .checked_add(offset)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.inner.read_at(at, buf)
    }
}

/// Reads `N` bytes at `offset`.
pub(crate) fn read_array<const N: usize>(src: &(impl ReadAt + ?Sized), offset: u64) -> io::Result<[u8; N]> {
    let mut buf = [0; N];
    src.read_at(offset, &mut buf)?;
    Ok(buf)
}

/// The `N` bytes at `at`; zeros when `data` is shorter, which callers rule out by reading fixed-size headers.
fn field<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    let slice = at.checked_add(N).and_then(|end| data.get(at..end));
    slice.and_then(|s| s.try_into().ok()).unwrap_or([0; N])
}

pub(crate) fn le16(data: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(data, at))
}

pub(crate) fn le32(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(data, at))
}

pub(crate) fn le64(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(data, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_it_says() {
        let window = Window::new(vec![1u8, 2, 3, 4], Extent { offset: 1, length: 2 });
        assert_eq!(read_array::<2>(&window, 0).unwrap(), [2, 3]);
        assert_eq!(
            read_array::<2>(&window, 1).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        assert_eq!(
            read_array::<1>(&window, u64::MAX).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }
}
