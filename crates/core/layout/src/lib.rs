//! The binary and text formats that Corbel reads: ISO 9660, GPT, FAT, squashfs and dm-verity headers, PE images, and the
//! kernel's module index.
//!
//! Pure: bytes come in through [`ReadAt`], values come out. Every offset and count is checked, so that a broken or
//! hostile medium ends in an error and never in a panic or in a huge allocation. Nothing here opens a file.

mod bytes;
pub mod cpio;
pub mod disk;
pub mod fat;
pub mod gpt;
pub mod grub;
pub mod grubenv;
pub mod iso9660;
pub mod kmod;
pub mod load_option;
pub mod loader_entry;
pub mod pe;
pub mod root_image;
pub mod signature;
pub mod slot;
pub mod squashfs;
pub mod verity;

pub use bytes::{Extent, ReadAt, Window};
