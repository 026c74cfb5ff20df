//! Whether a root partition carries exactly the image of a release. The image was verified once; a MiB of a partition is
//! compared with it once for every different content, so that thousands of states cost little.

use std::collections::HashMap;

use corbel_layout::{Extent, ReadAt, Window, verity::BLOCK};

use crate::{
    release::Release,
    state::{Identity, State},
};

const CHUNK: u64 = 1 << 20;

/// What is known about chunks so far.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// By place on the disk and content: equal to the chunk of the release with this root hash.
    known: HashMap<(u64, Identity, [u8; 32]), bool>,
}

impl Roots {
    /// `Err` says where the partition differs, in the words of the code that verifies a root at boot.
    pub(super) fn check(
        &mut self,
        state: &State<'_>,
        partition: Extent,
        release: &Release,
    ) -> anyhow::Result<Result<(), String>> {
        let length = release.root.length;
        if length > partition.length {
            return Ok(Err(format!(
                "the partition has {} bytes, and the root image {length}",
                partition.length
            )));
        }
        for at in (0..length).step_by(CHUNK as usize) {
            let part = Extent {
                offset: partition.offset + at,
                length: CHUNK.min(length - at),
            };
            let key = (part.offset, state.identity(part), release.root_hash.0);
            let equal = match self.known.get(&key) {
                Some(equal) => *equal,
                None => {
                    let equal = same(state, part.offset, release, release.root.offset + at, part.length)?;
                    self.known.insert(key, equal);
                    equal
                }
            };
            if !equal {
                return Ok(Err(reason(state, partition, release, at)));
            }
        }
        Ok(Ok(()))
    }
}

fn same(state: &State<'_>, offset: u64, release: &Release, at: u64, length: u64) -> std::io::Result<bool> {
    let (mut found, mut expected) = (vec![0; length as usize], vec![0; length as usize]);
    state.read_at(offset, &mut found)?;
    release.medium.read_at(at, &mut expected)?;
    Ok(found == expected)
}

/// What the verification at boot would say about the chunk at `at`.
fn reason(state: &State<'_>, partition: Extent, release: &Release, at: u64) -> String {
    let window = Window::new(state, partition);
    let data = release.tree.data_blocks;
    for block in at / BLOCK..((at + CHUNK) / BLOCK).min(data) {
        if let Err(error) = release.tree.verify_block(&window, block, &release.root_hash) {
            return error.to_string();
        }
    }
    format!(
        "the hash tree or its header is damaged between byte {at} and {}",
        at + CHUNK
    )
}
