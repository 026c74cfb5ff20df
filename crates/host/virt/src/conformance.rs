//! What every [`Hypervisor`] must do, as one suite that the fake and libvirt both run, so that they keep in step.
//!
//! It panics with a sentence where the two part. Nothing but tests calls it.

use std::time::{Duration, Instant};

use corbel_model::vm::{
    CloudInit, DiskBus, DiskFormat, DiskKind, DiskSpec, Firmware, NicSource, NicSpec, OnReboot, VmSpec, VmState,
};
use corbel_model::{ByteSize, VolumeName};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::xml::on_reboot;
use crate::{Hypervisor, POOL, VirtError, VirtEvent, VmChange};

/// What the hypervisor under test is able to do; libvirt's test driver has no streams.
#[derive(Debug, Clone, Copy)]
pub struct Abilities {
    /// Volumes can be filled, which cloud-init disks need too.
    pub uploads: bool,
    pub console: bool,
    /// `type` of the domain element in XML that is defined directly.
    pub domain_type: &'static str,
}

/// How long an event may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs everything. The hypervisor has a NAT network `default`, a default pool and an active one besides; machines and
/// volumes of other names than `conf-…` are left alone.
///
/// # Panics
/// On the first difference.
pub fn conformance(hypervisor: &dyn Hypervisor, abilities: &Abilities) {
    assert!(hypervisor.ping().is_ok());
    assert!(!expect(hypervisor.version()).is_empty());
    lifecycle(hypervisor);
    definitions(hypervisor, abilities);
    refusals(hypervisor);
    volumes(hypervisor);
    further_pool(hypervisor);
    if abilities.uploads {
        uploads(hypervisor);
        cloud_init(hypervisor);
    }
    if abilities.console {
        console(hypervisor);
    }
    let left = expect(hypervisor.list_vms());
    assert!(
        !left.iter().any(|vm| vm.name.starts_with("conf-")),
        "machines are left: {left:?}"
    );
    let left = expect(hypervisor.list_volumes());
    assert!(
        !left
            .iter()
            .any(|volume| VolumeName::split(&volume.name).1.starts_with("conf-")),
        "volumes are left: {left:?}"
    );
}

#[track_caller]
fn expect<T>(result: Result<T, VirtError>) -> T {
    result.unwrap_or_else(|error| panic!("refused: {error}"))
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, VirtError>, kind: &str) -> VirtError {
    let error = result.expect_err("must be refused");
    let found = match &error {
        VirtError::NotFound { .. } => "not-found",
        VirtError::Exists { .. } => "exists",
        VirtError::Conflict { .. } => "conflict",
        VirtError::Invalid { .. } => "invalid",
        VirtError::NoSpace { .. } => "no-space",
        VirtError::Unavailable { .. } => "unavailable",
        VirtError::Failed { .. } => "failed",
    };
    assert_eq!(found, kind, "{error}");
    assert!(!error.to_string().contains('\n'), "one sentence: {error}");
    error
}

/// A machine with one new disk on the NAT network.
///
/// # Panics
/// `name` is not a name.
pub fn sample_spec(name: &str) -> VmSpec {
    VmSpec {
        name: name.parse().expect("a VM name"),
        cpus: 2,
        memory: ByteSize::mib(256),
        firmware: Firmware::Bios,
        disks: vec![sample_disk(&format!("{name}.qcow2"))],
        networks: vec![NicSpec {
            source: NicSource::Nat("default".parse().expect("a name")),
            mac: None,
        }],
        direct_boot: None,
        cloud_init: None,
        autostart: false,
        on_reboot: OnReboot::ShutDown,
    }
}

fn sample_disk(volume: &str) -> DiskSpec {
    DiskSpec {
        volume: name(volume),
        create: Some(ByteSize::mib(8)),
        format: DiskFormat::Qcow2,
        bus: DiskBus::Virtio,
        kind: DiskKind::Disk,
        read_only: false,
    }
}

fn name(volume: &str) -> VolumeName {
    volume.parse().expect("a volume name")
}

fn lifecycle(hypervisor: &dyn Hypervisor) {
    let mut events = hypervisor.events();
    let mut spec = sample_spec("conf-life");
    spec.autostart = true;
    spec.on_reboot = OnReboot::Save;
    let made = expect(hypervisor.create_vm(&spec));
    assert_eq!(
        (made.name.as_str(), made.state, made.cpus),
        ("conf-life", VmState::Off, 2)
    );
    assert!(
        made.persistent && made.autostart && made.memory == ByteSize::mib(256),
        "{made:?}"
    );
    assert_eq!(made.uuid.len(), 36, "{made:?}");
    let listed = expect(hypervisor.list_vms());
    assert!(listed.is_sorted_by(|a, b| a.name < b.name), "sorted by name");
    assert_eq!(listed.iter().find(|vm| vm.name == "conf-life"), Some(&made));
    let mut states: Vec<_> = listed.iter().map(|vm| vm.state).collect();
    let mut alone = expect(hypervisor.vm_states());
    for states in [&mut states, &mut alone] {
        states.sort_by_key(|state| format!("{state:?}"));
    }
    assert_eq!(alone, states, "the states are those of the list");
    let detail = expect(hypervisor.show_vm("conf-life"));
    assert_eq!(detail.summary, made);
    assert!(
        detail.disks.first().is_some_and(|d| d.target == "vda" && !d.read_only),
        "{detail:?}"
    );
    assert_eq!(detail.nics.len(), 1);
    assert_eq!(detail.nics[0].mac.len(), 17, "{detail:?}");
    assert!(expect(hypervisor.vm_xml("conf-life")).contains("<name>conf-life</name>"));
    assert!(expect(hypervisor.has_vm(&spec.name)));
    assert_eq!(on_reboot(&expect(hypervisor.vm_xml("conf-life"))), OnReboot::Save);

    refused(hypervisor.create_vm(&spec), "exists");
    refused(hypervisor.shutdown_vm("conf-life"), "conflict");
    refused(hypervisor.force_off_vm("conf-life"), "conflict");
    refused(hypervisor.reboot_vm("conf-life"), "conflict");
    refused(hypervisor.save_vm("conf-life"), "conflict");
    expect(hypervisor.start_vm("conf-life"));
    let running = expect(hypervisor.show_vm("conf-life"));
    assert_eq!(running.summary.state, VmState::Running);
    refused(hypervisor.start_vm("conf-life"), "conflict");
    refused(hypervisor.delete_vm("conf-life", true), "conflict");
    assert!(expect(hypervisor.vm_stats("conf-life")).memory.bytes() > 0);
    expect(hypervisor.save_vm("conf-life"));
    assert_eq!(expect(hypervisor.show_vm("conf-life")).summary.state, VmState::Off);
    expect(hypervisor.start_vm("conf-life"));
    expect(hypervisor.set_autostart("conf-life", false));
    assert!(!expect(hypervisor.show_vm("conf-life")).summary.autostart);
    refused(hypervisor.delete_volume(&name("conf-life.qcow2")), "conflict");
    expect(hypervisor.force_off_vm("conf-life"));
    assert_eq!(expect(hypervisor.show_vm("conf-life")).summary.state, VmState::Off);
    refused(hypervisor.delete_volume(&name("conf-life.qcow2")), "conflict");
    expect(hypervisor.delete_vm("conf-life", true));
    refused(hypervisor.show_vm("conf-life"), "not-found");
    for change in [
        VmChange::Defined,
        VmChange::Started,
        VmChange::Stopped,
        VmChange::Undefined,
    ] {
        wait_for(&mut events, "conf-life", change);
    }
}

/// # Panics
/// The event does not arrive in time.
pub fn wait_for(events: &mut Receiver<VirtEvent>, name: &str, wanted: VmChange) {
    let until = Instant::now() + PATIENCE;
    let wanted = VirtEvent::Vm {
        name: name.to_owned(),
        change: wanted,
    };
    loop {
        match events.try_recv() {
            Ok(event) if event == wanted => return,
            Ok(_) | Err(TryRecvError::Lagged(_)) => {}
            // There is no blocking receive with a limit; this polls for the condition and gives up in time.
            Err(TryRecvError::Empty) => std::thread::park_timeout(Duration::from_millis(5)),
            Err(TryRecvError::Closed) => panic!("no more events: {wanted:?} did not arrive"),
        }
        assert!(Instant::now() < until, "{wanted:?} did not arrive");
    }
}

fn definitions(hypervisor: &dyn Hypervisor, abilities: &Abilities) {
    let domain = |name: &str| {
        let kind = abilities.domain_type;
        format!(
            "<domain type='{kind}'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
             <os><type>hvm</type></os></domain>"
        )
    };
    let made = expect(hypervisor.define_xml(&domain("conf-xml")));
    assert_eq!(
        (made.name.as_str(), made.memory, made.state),
        ("conf-xml", ByteSize::mib(64), VmState::Off)
    );
    refused(hypervisor.define_xml(&domain("conf-xml")), "exists");
    expect(hypervisor.delete_vm("conf-xml", false));
    refused(hypervisor.define_xml("<domain"), "invalid");
    refused(hypervisor.define_xml("<volume/>"), "invalid");
    refused(hypervisor.define_xml(&domain("conf/xml")), "invalid");
    refused(hypervisor.define_xml(&"<a>".repeat(1000)), "invalid");
    refused(hypervisor.define_xml(&" ".repeat(2 << 20)), "invalid");
}

fn refusals(hypervisor: &dyn Hypervisor) {
    let missing = "conf-missing";
    refused(hypervisor.show_vm(missing), "not-found");
    refused(hypervisor.vm_xml(missing), "not-found");
    refused(hypervisor.vm_stats(missing), "not-found");
    refused(hypervisor.start_vm(missing), "not-found");
    refused(hypervisor.shutdown_vm(missing), "not-found");
    refused(hypervisor.force_off_vm(missing), "not-found");
    refused(hypervisor.reboot_vm(missing), "not-found");
    refused(hypervisor.delete_vm(missing, false), "not-found");
    refused(hypervisor.set_autostart(missing, true), "not-found");
    let error = refused(hypervisor.open_console(missing).map(drop), "not-found");
    assert_eq!(error.to_string(), "VM conf-missing does not exist");
    refused(hypervisor.show_vm("a\0b"), "not-found");

    let mut spec = sample_spec("conf-bad");
    spec.disks.push(DiskSpec {
        create: None,
        ..sample_disk("conf-none.qcow2")
    });
    let error = refused(hypervisor.create_vm(&spec), "invalid");
    assert!(
        error
            .to_string()
            .starts_with("disks[1].volume: conf-none.qcow2 does not exist"),
        "{error}"
    );
    let mut spec = sample_spec("conf-bad");
    spec.networks[0].source = NicSource::Nat("conf-none".parse().expect("a name"));
    let error = refused(hypervisor.create_vm(&spec), "invalid");
    assert!(
        error
            .to_string()
            .starts_with("networks[0].nat: network conf-none does not exist"),
        "{error}"
    );
    // Nothing is left of the disk that came before the refusal; the suite's end looks.
}

fn volumes(hypervisor: &dyn Hypervisor) {
    let disk = name("conf-disk.qcow2");
    let made = expect(hypervisor.create_volume(&disk, ByteSize::mib(4), "qcow2"));
    assert_eq!((made.capacity, made.format.as_str()), (ByteSize::mib(4), "qcow2"));
    assert!(made.path.ends_with("/conf-disk.qcow2"), "{made:?}");
    assert!(
        expect(hypervisor.list_volumes())
            .iter()
            .any(|volume| volume.name == made.name)
    );
    refused(hypervisor.create_volume(&disk, ByteSize::mib(4), "qcow2"), "exists");
    refused(
        hypervisor.create_volume(&name("conf-other"), ByteSize::mib(4), "vmdk"),
        "invalid",
    );
    refused(
        hypervisor.create_volume(&name("conf-other"), ByteSize(0), "raw"),
        "invalid",
    );

    let mut first = sample_spec("conf-one");
    first.disks = vec![DiskSpec {
        create: None,
        ..sample_disk("conf-disk.qcow2")
    }];
    expect(hypervisor.create_vm(&first));
    let mut second = first.clone();
    second.name = "conf-two".parse().expect("a name");
    let error = refused(hypervisor.create_vm(&second), "conflict");
    assert_eq!(error.to_string(), "volume conf-disk.qcow2 is used by VM conf-one");
    second.disks[0].format = DiskFormat::Raw;
    refused(hypervisor.create_vm(&second), "invalid");
    refused(hypervisor.delete_volume(&disk), "conflict");
    expect(hypervisor.delete_vm("conf-one", false));
    expect(hypervisor.delete_volume(&disk));
    refused(hypervisor.delete_volume(&disk), "not-found");
    assert!(
        expect(hypervisor.list_networks())
            .iter()
            .any(|network| network.name == "default" && network.active)
    );
}

fn further_pool(hypervisor: &dyn Hypervisor) {
    let pools = expect(hypervisor.list_pools());
    let default = pools.iter().find(|pool| pool.name == POOL).expect("a default pool");
    let further = pools
        .iter()
        .find(|pool| pool.active && pool.name != POOL)
        .expect("a further pool");
    assert!(default.available <= default.capacity, "{default:?}");
    let in_pool = |pool: &str| name(&format!("{pool}/conf-pool.qcow2"));
    let (disk, nowhere) = (in_pool(&further.name), in_pool("conf-none"));
    let error = refused(hypervisor.create_volume(&nowhere, ByteSize::mib(4), "raw"), "not-found");
    assert_eq!(error.to_string(), "pool conf-none does not exist");
    refused(hypervisor.delete_volume(&nowhere), "not-found");

    let mut spec = sample_spec("conf-pool");
    spec.disks[0].volume = disk.clone();
    expect(hypervisor.create_vm(&spec));
    let listed = expect(hypervisor.list_volumes());
    let made = listed.iter().find(|volume| volume.name == disk.as_str());
    let path = made.map(|volume| volume.path.clone());
    assert_eq!(path, Some(format!("{}/conf-pool.qcow2", further.path)));
    let seen = expect(hypervisor.show_vm("conf-pool"));
    assert_eq!(seen.disks[0].source, path);
    // The same file name in the default pool is another volume.
    expect(hypervisor.create_volume(&in_pool(POOL), ByteSize::mib(4), "qcow2"));
    expect(hypervisor.delete_volume(&in_pool(POOL)));
    let error = refused(hypervisor.delete_volume(&disk), "conflict");
    assert_eq!(error.to_string(), format!("volume {disk} is used by VM conf-pool"));
    expect(hypervisor.delete_vm("conf-pool", true));
    refused(hypervisor.delete_volume(&disk), "not-found");
}

fn uploads(hypervisor: &dyn Hypervisor) {
    let image = name("conf-up.img");
    let upload = |size: u64, chunks: Vec<Result<Vec<u8>, String>>| {
        hypervisor.upload_volume(&image, ByteSize(size), &mut chunks.into_iter())
    };
    refused(upload(4, vec![Ok(vec![1; 3])]), "invalid");
    refused(upload(4, vec![Ok(vec![1; 3]), Ok(vec![1; 2])]), "invalid");
    let error = refused(
        upload(4, vec![Ok(vec![1; 2]), Err("the client hung up".into())]),
        "failed",
    );
    assert_eq!(
        error.to_string(),
        "upload of volume conf-up.img failed: the client hung up"
    );
    refused(upload(0, vec![]), "invalid");
    refused(upload(u64::MAX, vec![]), "invalid");
    refused(upload(1 << 60, vec![]), "no-space");
    refused(hypervisor.delete_volume(&image), "not-found");
    let made = expect(upload(5000, vec![Ok(vec![7; 4096]), Ok(vec![]), Ok(vec![7; 904])]));
    assert_eq!((made.capacity, made.format.as_str()), (ByteSize(5000), "raw"));
    refused(upload(1, vec![Ok(vec![1])]), "exists");
    expect(hypervisor.delete_volume(&image));
}

fn cloud_init(hypervisor: &dyn Hypervisor) {
    let mut spec = sample_spec("conf-cloud");
    spec.cloud_init = Some(CloudInit {
        user_data: "#cloud-config\n".into(),
        ..CloudInit::default()
    });
    expect(hypervisor.create_vm(&spec));
    let detail = expect(hypervisor.show_vm("conf-cloud"));
    let seed = detail.disks.iter().find(|disk| disk.kind == DiskKind::Cdrom);
    assert!(seed.is_some_and(|d| d.read_only && d.source.as_deref().is_some_and(|s| s.ends_with("-cidata.iso"))));
    expect(hypervisor.delete_vm("conf-cloud", false));
    refused(hypervisor.delete_volume(&name("conf-cloud-cidata.iso")), "not-found");
    expect(hypervisor.delete_volume(&name("conf-cloud.qcow2")));
}

fn console(hypervisor: &dyn Hypervisor) {
    expect(hypervisor.create_vm(&sample_spec("conf-tty")));
    refused(hypervisor.open_console("conf-tty").map(drop), "conflict");
    expect(hypervisor.start_vm("conf-tty"));
    let mut console = expect(hypervisor.open_console("conf-tty"));
    refused(hypervisor.open_console("conf-tty").map(drop), "conflict");
    expect(hypervisor.force_off_vm("conf-tty"));
    while console.output.blocking_recv().is_some() {}
    expect(hypervisor.delete_vm("conf-tty", true));
}
