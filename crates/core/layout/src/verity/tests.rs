//! An image with a tree is built here with the same arithmetic that checks it; that the arithmetic is the kernel's is
//! held by an image of `veritysetup format` whose root hash is written down below.

use super::*;
use proptest::prelude::*;

/// `data` (whole blocks) with superblock and tree behind it, and its root.
pub(crate) fn image(data: &[u8], salt: &[u8]) -> (Vec<u8>, RootHash) {
    let blocks = data.len() as u64 / BLOCK;
    let superblock = Superblock {
        hash_offset: data.len() as u64,
        data_blocks: blocks,
        salt: salt.to_vec(),
        uuid: [0; 16],
    };
    let (levels, root) = superblock.compute_tree(data).unwrap();
    let mut raw = [0u8; BLOCK as usize];
    raw[..8].copy_from_slice(b"verity\0\0");
    raw[8] = 1;
    raw[12] = 1;
    raw[32..38].copy_from_slice(b"sha256");
    raw[64..68].copy_from_slice(&4096u32.to_le_bytes());
    raw[68..72].copy_from_slice(&4096u32.to_le_bytes());
    raw[72..80].copy_from_slice(&blocks.to_le_bytes());
    raw[80] = salt.len() as u8;
    raw[88..88 + salt.len()].copy_from_slice(salt);
    let mut image = [data, &raw].concat();
    levels.iter().rev().for_each(|level| image.extend(level));
    (image, root)
}

/// 300 blocks, each full of its own number: two levels.
fn sample() -> Vec<u8> {
    (0..300u32).flat_map(|n| vec![n as u8; BLOCK as usize]).collect()
}

#[test]
fn a_tree_of_veritysetup_gives_the_same_root() {
    // veritysetup format --salt=0102 --data-blocks=300 --hash-offset=1228800 of `sample()`, cryptsetup 2.6.1.
    let expected = "1f65315156301a8ff941960b0db2a92584851b087843d69a56411c85114e2807";
    let (image, root) = image(&sample(), &[1, 2]);
    assert_eq!(root.to_string(), expected);
    let superblock = read_superblock(&image, 300 * BLOCK).unwrap();
    assert_eq!(superblock.image_length(), image.len() as u64);
    superblock.verify(&image, &root).unwrap();
}

#[test]
fn a_single_block_is_its_own_root() {
    // veritysetup format --salt=- of 4096 bytes of value 7.
    let (image, root) = image(&[7; 4096], &[]);
    assert_eq!(
        root.to_string(),
        "c9ac7b0624824f844f6c7f3d50fab9741a8914e878467e8daaedca143a34d90b"
    );
    read_superblock(&image, 4096).unwrap().verify(&image, &root).unwrap();
}

#[test]
fn the_table_line_is_the_kernels() {
    let (image, root) = image(&sample(), &[1, 0xab]);
    let superblock = read_superblock(&image, 300 * BLOCK).unwrap();
    let line = superblock.table_line("253:0", &root);
    assert_eq!(
        line,
        format!("1 253:0 253:0 4096 4096 300 301 sha256 {root} 01ab 1 restart_on_corruption")
    );
    assert_eq!(superblock.sectors(), 2400);
    let unsalted = Superblock {
        salt: Vec::new(),
        ..superblock
    };
    assert!(unsalted.table_line("253:0", &root).contains(" - 1 restart"));
}

#[test]
fn damage_is_located() {
    let (good, root) = image(&sample(), &[1, 2]);
    let check = |at: usize, expected: &str| {
        let mut image = good.clone();
        image[at] ^= 1;
        let superblock = read_superblock(&image, 300 * BLOCK).unwrap();
        assert_eq!(superblock.verify(&image, &root).unwrap_err().to_string(), expected);
    };
    check(
        5 * 4096 + 9,
        "the data block at byte 20480 is damaged: its hash is not the one recorded",
    );
    check(301 * 4096 + 3, "the hash tree is damaged at byte 1232896");
    check(302 * 4096 + 35, "the hash tree is damaged at byte 1237024");
    let superblock = read_superblock(&good, 300 * BLOCK).unwrap();
    assert!(matches!(
        superblock.verify(&good, &RootHash([0; 32])),
        Err(VerityError::OtherRoot { .. })
    ));
}

#[test]
fn one_block_is_checked_from_the_root_down() {
    let (good, root) = image(&sample(), &[1, 2]);
    let superblock = read_superblock(&good, 300 * BLOCK).unwrap();
    for number in [0, 127, 128, 299] {
        superblock.verify_block(&good, number, &root).unwrap();
    }
    let check = |at: usize, number: u64| {
        let mut image = good.clone();
        image[at] ^= 1;
        superblock.verify_block(&image, number, &root).unwrap_err()
    };
    assert!(matches!(
        check(128 * 4096, 128),
        VerityError::DamagedData { offset: 524_288 }
    ));
    assert!(matches!(check(303 * 4096, 128), VerityError::DamagedTree { .. }));
    assert!(matches!(check(301 * 4096, 0), VerityError::OtherRoot { .. }));
}

#[test]
fn another_shape_is_refused_with_its_field() {
    let (good, _) = image(&sample(), &[]);
    let check = |at: usize, value: u8, expected: &str| {
        let mut image = good.clone();
        image[300 * 4096 + at] = value;
        assert_eq!(read_superblock(&image, 300 * BLOCK).unwrap_err().to_string(), expected);
    };
    check(0, b'x', "no dm-verity superblock at byte 1228800");
    check(8, 2, "the dm-verity superblock has version 2, expected 1");
    check(
        32,
        b'S',
        "the dm-verity superblock has the algorithm \"Sha256\", expected sha256",
    );
    check(
        72,
        1,
        "the dm-verity superblock has a number of data blocks of 257, expected 300",
    );
    check(
        81,
        9,
        "the dm-verity superblock has a salt of 2304 bytes, expected at most 256",
    );
}

#[test]
fn a_root_hash_is_64_digits() {
    let text = "0123456789abcdef".repeat(4);
    assert_eq!(text.parse::<RootHash>().unwrap().to_string(), text);
    for wrong in ["", "12", &"g".repeat(64), &"é".repeat(32)] {
        assert!(
            wrong
                .parse::<RootHash>()
                .unwrap_err()
                .to_string()
                .contains("64 hexadecimal digits")
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_superblocks_never_panic(changes in prop::collection::vec((0usize..512, any::<u8>()), 0..30)) {
        let (mut image, root) = image(&[7; 8192], &[1]);
        for (at, value) in changes {
            image[8192 + at] = value;
        }
        if let Ok(superblock) = read_superblock(&image, 8192) {
            let _ = (superblock.verify(&image, &root), superblock.table_line("x", &root));
        }
    }
}
