use super::*;
use corbel_layout::disk::{Guids, Sizes, lay_out};
use std::io::Write;

struct Root(tempfile::TempDir);

impl Root {
    fn put(&self, path: &str, content: &[u8]) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::File::create(path)
            .and_then(|mut file| file.write_all(content))
            .expect("written");
    }

    /// A disk with this image; `size` counts in units of 512 bytes.
    fn disk(&self, name: &str, number: &str, image: &[u8]) {
        let folder = format!("sys/class/block/{name}");
        self.put(&format!("{folder}/dev"), format!("{number}\n").as_bytes());
        self.put(&format!("{folder}/size"), format!("{}\n", image.len() / 512).as_bytes());
        self.put(&format!("{folder}/queue/logical_block_size"), b"512\n");
        self.put(&format!("dev/{name}"), image);
    }
}

#[test]
fn a_disk_is_what_the_kernel_udev_and_its_bytes_say() {
    let root = Root(tempfile::tempdir().expect("a folder"));
    let sizes = Sizes {
        esp: 2 << 20,
        root: 1 << 20,
        config: 1 << 20,
        log: 1 << 20,
        data: corbel_layout::disk::DataSize::Bytes(1 << 20),
        ..Sizes::default()
    };
    let layout = lay_out(16 << 20, 512, &sizes, &Guids::from_seed([1; 32])).expect("a layout");
    let mut image = vec![0; 16 << 20];
    for (at, bytes) in [layout.primary(), layout.backup()] {
        image[at as usize..][..bytes.len()].copy_from_slice(&bytes);
    }
    let data = layout.partitions.last().expect("a data partition").extent.offset as usize;
    image[data + 1080..data + 1082].copy_from_slice(&[0x53, 0xef]);
    root.disk("sda", "8:0", &image);
    root.put(
        "run/udev/data/b8:0",
        b"S:disk/by-id/ata-A_1\nE:ID_BUS=ata\nE:ID_SERIAL_SHORT=1\nE:ID_SERIAL=A_1\nE:ID_WWN=0x5\nE:ID_MODEL=A_B\n",
    );
    root.put("sys/class/block/sda/queue/rotational", b"1\n");
    root.put("sys/class/block/sda/sda7/partition", b"7\n");
    root.put("sys/class/block/sda/sda7/dev", b"8:7\n");
    root.put("sys/class/block/sda/sda7/holders/dm-3", b"");
    root.put("proc/self/mountinfo", b"25 1 8:7 / /data rw - ext4 /dev/sda7 rw\n");
    root.disk("loop0", "7:0", &[0; 512]);
    root.disk("sr0", "11:0", &[0; 2048]);

    let found = observe_disks(root.0.path()).expect("a list");
    assert_eq!(found.len(), 1);
    let disk = &found[0];
    assert_eq!(
        (disk.path.as_str(), disk.bytes, disk.sector),
        ("/dev/sda", 16 << 20, 512)
    );
    assert_eq!(
        (disk.bus, disk.serials.len(), disk.wwn.as_deref()),
        (Some(Bus::Ata), 2, Some("0x5"))
    );
    assert_eq!(
        (disk.model.as_deref(), disk.links[0].as_str()),
        (Some("A B"), "/dev/disk/by-id/ata-A_1")
    );
    assert_eq!(
        (disk.mounts.as_slice(), disk.holders.as_slice()),
        (["/data".to_owned()].as_slice(), ["dm-3".to_owned()].as_slice())
    );
    assert_eq!(
        disk.installed,
        Some(Installed::default()),
        "ours, and its EFI partition tells nothing"
    );
    let carried: Vec<_> = disk
        .contents()
        .map(|(device, signature)| format!("{device} {signature}"))
        .collect();
    assert_eq!(carried, ["/dev/sda7 a file system ext2"]);
    assert_eq!((disk.failing.as_deref(), disk.rotational), (None, Some(true)));
}

#[test]
fn a_table_whose_first_copy_is_damaged_still_tells_where_data_lies() {
    let root = Root(tempfile::tempdir().expect("a folder"));
    let layout = lay_out(8 << 30, 512, &Sizes::default(), &Guids::from_seed([1; 32])).expect("a layout");
    let file = tempfile::NamedTempFile::new().expect("a file");
    file.as_file().set_len(layout.disk_bytes).expect("sparse");
    let (at, bytes) = layout.backup();
    std::os::unix::fs::FileExt::write_all_at(file.as_file(), &bytes, at).expect("written");
    root.disk("vda", "254:0", &[]);
    root.put(
        "sys/class/block/vda/size",
        format!("{}\n", layout.disk_bytes / 512).as_bytes(),
    );
    fs::remove_file(root.0.path().join("dev/vda")).expect("removed");
    std::os::unix::fs::symlink(file.path(), root.0.path().join("dev/vda")).expect("a link");
    let found = observe_disks(root.0.path()).expect("a list");
    assert_eq!(
        (found[0].partitions.len(), found[0].bus),
        (layout.partitions.len(), Some(Bus::Virtio))
    );
}

#[test]
fn a_disk_that_cannot_be_read_says_so() {
    let root = Root(tempfile::tempdir().expect("a folder"));
    root.disk("sda", "8:0", &[0; 4096]);
    // The kernel says that it is longer than it is.
    root.put("sys/class/block/sda/size", b"64\n");
    let found = observe_disks(root.0.path()).expect("a list");
    assert!(
        found[0]
            .failing
            .as_deref()
            .is_some_and(|text| text.starts_with("it cannot be read"))
    );
}
