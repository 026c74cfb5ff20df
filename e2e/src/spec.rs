//! A machine as a value, and the QEMU command line that it means. Pure: nothing is started here.

use std::{
    ffi::OsString,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::{Accel, disk::Disk, image::Netboot};

/// What the machine's firmware is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF, with variables of its own for each machine.
    Uefi,
}

/// Where the machine boots from.
#[derive(Debug, Clone)]
pub enum Medium {
    /// An ISO in a CD drive.
    Cd(PathBuf),
    /// The same file as a USB stick; what is written to it is thrown away.
    Usb(PathBuf),
    /// Kernel and initrds handed over in memory, as a network boot loader does.
    Network(Netboot),
    /// Nothing but its disks.
    Disks,
}

/// A machine to be.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    pub firmware: Firmware,
    pub medium: Medium,
    /// `/dev/vda`, `/dev/vdb` … in the node, before the seed's disk.
    pub disks: Vec<Disk>,
    /// UEFI variables that outlive the machine, made when the file is missing; otherwise each machine has new ones.
    pub variables: Option<PathBuf>,
    /// MiB.
    pub memory: u32,
    /// Processors, where they are not emulated.
    pub cpus: u32,
    /// Further network cards, each by the socket of the [`crate::Wire`] that it hangs on.
    pub wires: Vec<PathBuf>,
    /// A disk with a FAT volume `CORBEL-SEED`.
    pub seed: Option<PathBuf>,
    /// A USB stick that keeps what is written to it; a raw file.
    pub stick: Option<PathBuf>,
    /// The machine's address when it does not take the one that DHCP gives (10.0.2.15).
    pub address: Option<Ipv4Addr>,
    /// More kernel words; only a machine that boots from the network can have them.
    pub words: String,
    /// systemd credentials that the firmware hands over (SMBIOS type 11, `systemd.system-credentials(7)`).
    pub credentials: Vec<(String, String)>,
}

impl MachineSpec {
    /// Two processors, 1 GiB, BIOS.
    pub fn new(medium: Medium) -> Self {
        Self {
            firmware: Firmware::Bios,
            medium,
            disks: Vec::new(),
            variables: None,
            memory: 1024,
            cpus: 2,
            wires: Vec::new(),
            seed: None,
            stick: None,
            address: None,
            words: String::new(),
            credentials: Vec::new(),
        }
    }

    /// With this firmware.
    #[must_use]
    pub fn firmware(mut self, firmware: Firmware) -> Self {
        self.firmware = firmware;
        self
    }

    /// With so many MiB.
    #[must_use]
    pub fn memory(mut self, mebibytes: u32) -> Self {
        self.memory = mebibytes;
        self
    }

    /// With this disk as its next one.
    #[must_use]
    pub fn disk(mut self, disk: Disk) -> Self {
        self.disks.push(disk);
        self
    }

    /// With this seed disk.
    #[must_use]
    pub fn seed(mut self, disk: &Path) -> Self {
        self.seed = Some(disk.to_path_buf());
        self
    }

    /// With this USB stick.
    #[must_use]
    pub fn stick(mut self, file: &Path) -> Self {
        self.stick = Some(file.to_path_buf());
        self
    }

    /// With this file as the last of its initrds; nothing for a machine that does not boot from the network.
    #[must_use]
    pub fn initrd(mut self, file: &Path) -> Self {
        if let Medium::Network(netboot) = &mut self.medium {
            netboot.initrds.push(file.to_path_buf());
        }
        self
    }

    /// At this address instead of DHCP's.
    #[must_use]
    pub fn address(mut self, address: Ipv4Addr) -> Self {
        self.address = Some(address);
        self
    }

    /// The file of its UEFI variables.
    pub fn variables(&self, place: &Place) -> PathBuf {
        self.variables.clone().unwrap_or_else(|| place.variables())
    }

    /// With a systemd credential.
    #[must_use]
    pub fn credential(mut self, name: &str, value: &str) -> Self {
        self.credentials
            .push((format!("io.systemd.credential:{name}"), value.to_owned()));
        self
    }

    /// The same for a value that may have line ends.
    #[must_use]
    pub fn credential_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.credentials.push((
            format!("io.systemd.credential.binary:{name}"),
            BASE64_STANDARD.encode(value),
        ));
        self
    }
}

/// Where a running machine's files and ports are.
#[derive(Debug, Clone)]
pub struct Place {
    /// Holds sockets, logs and the firmware's variables.
    pub folder: PathBuf,
    /// On 127.0.0.1, leads to port 8443 of the node.
    pub api_port: u16,
    /// On 127.0.0.1, leads to port 22 of the node.
    pub ssh_port: u16,
}

impl Place {
    /// What the first serial port printed.
    pub fn serial_log(&self) -> PathBuf {
        self.folder.join("serial.log")
    }

    /// The first serial port, as a socket.
    pub fn serial_socket(&self) -> PathBuf {
        self.folder.join("serial.sock")
    }

    /// The second serial port, as a socket.
    pub fn shell_socket(&self) -> PathBuf {
        self.folder.join("shell.sock")
    }

    /// What the second serial port printed.
    pub fn shell_log(&self) -> PathBuf {
        self.folder.join("shell.log")
    }

    /// QEMU's own control.
    pub fn qmp_socket(&self) -> PathBuf {
        self.folder.join("qmp.sock")
    }

    /// All initrds joined: QEMU takes one file, whereas boot loaders load several one after the other.
    pub fn initrd(&self) -> PathBuf {
        self.folder.join("initrd")
    }

    /// The UEFI variables of this machine alone.
    pub fn variables(&self) -> PathBuf {
        self.folder.join("uefi-variables.fd")
    }
}

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
mod tests {
    use super::*;

    fn line(spec: &MachineSpec) -> String {
        let place = Place {
            folder: "/run/m,1".into(),
            api_port: 5000,
            ssh_port: 5001,
        };
        let words: Vec<_> = arguments(spec, &place, Accel::Tcg)
            .iter()
            .map(|w| w.to_string_lossy().into_owned())
            .collect();
        words.join(" ")
    }

    #[test]
    fn a_cd_on_bios() {
        let line = line(&MachineSpec::new(Medium::Cd("/x.iso".into())));
        assert!(
            line.contains("media=cdrom,file=/x.iso -device ide-cd,bus=ide.0,drive=medium,bootindex=0"),
            "{line}"
        );
        assert!(
            line.contains("hostfwd=tcp:127.0.0.1:5000-:8443,hostfwd=tcp:127.0.0.1:5001-:22"),
            "{line}"
        );
        assert!(
            line.contains("-accel tcg,thread=multi -cpu max") && line.contains("-m 1024 -smp 1"),
            "{line}"
        );
        assert!(
            !line.contains("pflash") && line.contains("path=/run/m,,1/serial.sock"),
            "{line}"
        );
    }

    #[test]
    fn a_stick_on_uefi_with_a_seed_and_an_address() {
        let spec = MachineSpec::new(Medium::Usb("/x.iso".into()))
            .firmware(Firmware::Uefi)
            .seed(Path::new("/seed"));
        let line = line(&spec.address(Ipv4Addr::new(10, 0, 2, 50)).credential("a.b", "x,y"));
        assert!(
            line.contains("usb-storage,id=stick,drive=medium")
                && line.contains("unit=1,format=raw,file=/run/m,,1/uefi"),
            "{line}"
        );
        assert!(
            line.contains("5000-10.0.2.50:8443") && line.contains("virtio-blk-pci,drive=seed"),
            "{line}"
        );
        assert!(line.contains("type=11,value=io.systemd.credential:a.b=x,,y"), "{line}");
    }

    #[test]
    fn a_disk_that_is_recorded() {
        let mut disk = Disk::new(Path::new("/d,1.img"));
        disk.log = Some("/log".into());
        let line = line(&MachineSpec::new(Medium::Disks).disk(disk));
        assert!(
            line.contains("node-name=disk0,discard=unmap,file.driver=file,file.filename=/d,,1.img"),
            "{line}"
        );
        assert!(
            line.contains(
                "node-name=recorded0,discard=unmap,file=disk0,log.driver=file,log.filename=/log,log-sector-size=512"
            ),
            "{line}"
        );
        assert!(
            line.contains("virtio-blk-pci,drive=recorded0,request-merging=off,serial=disk0"),
            "{line}"
        );
    }

    #[test]
    fn a_boot_from_the_network_has_words() {
        let netboot = Netboot {
            kernel: "/k".into(),
            initrds: vec!["/i".into()],
            words: "corbel.root=00".to_owned(),
        };
        let mut spec = MachineSpec::new(Medium::Network(netboot));
        spec.words = "hostname=a".to_owned();
        assert!(line(&spec).ends_with("-kernel /k -initrd /run/m,1/initrd -append corbel.root=00 hostname=a"));
    }
}
