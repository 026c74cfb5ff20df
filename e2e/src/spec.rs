//! A machine as a value, and the QEMU command line that it means. Pure: nothing is started here.

mod command_line;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::{disk::Disk, image::Netboot};

pub use command_line::{OVMF_CODE, OVMF_VARIABLES, arguments, wire_mac};

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
