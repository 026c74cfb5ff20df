//! QEMU's command line for a machine.

use std::{ffi::OsString, path::Path};

use super::{Firmware, MachineSpec, Medium, Place};
use crate::{Accel, disk::Disk};

/// The code of OVMF, and the variables that a new machine starts with (Debian's package `ovmf`).
pub const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/// See [`OVMF_CODE`].
pub const OVMF_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// Everything after `qemu-system-x86_64`.
pub fn arguments(spec: &MachineSpec, place: &Place, accel: Accel) -> Vec<OsString> {
    let mut line = Line::default();
    line.words("-nodefaults -no-user-config -no-reboot -display none -vga std -machine q35 -rtc base=utc");
    line.words(accel.arguments());
    // Under emulation one processor: with several, QEMU 7.2 may run a stale translation while the kernel patches its own code
    // on another one (jump labels), which ends in a panic that no real machine has. Seen once in some twenty boots.
    let cpus = if accel == Accel::Tcg { 1 } else { spec.cpus };
    line.words(&format!("-m {} -smp {cpus}", spec.memory));
    line.option(
        "-qmp",
        &format!("unix:{},server=on,wait=off", path(&place.qmp_socket())),
    );
    // A socket to type at, and a log that is kept: QEMU writes the log whether or not somebody is connected.
    let (socket, log) = (path(&place.serial_socket()), path(&place.serial_log()));
    line.option(
        "-chardev",
        &format!("socket,id=console,path={socket},server=on,wait=off,logfile={log}"),
    );
    line.words("-serial chardev:console");
    let (socket, log) = (path(&place.shell_socket()), path(&place.shell_log()));
    line.option(
        "-chardev",
        &format!("socket,id=shell,path={socket},server=on,wait=off,logfile={log}"),
    );
    line.words("-serial chardev:shell");
    // What resets a machine that hangs; servers have one in their chip set or management controller.
    line.words("-device i6300esb -action watchdog=reset");
    network(&mut line, spec, place);
    firmware(&mut line, spec, place);
    medium(&mut line, spec, place);
    for (number, disk) in spec.disks.iter().enumerate() {
        attach(&mut line, disk, number);
    }
    if let Some(seed) = &spec.seed {
        line.option(
            "-drive",
            &format!("if=none,id=seed,format=raw,snapshot=on,file={}", path(seed)),
        );
        line.words("-device virtio-blk-pci,drive=seed");
    }
    if let Some(stick) = &spec.stick {
        line.option("-drive", &format!("if=none,id=plugged,format=raw,file={}", path(stick)));
        line.words("-device qemu-xhci,id=socket -device usb-storage,bus=socket.0,drive=plugged,removable=on");
    }
    for (name, value) in &spec.credentials {
        line.option("-smbios", &format!("type=11,value={name}={}", escaped(value)));
    }
    line.0
}

fn network(line: &mut Line, spec: &MachineSpec, place: &Place) {
    let guest = spec.address.map(|address| address.to_string()).unwrap_or_default();
    let forwards = [(place.api_port, 8443), (place.ssh_port, 22)]
        .map(|(host, port)| format!("hostfwd=tcp:127.0.0.1:{host}-{guest}:{port}"))
        .join(",");
    line.option("-netdev", &format!("user,id=network,{forwards}"));
    // No option ROM: the firmware would try to boot from the network first and cost a minute.
    line.words("-device virtio-net-pci,netdev=network,romfile=");
    for (number, wire) in spec.wires.iter().enumerate() {
        let (card, wire) = (place.folder.join(format!("card{number}")), path(wire));
        let card = path(&card);
        line.option(
            "-netdev",
            &format!("dgram,id=wire{number},local.type=unix,local.path={card},remote.type=unix,remote.path={wire}"),
        );
        let mac = wire_mac(number);
        line.words(&format!(
            "-device virtio-net-pci,id=card{number},netdev=wire{number},mac={mac},romfile="
        ));
    }
}

/// The address of the card on a wire.
pub fn wire_mac(number: usize) -> String {
    format!("52:54:00:77:00:{number:02x}")
}

fn firmware(line: &mut Line, spec: &MachineSpec, place: &Place) {
    if spec.firmware == Firmware::Uefi {
        line.option(
            "-drive",
            &format!("if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"),
        );
        line.option(
            "-drive",
            &format!("if=pflash,unit=1,format=raw,file={}", path(&spec.variables(place))),
        );
    }
}

fn attach(line: &mut Line, disk: &Disk, number: usize) {
    let (file, sector) = (path(&disk.file), disk.sector);
    line.option(
        "-blockdev",
        &format!("driver=raw,node-name=disk{number},discard=unmap,file.driver=file,file.filename={file}"),
    );
    let mut node = format!("disk{number}");
    if let Some(log) = &disk.log {
        let log = path(log);
        line.option(
            "-blockdev",
            &format!("driver=blklogwrites,node-name=recorded{number},discard=unmap,file={node},log.driver=file,log.filename={log},log-sector-size={sector}"),
        );
        node = format!("recorded{number}");
    }
    // The log puts a piece of its own before those of a request: one that QEMU merged up to IOV_MAX pieces would be lost to it.
    let merging = if disk.log.is_some() { "off" } else { "on" };
    line.words(&format!(
        "-device virtio-blk-pci,drive={node},request-merging={merging},serial=disk{number},logical_block_size={sector},physical_block_size={sector},bootindex={}",
        number + 1
    ));
}

fn medium(line: &mut Line, spec: &MachineSpec, place: &Place) {
    match &spec.medium {
        Medium::Cd(iso) => {
            line.option(
                "-drive",
                &format!(
                    "if=none,id=medium,format=raw,readonly=on,media=cdrom,file={}",
                    path(iso)
                ),
            );
            line.words("-device ide-cd,bus=ide.0,drive=medium,bootindex=0");
        }
        Medium::Usb(iso) => {
            line.option(
                "-drive",
                &format!("if=none,id=medium,format=raw,snapshot=on,file={}", path(iso)),
            );
            line.words("-device qemu-xhci -device usb-storage,id=stick,drive=medium,removable=on,bootindex=0");
        }
        Medium::Network(netboot) => {
            line.option("-kernel", &netboot.kernel.to_string_lossy());
            line.option("-initrd", &place.initrd().to_string_lossy());
            line.option("-append", format!("{} {}", netboot.words, spec.words).trim());
        }
        Medium::Disks => {}
    }
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn words(&mut self, words: &str) {
        self.0.extend(words.split_whitespace().map(OsString::from));
    }

    fn option(&mut self, name: &str, value: &str) {
        self.0.extend([name.into(), value.into()]);
    }
}

/// A path inside an option, where a comma would begin the next key.
fn path(path: &Path) -> String {
    escaped(&path.to_string_lossy())
}

fn escaped(text: &str) -> String {
    text.replace(',', ",,")
}

#[cfg(test)]
mod tests;
