//! QEMU itself writes a log here, without a machine, by what its monitor is told; so the reader is held to what QEMU does.

#![allow(missing_docs, clippy::disallowed_methods)]

use std::{
    fs::File,
    io::Write as _,
    process::{Command, Stdio},
};

use corbel_powercut::{
    Recording,
    log::{Data, Entry},
};

const MONITOR: &str = "
qemu-io recorded \"write -P 1 0 4096\"
qemu-io recorded \"flush\"
qemu-io recorded \"write -z 65536 65536\"
qemu-io recorded \"discard 131072 65536\"
qemu-io recorded \"write -P 4 1024 1024\"
quit
";

#[test]
fn a_log_of_qemu_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["disk.img", "before.img"] {
        File::create(path(name)).unwrap().set_len(1 << 20).unwrap();
    }
    File::create(path("writes.log")).unwrap();
    let disk = format!(
        "driver=raw,node-name=disk,discard=unmap,file.driver=file,file.filename={}",
        path("disk.img")
    );
    let log = format!(
        "driver=blklogwrites,node-name=recorded,discard=unmap,file=disk,log.driver=file,log.filename={},log-sector-size=512",
        path("writes.log")
    );
    let mut qemu = Command::new("qemu-system-x86_64")
        .args([
            "-machine",
            "none",
            "-nodefaults",
            "-display",
            "none",
            "-monitor",
            "stdio",
        ])
        .args(["-blockdev", &disk, "-blockdev", &log])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("qemu-system-x86_64 starts: `cargo xtask packages` installs it");
    qemu.stdin.take().unwrap().write_all(MONITOR.as_bytes()).unwrap();
    assert!(qemu.wait().unwrap().success());

    let recording = Recording::open(folder.path()).unwrap();
    let found: Vec<(u64, u64, bool)> = recording
        .entries()
        .iter()
        .map(|entry| match entry {
            Entry::Flush => (0, 0, false),
            Entry::Write(write) => (write.offset, write.length, write.data == Data::Zero),
            Entry::Mark(_) => panic!("nobody made a mark"),
        })
        .collect();
    let expected = [
        (0, 4096, false),
        (0, 0, false),
        (65536, 65536, false),
        (131_072, 65536, true),
        (1024, 1024, false),
    ];
    // Other versions of QEMU flush once more when they end.
    assert_eq!(found[..5], expected);
    assert!(found[5..].iter().all(|entry| *entry == (0, 0, false)), "{found:?}");

    // The last state is the disk as QEMU left it.
    let mut last = vec![0; 1 << 20];
    corbel_powercut::replay(&recording, |name, state| {
        if name.cut.is_boundary() {
            corbel_layout::ReadAt::read_at(state, 0, &mut last)
        } else {
            Ok(())
        }
    })
    .unwrap();
    assert_eq!(last, std::fs::read(path("disk.img")).unwrap());
}
