//! Damage to what the node keeps of its configuration.

use std::path::Path;

use super::*;

fn debugfs(image: &Path, request: &str) {
    corbel_e2e::run::tool("debugfs", |debugfs| debugfs.args(["-w", "-R", request]).arg(image)).unwrap();
}

#[test]
fn a_configuration_that_cannot_be_read_is_seen() {
    let keep = tempfile::tempdir().unwrap();
    let kept = keep.path().join("config.img");
    let restore = |node: &mut SmallNode, _: &SmallRelease| {
        node.change_config(|image| {
            std::fs::copy(&kept, image).unwrap();
        });
    };
    let copied = |image: &Path| {
        std::fs::copy(image, &kept).unwrap();
    };
    let reasons = damaged(
        |node, _| {
            node.change_config(|image| {
                copied(image);
                debugfs(image, "rm /node.a.toml");
            });
        },
        restore,
    );
    assert_told(&reasons, "the configuration: there is no copy of it");
    let reasons = damaged(
        |node, _| {
            node.change_config(copied);
            let at = node.extent(Role::Config).offset;
            // The superblock, and its one backup at block 8193.
            for place in [at, at + 8192 * 1024] {
                node.recorder.write(place, &[0xee; 4096]);
            }
        },
        restore,
    );
    assert_told(&reasons, "the configuration: its file system cannot");
}

/// The superblock of ext4 has two sectors of 512 bytes and a checksum in the second. The kernel writes it at each mount.
#[test]
fn a_torn_superblock_is_repaired_from_its_backup() {
    let (mut node, old, new) = node();
    let at = node.extent(Role::Config).offset + 1024;
    let sector = std::fs::read(node.recorder.disk()).unwrap()[at as usize..at as usize + 512].to_vec();
    let mut torn = sector.clone();
    // s_wtime
    torn[0x30] ^= 1;
    node.recorder.write(at, &torn);
    node.recorder.flush();
    node.recorder.write(at, &sector);
    node.recorder.flush();
    node.run(&steps(), &new);
    let report = upgrade(node, &old, &new);
    assert_eq!(report.told, []);
    assert!(report.repaired > 0, "{report:?}");
}

#[test]
fn a_configuration_that_goes_back_is_seen() {
    let keep = tempfile::tempdir().unwrap();
    let (kept, older) = (keep.path().join("config.img"), keep.path().join("node.a.toml"));
    corbel_e2e::run::keep(
        &older,
        &corbel_sys::ledger::render_copy(3, "version = 1\nhostname = \"b\"\n"),
    )
    .unwrap();
    let reasons = damaged(
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(image, &kept).unwrap();
                debugfs(image, "rm /node.a.toml");
                debugfs(image, &format!("write {} node.a.toml", older.display()));
            });
        },
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(&kept, image).unwrap();
            });
        },
    );
    assert_told(&reasons, "the configuration went back from generation 4 to 3");
}

#[test]
fn a_password_that_is_lost_is_seen() {
    let keep = tempfile::tempdir().unwrap();
    let kept = keep.path().join("config.img");
    let reasons = damaged(
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(image, &kept).unwrap();
                debugfs(image, "rm /secrets.a.toml");
            });
        },
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(&kept, image).unwrap();
            });
        },
    );
    assert_told(&reasons, "the password is not there with generation 4");
}

#[test]
fn a_document_that_only_the_history_has_is_no_good_state() {
    let keep = tempfile::tempdir().unwrap();
    let (kept, torn) = (keep.path().join("config.img"), keep.path().join("torn"));
    corbel_e2e::run::keep(&torn, "# corbel generation=4 sha256=0\nversion = 1\n").unwrap();
    let reasons = damaged(
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(image, &kept).unwrap();
                let old = keep.path().join("old");
                corbel_e2e::run::keep(&old, &corbel_sys::ledger::render_copy(4, "version = 1\n")).unwrap();
                debugfs(image, "mkdir /history");
                debugfs(image, &format!("write {} /history/00000004.toml", old.display()));
                debugfs(image, "rm /node.a.toml");
                debugfs(image, &format!("write {} node.a.toml", torn.display()));
            });
        },
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(&kept, image).unwrap();
            });
        },
    );
    assert_told(&reasons, "neither copy of the document is whole");
}

#[test]
fn a_user_whose_password_is_lost_is_seen() {
    let keep = tempfile::tempdir().unwrap();
    let (kept, with) = (keep.path().join("config.img"), keep.path().join("with"));
    let document = "version = 1\nhostname = \"a\"\n[[users]]\nname = \"ada\"\nrole = \"viewer\"\n";
    corbel_e2e::run::keep(&with, &corbel_sys::ledger::render_copy(5, document)).unwrap();
    let reasons = damaged(
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(image, &kept).unwrap();
                debugfs(image, &format!("write {} node.b.toml", with.display()));
            });
        },
        |node, _| {
            node.change_config(|image| {
                std::fs::copy(&kept, image).unwrap();
            });
        },
    );
    assert_told(&reasons, "the user ada has no password with generation 5");
}
