//! What QEMU is told of machines of each kind.

use std::net::Ipv4Addr;

use super::*;
use crate::image::Netboot;

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
        line.contains("usb-storage,id=stick,drive=medium") && line.contains("unit=1,format=raw,file=/run/m,,1/uefi"),
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
