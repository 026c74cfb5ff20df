//! The root image as the builder writes it: a squashfs padded to 4096 bytes, then a dm-verity superblock and its tree.

use crate::{ReadAt, squashfs, verity};

/// Why the bytes are not a root image.
#[derive(Debug, thiserror::Error)]
pub enum RootImageError {
    /// The file system in front.
    #[error(transparent)]
    Squashfs(#[from] squashfs::SquashfsError),
    /// The hash tree behind it.
    #[error(transparent)]
    Verity(#[from] verity::VerityError),
}

/// What the headers of a root image say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootImage {
    /// The file system.
    pub squashfs: squashfs::Superblock,
    /// Its hash tree.
    pub verity: verity::Superblock,
}

/// Reads both headers; `src` begins with the image and may go on behind it.
///
/// # Errors
/// What is missing, of another shape, or could not be read.
pub fn read(src: &(impl ReadAt + ?Sized)) -> Result<RootImage, RootImageError> {
    let squashfs = squashfs::read(src)?;
    let verity = verity::read_superblock(src, squashfs.padded_length())?;
    Ok(RootImage { squashfs, verity })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_found_behind_the_file_system() {
        let mut data = vec![0u8; 3 * 4096];
        data[..96].copy_from_slice(&crate::squashfs::tests::superblock(9000));
        let (image, root) = crate::verity::tests::image(&data, &[3]);
        let found = read(&image).unwrap();
        assert_eq!((found.squashfs.bytes_used, found.verity.hash_offset), (9000, 12288));
        found.verity.verify(&image, &root).unwrap();
        assert!(matches!(read(&data), Err(RootImageError::Verity(_))));
    }
}
