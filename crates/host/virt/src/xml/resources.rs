//! Documents of pools, volumes and networks.

use corbel_model::{ByteSize, NetworkName};

use super::element::el;
use crate::Volume;

/// A volume as its document tells it.
pub type ParsedVolume = Volume;

/// The part of a network that its document tells; whether it is active does not stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedNetwork {
    pub name: String,
    pub mode: String,
    pub bridge: Option<String>,
}

/// A pool of type `dir`.
pub fn render_pool(name: &str, path: &str) -> String {
    let target = el("target").child(el("path").text(path));
    el("pool")
        .attr("type", "dir")
        .child(el("name").text(name))
        .child(target)
        .render()
}

/// A volume that takes room as it is written; `format` is `raw` or `qcow2`.
pub fn render_volume(name: &str, size: ByteSize, format: &str) -> String {
    el("volume")
        .child(el("name").text(name))
        .child(el("capacity").attr("unit", "bytes").text(size.bytes()))
        .child(el("allocation").attr("unit", "bytes").text(0))
        .child(el("target").child(el("format").attr("type", format)))
        .render()
}

/// The NAT network that libvirt's own packages bring: 192.168.122.0/24 with DHCP on virbr0.
pub fn render_nat_network(name: &NetworkName) -> String {
    let range = el("range")
        .attr("start", "192.168.122.2")
        .attr("end", "192.168.122.254");
    el("network")
        .child(el("name").text(name))
        .child(el("forward").attr("mode", "nat"))
        .child(el("bridge").attr("name", "virbr0").attr("stp", "on").attr("delay", 0))
        .child(
            el("ip")
                .attr("address", "192.168.122.1")
                .attr("netmask", "255.255.255.0")
                .child(el("dhcp").child(range)),
        )
        .render()
}
