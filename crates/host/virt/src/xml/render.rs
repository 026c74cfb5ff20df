//! [`VmSpec`] to a libvirt domain: q35, virtio, a serial console, no sound, no tablet, no USB.

use corbel_model::VolumeName;
use corbel_model::vm::{
    DiskBus, DiskFormat, DiskKind, DiskSpec, Firmware, NicSource, NicSpec, OnReboot, SpecError, VmSpec,
};

use super::element::{Element, el, is_xml_char};
use super::{Accelerator, Placement};

/// The domain document for `spec`, which has passed [`VmSpec::check`].
///
/// # Errors
/// The kernel's command line holds a character that XML (and so libvirt) cannot carry, or the pool of a volume is not active.
pub fn render_domain(spec: &VmSpec, place: &Placement<'_>) -> Result<String, SpecError> {
    if let Some(boot) = &spec.direct_boot
        && let Some(bad) = boot.command_line.chars().find(|c| !is_xml_char(*c) || c.is_control())
    {
        let problem = format!("holds {bad:?}: use printable characters in one line");
        return Err(SpecError::new("direct_boot.command_line", problem));
    }
    let domain = el("domain")
        .attr("type", place.host.accelerator.as_str())
        .child(el("name").text(&spec.name))
        .children(metadata(spec.on_reboot))
        .child(
            el("memory")
                .attr("unit", "KiB")
                .text(spec.memory.bytes().div_ceil(1024)),
        )
        .child(el("vcpu").text(spec.cpus))
        .child(os(spec, place)?)
        .child(el("features").child(el("acpi")).child(el("apic")))
        .children(cpu(place.host.accelerator))
        .child(clock())
        .child(el("on_poweroff").text("destroy"))
        .child(el("on_reboot").text("restart"))
        .child(el("on_crash").text("destroy"))
        .child(devices(spec, place)?);
    Ok(domain.render())
}

/// What libvirt keeps for us; the default is not written, so that most documents have none of it.
fn metadata(on_reboot: OnReboot) -> Option<Element> {
    let word = match on_reboot {
        OnReboot::ShutDown => return None,
        OnReboot::Save => "save",
    };
    let ours = el("corbel:node")
        .attr("xmlns:corbel", super::NAMESPACE)
        .attr("on-reboot", word);
    Some(el("metadata").child(ours))
}

/// The file of the volume that `field` names.
fn file(place: &Placement<'_>, volume: &VolumeName, field: &str) -> Result<String, SpecError> {
    let missing = || {
        SpecError::new(
            field,
            format!("{volume} is in pool {}, which is not active", volume.pool()),
        )
    };
    place.path(volume).ok_or_else(missing)
}

fn os(spec: &VmSpec, place: &Placement<'_>) -> Result<Element, SpecError> {
    let kind = match place.host.accelerator {
        // The test driver knows one machine only, and calls it otherwise.
        Accelerator::TestDriver => el("type"),
        Accelerator::Kvm | Accelerator::Emulated => el("type").attr("arch", "x86_64").attr("machine", "q35"),
    };
    let mut os = el("os");
    if spec.firmware == Firmware::Uefi {
        // Without these two libvirt takes the first firmware with enrolled keys, under which an unsigned guest never boots.
        let off = |name| el("feature").attr("enabled", "no").attr("name", name);
        os = os.attr("firmware", "efi").child(kind.text("hvm"));
        os = os.child(el("firmware").child(off("enrolled-keys")).child(off("secure-boot")));
    } else {
        os = os.child(kind.text("hvm"));
    }
    let Some(boot) = &spec.direct_boot else {
        // An empty disk falls through to the installer's CD.
        return Ok(os
            .child(el("boot").attr("dev", "hd"))
            .child(el("boot").attr("dev", "cdrom")));
    };
    os = os.child(el("kernel").text(file(place, &boot.kernel, "direct_boot.kernel")?));
    if let Some(initrd) = &boot.initrd {
        os = os.child(el("initrd").text(file(place, initrd, "direct_boot.initrd")?));
    }
    Ok(os.child(el("cmdline").text(&boot.command_line)))
}

fn cpu(accelerator: Accelerator) -> Option<Element> {
    match accelerator {
        Accelerator::Kvm => Some(el("cpu").attr("mode", "host-passthrough").attr("check", "none")),
        Accelerator::Emulated => Some(el("cpu").attr("mode", "maximum").attr("check", "none")),
        Accelerator::TestDriver => None,
    }
}

/// Timers as QEMU's own documentation advises for KVM guests: no HPET, which only costs wake-ups.
fn clock() -> Element {
    let timer = |name| el("timer").attr("name", name);
    el("clock")
        .attr("offset", "utc")
        .child(timer("rtc").attr("tickpolicy", "catchup"))
        .child(timer("pit").attr("tickpolicy", "delay"))
        .child(timer("hpet").attr("present", "no"))
}

fn devices(spec: &VmSpec, place: &Placement<'_>) -> Result<Element, SpecError> {
    let mut targets = Targets::default();
    let mut devices = el("devices");
    for (i, d) in spec.disks.iter().enumerate() {
        let path = file(place, &d.volume, &format!("disks[{i}].volume"))?;
        devices = devices.child(disk(d, path, &mut targets));
    }
    if let Some(seed) = place.seed {
        let path = file(place, seed, "cloud_init")?;
        devices = devices.child(cdrom(path, "raw", targets.next(DiskBus::Sata)));
    }
    if spec.disks.iter().any(|disk| bus(disk) == DiskBus::Scsi) {
        devices = devices.child(el("controller").attr("type", "scsi").attr("model", "virtio-scsi"));
    }
    let pty = |name| el(name).attr("type", "pty");
    devices = devices
        .child(el("controller").attr("type", "usb").attr("model", "none"))
        .children(spec.networks.iter().map(interface))
        .child(pty("serial").child(el("target").attr("port", 0)))
        .child(pty("console").child(el("target").attr("type", "serial").attr("port", 0)))
        .child(
            el("channel").attr("type", "unix").child(
                el("target")
                    .attr("type", "virtio")
                    .attr("name", "org.qemu.guest_agent.0"),
            ),
        )
        .child(
            el("memballoon")
                .attr("model", "virtio")
                .child(el("stats").attr("period", 10)),
        )
        .child(
            el("rng")
                .attr("model", "virtio")
                .child(el("backend").attr("model", "random").text("/dev/urandom")),
        );
    if place.host.graphics {
        devices = devices
            .child(
                el("graphics")
                    .attr("type", "vnc")
                    .attr("autoport", "yes")
                    .attr("listen", "127.0.0.1"),
            )
            .child(el("video").child(el("model").attr("type", "vga")));
    }
    Ok(devices)
}

/// The bus that the disk gets: QEMU has no virtio CD-ROM drive.
fn bus(disk: &DiskSpec) -> DiskBus {
    match (disk.kind, disk.bus) {
        (DiskKind::Cdrom, DiskBus::Virtio) => DiskBus::Sata,
        (_, bus) => bus,
    }
}

fn disk(disk: &DiskSpec, path: String, targets: &mut Targets) -> Element {
    let format = match disk.format {
        DiskFormat::Raw => "raw",
        DiskFormat::Qcow2 => "qcow2",
    };
    let target = targets.next(bus(disk));
    match disk.kind {
        DiskKind::Cdrom => cdrom(path, format, target),
        DiskKind::Disk => el("disk")
            .attr("type", "file")
            .attr("device", "disk")
            .child(
                el("driver")
                    .attr("name", "qemu")
                    .attr("type", format)
                    .attr("discard", "unmap"),
            )
            .child(el("source").attr("file", path))
            .child(target)
            .children(disk.read_only.then(|| el("readonly"))),
    }
}

fn cdrom(path: String, format: &str, target: Element) -> Element {
    el("disk")
        .attr("type", "file")
        .attr("device", "cdrom")
        .child(el("driver").attr("name", "qemu").attr("type", format))
        .child(el("source").attr("file", path))
        .child(target)
        .child(el("readonly"))
}

fn interface(nic: &NicSpec) -> Element {
    let (kind, source) = match &nic.source {
        NicSource::Nat(name) => ("network", el("source").attr("network", name)),
        NicSource::Bridge(name) => ("bridge", el("source").attr("bridge", name)),
    };
    el("interface")
        .attr("type", kind)
        .children(
            nic.mac
                .iter()
                .map(|mac| el("mac").attr("address", mac.to_ascii_lowercase())),
        )
        .child(source)
        .child(el("model").attr("type", "virtio"))
}

/// Hands out `vda`, `vdb` … and `sda`, `sdb` …; SCSI and SATA share their letters because they share the guest's names.
#[derive(Default)]
struct Targets {
    virtio: u8,
    sd: u8,
}

impl Targets {
    fn next(&mut self, bus: DiskBus) -> Element {
        let (prefix, count, name) = match bus {
            DiskBus::Virtio => ("vd", &mut self.virtio, "virtio"),
            DiskBus::Scsi => ("sd", &mut self.sd, "scsi"),
            DiskBus::Sata => ("sd", &mut self.sd, "sata"),
        };
        // A spec has at most 24 disks and one seed, so the letters end at 'y'.
        let letter = char::from(b'a' + (*count).min(25));
        *count += 1;
        el("target").attr("dev", format!("{prefix}{letter}")).attr("bus", name)
    }
}
