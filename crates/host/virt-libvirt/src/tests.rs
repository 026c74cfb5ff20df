//! Against libvirt's test driver, which is in the library: machines, pools and events, but no QEMU and no streams.

mod real;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use corbel_model::ByteSize;
use corbel_model::vm::VmState;
use corbel_virt::conformance::{Abilities, conformance, sample_spec, wait_for};
use corbel_virt::{Hypervisor, VirtError, VirtEvent, VmChange};
use virt::connect::Connect;

use crate::{Libvirt, defaults, machines};

const LIMIT: Duration = Duration::from_secs(20);

/// libvirt keeps one `test:///default` a process, which all tests here share: each uses names of its own.
fn test_driver() -> Libvirt {
    let libvirt = Libvirt::connect("test:///default").unwrap();
    assert!(libvirt.wait_ready(LIMIT));
    libvirt
        .ensure_defaults("/tmp/corbel-never-made", &"default".parse().unwrap())
        .unwrap();
    libvirt
}

#[test]
fn the_test_driver_keeps_the_rules() {
    let libvirt = test_driver();
    libvirt
        .ensure_defaults("/tmp/corbel-never-made", &"default".parse().unwrap())
        .unwrap();
    libvirt.ensure_pool("conf-more", "/tmp/corbel-never-made-3").unwrap();
    conformance(
        &libvirt,
        &Abilities {
            uploads: false,
            console: false,
            domain_type: "test",
        },
    );
}

#[test]
fn a_further_pool_is_made_once_and_stays_active() {
    let libvirt = test_driver();
    for path in ["/tmp/corbel-never-made-2", "/tmp/elsewhere"] {
        libvirt.ensure_pool("data2", path).unwrap();
    }
    let other = Connect::open(Some("test:///default")).unwrap();
    let pool = virt::storage_pool::StoragePool::lookup_by_name(&other, "data2").unwrap();
    assert!(pool.is_active().unwrap() && pool.get_autostart().unwrap());
    assert_eq!(crate::volumes::pool_path(&pool).unwrap(), "/tmp/corbel-never-made-2");
    assert!(libvirt.ensure_pool("a\0b", "/tmp/x").is_err());
}

#[test]
fn what_others_do_shows_at_once() {
    let libvirt = test_driver();
    let mut events = libvirt.events();
    let other = Connect::open(Some("test:///default")).unwrap();
    let xml = "<domain type='test'><name>other-one</name><memory>4096</memory><os><type>hvm</type></os></domain>";
    let domain = virt::domain::Domain::create_xml(&other, xml, 0).unwrap();
    wait_for(&mut events, "other-one", VmChange::Started);
    let list = libvirt.list_vms().unwrap();
    let seen = list.iter().find(|vm| vm.name == "other-one").unwrap();
    assert_eq!(
        (seen.state, seen.persistent, seen.memory),
        (VmState::Running, false, ByteSize::mib(4))
    );
    domain.suspend().unwrap();
    wait_for(&mut events, "other-one", VmChange::Paused);
    domain.destroy().unwrap();
    wait_for(&mut events, "other-one", VmChange::Stopped);
    assert!(matches!(libvirt.show_vm("other-one"), Err(VirtError::NotFound { .. })));
}

#[test]
fn without_a_daemon_calls_fail_at_once_and_it_keeps_trying() {
    let libvirt = Libvirt::connect("qemu+unix:///system?socket=/nonexistent/corbel.sock").unwrap();
    let mut events = libvirt.events();
    let begun = Instant::now();
    let error = libvirt.list_vms().unwrap_err();
    assert!(matches!(error, VirtError::Unavailable { .. }), "{error}");
    assert!(libvirt.ping().is_err() && begun.elapsed() < Duration::from_secs(2));
    // It may have been told before anybody listened.
    let until = Instant::now() + LIMIT;
    let mut reason = String::new();
    while !reason.contains("/nonexistent/corbel.sock") {
        assert!(Instant::now() < until, "{reason}");
        assert!(!libvirt.wait_ready(Duration::from_millis(20)));
        reason = libvirt.ping().unwrap_err().to_string();
    }
    if let Ok(told) = events.try_recv() {
        assert!(matches!(told, VirtEvent::Connection { ready: false, .. }), "{told:?}");
    }
}

#[test]
fn a_connection_that_is_over_is_closed() {
    // The state of this driver lives as long as somebody is connected.
    let first = test_driver();
    first.create_vm(&sample_spec("kept")).unwrap();
    drop(first);
    let until = Instant::now() + LIMIT;
    loop {
        let other = Libvirt::connect("test:///default").unwrap();
        assert!(other.wait_ready(LIMIT));
        if !other.has_vm(&"kept".parse().unwrap()).unwrap() {
            break;
        }
        // The keeper's thread closes it.
        assert!(Instant::now() < until, "it is still open");
        drop(other);
    }
}

#[test]
fn a_dead_connection_is_noticed_and_replaced() {
    // The driver forgets everything with its last connection.
    let mut other = Connect::open(Some("test:///default")).unwrap();
    let libvirt = test_driver();
    let mut events = libvirt.events();
    let link = libvirt.keeper.get().unwrap();
    libvirt.keeper.lost(&link, "libvirtd was killed");
    drop(link);
    assert!(libvirt.wait_ready(LIMIT));
    libvirt.create_vm(&sample_spec("again")).unwrap();
    // Events come from the new connection, and the change of state was told before.
    let gone = VirtEvent::Connection {
        ready: false,
        reason: Some("libvirtd was killed".into()),
    };
    assert_eq!(events.try_recv(), Ok(gone));
    wait_for(&mut events, "again", VmChange::Defined);
    libvirt.delete_vm("again", true).unwrap();
    other.close().unwrap();
}

#[test]
fn half_a_machine_is_undone() {
    let libvirt = test_driver();
    let mut spec = sample_spec("half");
    // The test driver has no streams, so the cloud-init disk fails after the first disk was made.
    spec.cloud_init = Some(corbel_model::vm::CloudInit::default());
    let error = libvirt.create_vm(&spec).unwrap_err();
    assert!(matches!(error, VirtError::Failed { .. }), "{error}");
    assert!(!libvirt.has_vm(&spec.name).unwrap());
    assert!(
        !libvirt
            .list_volumes()
            .unwrap()
            .iter()
            .any(|volume| volume.name.contains("half"))
    );
}

#[test]
fn counters_are_summed_over_disks_and_interfaces() {
    let found = [
        ("cpu.time", 7),
        ("balloon.current", 2),
        ("balloon.rss", 3),
        ("block.count", 2),
        ("block.0.rd.bytes", 10),
        ("block.1.rd.bytes", u64::MAX),
        ("block.0.wr.bytes", 5),
        ("net.0.rx.bytes", 1),
        ("net.0.tx.bytes", 2),
        ("net.x.tx.bytes", 2),
    ];
    let found: BTreeMap<_, _> = found.map(|(name, value)| (name.to_owned(), value)).into();
    let stats = machines::stats_of(&found);
    assert_eq!(
        (stats.cpu_time_ns, stats.memory, stats.memory_rss),
        (7, ByteSize(2048), Some(ByteSize(3072)))
    );
    assert_eq!((stats.disk_read, stats.disk_written), (ByteSize(u64::MAX), ByteSize(5)));
    assert_eq!((stats.net_received, stats.net_sent), (ByteSize(1), ByteSize(2)));
}

#[test]
fn host_bridges_are_found_by_their_directory() {
    let dir = std::env::temp_dir().join(format!("corbel-bridges-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("br0/bridge")).unwrap();
    std::fs::create_dir_all(dir.join("eth0")).unwrap();
    let found = defaults::host_bridges(&dir);
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].mode.as_str()), ("br0", "bridge"));
    assert!(defaults::host_bridges(&dir).is_empty());
}
