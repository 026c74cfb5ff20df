//! Every way to boot leads to an API, and what is said at boot is heeded.

use std::net::Ipv4Addr;

use corbel_e2e::{Firmware, MachineSpec, Medium, Node, Run};
use corbel_node_api::{BootFirmware, BootSource, NodeInfo};

use crate::suite;

/// 1 GiB: what the README promises is enough.
const MEMORY: u32 = 1024;

fn booted_from(info: &NodeInfo, source: BootSource, firmware: BootFirmware) {
    assert_eq!(
        (info.boot.source, info.boot.firmware),
        (source, firmware),
        "{:?}",
        info.boot
    );
    assert!(info.boot.root_hash.is_some(), "no root hash: {:?}", info.boot);
}

#[tokio::test]
async fn cd_on_bios_carries_guests_and_survives() -> anyhow::Result<()> {
    let run = Run::from_environment("cd-on-bios")?;
    let spec = MachineSpec::new(Medium::Cd(run.image().iso().to_path_buf())).memory(MEMORY);
    let mut node = Node::boot(&run, spec.with_root_shell()).await?;
    booted_from(&node.info().await?, BootSource::Cd, BootFirmware::Bios);
    suite::console(&mut node).await?;
    suite::listeners(&node)?;
    suite::ssh(&node)?;
    suite::virsh_and_api_agree(&node).await?;
    suite::guest_and_survival(&run, &node).await
}

#[tokio::test]
async fn cd_on_uefi_carries_guests_and_survives() -> anyhow::Result<()> {
    let run = Run::from_environment("cd-on-uefi")?;
    let spec = MachineSpec::new(Medium::Cd(run.image().iso().to_path_buf())).memory(MEMORY);
    let mut node = Node::boot(&run, spec.firmware(Firmware::Uefi).with_root_shell()).await?;
    booted_from(&node.info().await?, BootSource::Cd, BootFirmware::Uefi);
    suite::console(&mut node).await?;
    suite::guest_and_survival(&run, &node).await
}

/// The words stand in the seed; the addresses are not the ones that DHCP would give.
#[tokio::test]
async fn usb_on_bios_with_addresses_from_the_seed() -> anyhow::Result<()> {
    let run = Run::from_environment("usb-on-bios")?;
    let address = Ipv4Addr::new(10, 0, 2, 50);
    let spec = MachineSpec::new(Medium::Usb(run.image().iso().to_path_buf()))
        .memory(MEMORY)
        .address(address)
        .with_root_shell();
    let words = "hostname=beam ip=10.0.2.50 netmask=255.255.255.0 gateway=10.0.2.2 dns=10.0.2.3 ipv6=fec0::50/64";
    let node = Node::boot_with(&run, spec, |seed, identity| seed.client(identity).words(words)).await?;
    let info = node.info().await?;
    booted_from(&info, BootSource::Disk, BootFirmware::Bios);
    assert_eq!(info.name, "beam");
    suite::has_address(&node, "10.0.2.50").await?;
    suite::has_address(&node, "fec0::50").await
}

/// Nobody gave a key or a password, so there is no ssh at all, and the API refuses who is not in the seed.
#[tokio::test]
async fn usb_on_uefi_without_a_key_has_no_ssh() -> anyhow::Result<()> {
    let run = Run::from_environment("usb-on-uefi")?;
    let spec = MachineSpec::new(Medium::Usb(run.image().iso().to_path_buf())).memory(MEMORY);
    let spec = spec.firmware(Firmware::Uefi).with_root_shell();
    let mut node = Node::boot_with(&run, spec, |seed, identity| seed.client(identity)).await?;
    booted_from(&node.info().await?, BootSource::Disk, BootFirmware::Uefi);
    suite::no_ssh(&node)?;
    suite::strangers_are_refused(&mut node).await
}

#[tokio::test]
async fn network_with_words_on_the_command_line_and_a_seed_in_the_initramfs() -> anyhow::Result<()> {
    let run = Run::from_environment("network")?;
    let mut spec = MachineSpec::new(Medium::Network(run.image().netboot()?)).memory(MEMORY);
    spec.words = "hostname=rack-7".to_owned();
    let node = Node::boot(&run, spec.with_root_shell()).await?;
    let info = node.info().await?;
    booted_from(&info, BootSource::Network, BootFirmware::Bios);
    assert_eq!(info.name, "rack-7");
    suite::ssh(&node)
}
