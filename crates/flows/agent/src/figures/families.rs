//! Which of collectd's figures are told, and as what: one line each. What is not listed is not told, so that a name that is told once
//! stays.

use super::read::Sample;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

#[derive(Debug)]
pub(super) struct Family {
    /// collectd's name.
    pub(super) from: &'static str,
    /// Ours, without `_total`.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    /// From collectd's unit to the base unit.
    pub(super) divisor: f64,
    /// Their label and ours.
    pub(super) labels: &'static [(&'static str, &'static str)],
}

/// Of a machine's memory collectd tells counts and times by the same name.
const VM_MEMORY: [&str; 7] = [
    "total",
    "actual_balloon",
    "available",
    "usable",
    "unused",
    "rss",
    "disk_caches",
];

impl Family {
    /// Whether this sample of it has another unit.
    pub(super) fn leaves_out(&self, sample: &Sample<'_>) -> bool {
        let state = sample.label("type").unwrap_or_default();
        self.name == "corbel_vm_memory_bytes" && !VM_MEMORY.contains(&state)
    }
}

const fn counter(
    from: &'static str,
    name: &'static str,
    divisor: f64,
    labels: &'static [(&'static str, &'static str)],
    help: &'static str,
) -> Family {
    Family {
        from,
        name,
        help,
        kind: Kind::Counter,
        divisor,
        labels,
    }
}

const fn gauge(
    from: &'static str,
    name: &'static str,
    labels: &'static [(&'static str, &'static str)],
    help: &'static str,
) -> Family {
    Family {
        from,
        name,
        help,
        kind: Kind::Gauge,
        divisor: 1.0,
        labels,
    }
}

type Labels = &'static [(&'static str, &'static str)];
const CPU: Labels = &[("cpu", "cpu"), ("type", "mode")];
const DISK: Labels = &[("disk", "disk")];
const INTERFACE: Labels = &[("interface", "interface")];
const VM: Labels = &[("virt", "vm")];
const VM_DISK: Labels = &[("virt", "vm"), ("type", "disk")];
const VM_INTERFACE: Labels = &[("virt", "vm"), ("type", "interface")];

/// Jiffies (USER_HZ, time(7)), milliseconds and nanoseconds in a second.
const JIFFIES: f64 = 100.0;
const MILLIS: f64 = 1e3;
const NANOS: f64 = 1e9;

#[rustfmt::skip]
pub(super) const FAMILIES: &[Family] = &[
    counter("collectd_cpu_total", "corbel_cpu_seconds", JIFFIES, CPU, "Time that a processor of the node spent in a mode."),
    gauge("collectd_load_shortterm", "corbel_load1", &[], "Load of the node, over 1 minute."),
    gauge("collectd_load_midterm", "corbel_load5", &[], "Load of the node, over 5 minutes."),
    gauge("collectd_load_longterm", "corbel_load15", &[], "Load of the node, over 15 minutes."),
    gauge("collectd_memory", "corbel_memory_bytes", &[("memory", "state")], "Memory of the node by what it is used for."),
    gauge("collectd_df_df_complex", "corbel_filesystem_bytes", &[("df", "filesystem"), ("type", "state")], "Room of a file system by whether it is used."),
    counter("collectd_disk_disk_octets_read_total", "corbel_disk_read_bytes", 1.0, DISK, "Bytes read from a disk."),
    counter("collectd_disk_disk_octets_write_total", "corbel_disk_written_bytes", 1.0, DISK, "Bytes written to a disk."),
    counter("collectd_disk_disk_ops_read_total", "corbel_disk_reads", 1.0, DISK, "Reads from a disk that ended."),
    counter("collectd_disk_disk_ops_write_total", "corbel_disk_writes", 1.0, DISK, "Writes to a disk that ended."),
    counter("collectd_disk_disk_io_time_io_time_total", "corbel_disk_busy_seconds", MILLIS, DISK, "Time in which a disk had something to do."),
    counter("collectd_interface_if_octets_rx_total", "corbel_network_receive_bytes", 1.0, INTERFACE, "Bytes that an interface received."),
    counter("collectd_interface_if_octets_tx_total", "corbel_network_transmit_bytes", 1.0, INTERFACE, "Bytes that an interface sent."),
    counter("collectd_interface_if_packets_rx_total", "corbel_network_receive_packets", 1.0, INTERFACE, "Packets that an interface received."),
    counter("collectd_interface_if_packets_tx_total", "corbel_network_transmit_packets", 1.0, INTERFACE, "Packets that an interface sent."),
    counter("collectd_interface_if_errors_rx_total", "corbel_network_receive_errors", 1.0, INTERFACE, "Packets that arrived damaged."),
    counter("collectd_interface_if_errors_tx_total", "corbel_network_transmit_errors", 1.0, INTERFACE, "Packets that could not be sent."),
    counter("collectd_interface_if_dropped_rx_total", "corbel_network_receive_dropped", 1.0, INTERFACE, "Packets that arrived and had no room."),
    counter("collectd_interface_if_dropped_tx_total", "corbel_network_transmit_dropped", 1.0, INTERFACE, "Packets to be sent that had no room."),
    counter("collectd_virt_virt_cpu_total_total", "corbel_vm_cpu_seconds", NANOS, VM, "Time that a machine's processors ran on the node's."),
    counter("collectd_virt_virt_vcpu_total", "corbel_vm_vcpu_seconds", NANOS, &[("virt", "vm"), ("type", "vcpu")], "Time that one processor of a machine ran."),
    gauge("collectd_virt_memory", "corbel_vm_memory_bytes", &[("virt", "vm"), ("type", "state")], "Memory of a machine; what it is used for only the guest's balloon driver knows."),
    counter("collectd_virt_disk_octets_read_total", "corbel_vm_disk_read_bytes", 1.0, VM_DISK, "Bytes that a machine read from a disk."),
    counter("collectd_virt_disk_octets_write_total", "corbel_vm_disk_written_bytes", 1.0, VM_DISK, "Bytes that a machine wrote to a disk."),
    counter("collectd_virt_disk_ops_read_total", "corbel_vm_disk_reads", 1.0, VM_DISK, "Reads of a machine from a disk."),
    counter("collectd_virt_disk_ops_write_total", "corbel_vm_disk_writes", 1.0, VM_DISK, "Writes of a machine to a disk."),
    counter("collectd_virt_if_octets_rx_total", "corbel_vm_network_receive_bytes", 1.0, VM_INTERFACE, "Bytes that a machine received."),
    counter("collectd_virt_if_octets_tx_total", "corbel_vm_network_transmit_bytes", 1.0, VM_INTERFACE, "Bytes that a machine sent."),
    counter("collectd_virt_if_packets_rx_total", "corbel_vm_network_receive_packets", 1.0, VM_INTERFACE, "Packets that a machine received."),
    counter("collectd_virt_if_packets_tx_total", "corbel_vm_network_transmit_packets", 1.0, VM_INTERFACE, "Packets that a machine sent."),
    counter("collectd_virt_if_errors_rx_total", "corbel_vm_network_receive_errors", 1.0, VM_INTERFACE, "Packets for a machine that were damaged."),
    counter("collectd_virt_if_errors_tx_total", "corbel_vm_network_transmit_errors", 1.0, VM_INTERFACE, "Packets of a machine that could not be sent."),
    counter("collectd_virt_if_dropped_rx_total", "corbel_vm_network_receive_dropped", 1.0, VM_INTERFACE, "Packets for a machine that had no room."),
    counter("collectd_virt_if_dropped_tx_total", "corbel_vm_network_transmit_dropped", 1.0, VM_INTERFACE, "Packets of a machine that had no room."),
];
