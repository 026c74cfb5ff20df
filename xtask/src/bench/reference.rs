//! What our image is measured against: a plain Debian with libvirt on an ext4 disk, with the initrd that Debian makes for it.
//! Made once, with mmdebstrap, into `build/bench/reference`.

use std::path::PathBuf;

use anyhow::ensure;

use crate::{context::Context, packages, report};

/// The programs that our image has as well; the rest is what Debian calls important.
const PACKAGES: &str = "linux-image-amd64,initramfs-tools,systemd-sysv,libvirt-daemon-system,libvirt-clients,qemu-system-x86,\
openssh-server,nftables,systemd-resolved";
/// Says on the serial port that libvirt answers, as a client would notice.
const UNIT: &str = "\
[Unit]
After=libvirtd.service
Wants=libvirtd.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until virsh -c qemu:///system version; do sleep 0.1; done; echo REFERENCE-ANSWERS >/dev/ttyS0'

[Install]
WantedBy=multi-user.target
";

/// The folder with `disk.img`, `vmlinuz` and `initrd.img`, made when it is not there.
pub(super) fn make(context: &Context, yes: bool) -> anyhow::Result<PathBuf> {
    let folder = context.build().join("bench/reference");
    if folder.join("disk.img").exists() {
        return Ok(folder);
    }
    packages::install_more(context, &["mmdebstrap", "e2fsprogs"], yes)?;
    ensure!(
        rustix::process::geteuid().is_root(),
        "making the reference needs root: its disk has files of many owners"
    );
    std::fs::create_dir_all(&folder)?;
    report::talk("making the reference: Debian with libvirt, about 5 minutes");
    #[allow(clippy::disallowed_methods)] // a file that is made anew by each run; xtask uses nothing of ours
    std::fs::write(folder.join("reference.service"), UNIT)?;
    let place = folder.display();
    let hooks = [
        format!("upload '{place}/reference.service' /etc/systemd/system/reference.service"),
        "chroot \"$1\" systemctl enable reference.service systemd-networkd.service".to_owned(),
        "printf '[Match]\\nName=en*\\n[Network]\\nDHCP=yes\\n' > \"$1\"/etc/systemd/network/en.network".to_owned(),
        "printf '/dev/vda / ext4 rw 0 1\\n' > \"$1\"/etc/fstab".to_owned(),
        format!("cp -L \"$1\"/vmlinuz '{place}/vmlinuz' && cp -L \"$1\"/initrd.img '{place}/initrd.img'"),
        // mmdebstrap has /proc and the like mounted there, which must not be copied: unmounted for this command alone.
        format!(
            "unshare --mount sh -c 'for d in proc sys dev; do umount -R \"$0/$d\" 2>/dev/null; done; \
             exec mke2fs -q -F -t ext4 -d \"$0\" \"{place}/disk.partial\" 4G' \"$1\""
        ),
    ];
    let hooks = hooks.iter().map(|hook| format!("--customize-hook={hook}"));
    context
        .program("mmdebstrap")
        .args([
            "--quiet",
            "--variant=important",
            "--format=null",
            "--aptopt=APT::Install-Recommends false",
            "--include",
        ])
        .args([PACKAGES])
        .args(hooks)
        .args([packages::SUITE, "/dev/null", &packages::archive(context)?])
        .run()?;
    std::fs::rename(folder.join("disk.partial"), folder.join("disk.img"))?;
    Ok(folder)
}
