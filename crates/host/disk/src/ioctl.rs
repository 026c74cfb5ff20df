//! The one place that passes a buffer to ioctl(2).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Calls `request` with `buf` as its argument and returns the non-negative result.
///
/// `buf` must be at least as long as the kernel's structure for `request`; the callers build it from the constants that
/// stand beside the request.
#[allow(unsafe_code)]
pub(crate) fn ioctl(fd: impl AsFd, request: u32, buf: &mut [u8]) -> io::Result<u32> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: `buf` is valid for reads and writes during the call, and the kernel touches no more of it than the structure
    // of `request` (or, for device-mapper, the `data_size` written in it), which the callers make it as long as.
    let result = unsafe { libc::ioctl(fd, libc::Ioctl::from(request), buf.as_mut_ptr()) };
    u32::try_from(result).map_err(|_| io::Error::last_os_error())
}
