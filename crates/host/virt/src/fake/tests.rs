use super::Fake;
use crate::conformance::{Abilities, conformance, sample_spec};
use crate::{Hypervisor, VirtError, VirtEvent};

#[test]
fn the_fake_keeps_the_rules() {
    let fake = Fake::new();
    fake.ensure_pool("conf-more", "/data/volumes/more").unwrap();
    conformance(
        &fake,
        &Abilities {
            uploads: true,
            console: true,
            domain_type: "kvm",
        },
    );
}

#[test]
fn a_console_greets_echoes_and_is_free_again() {
    let fake = Fake::with_vms(1);
    fake.start_vm("vm-00000").unwrap();
    let mut console = fake.open_console("vm-00000").unwrap();
    let banner = console.output.blocking_recv().unwrap();
    assert!(String::from_utf8(banner).unwrap().contains("vm-00000 login:"));
    console.input.blocking_send(b"root\r".to_vec()).unwrap();
    assert_eq!(console.output.blocking_recv().unwrap(), b"root\r");
    fake.guest_writes("vm-00000", b"boot").unwrap();
    assert_eq!(console.output.blocking_recv().unwrap(), b"boot");
    drop(console);
    assert!(fake.open_console("vm-00000").is_ok());
}

#[test]
fn knobs_make_it_fail() {
    let fake = Fake::with_vms(2);
    let mut events = fake.events();
    fake.set_unavailable(Some("libvirtd was killed"));
    let gone = VirtError::Unavailable {
        problem: "libvirtd was killed".into(),
    };
    assert_eq!(fake.list_vms(), Err(gone.clone()));
    assert_eq!(fake.ping(), Err(gone));
    fake.set_unavailable(None);
    assert_eq!(fake.list_vms().unwrap().len(), 2);
    let lost = VirtEvent::Connection {
        ready: false,
        reason: Some("libvirtd was killed".into()),
    };
    assert_eq!(events.try_recv(), Ok(lost));
    assert_eq!(
        events.try_recv(),
        Ok(VirtEvent::Connection {
            ready: true,
            reason: None
        })
    );

    let full = VirtError::NoSpace {
        pool: "default".into(),
        problem: "3 MiB are free".into(),
    };
    fake.fail_on("create_vm", full.clone());
    assert!(fake.ping().is_ok());
    assert_eq!(fake.create_vm(&sample_spec("a")), Err(full.clone()));
    assert!(fake.create_vm(&sample_spec("a")).is_ok());
    fake.fail_next(full.clone());
    assert_eq!(fake.ping(), Err(full));
    assert!(fake.ping().is_ok());
}

#[test]
fn a_thousand_machines_are_listed_by_name() {
    let vms = Fake::with_vms(1000).list_vms().unwrap();
    assert_eq!((vms.len(), vms[999].name.as_str()), (1000, "vm-00999"));
    assert!(vms.is_sorted_by(|a, b| a.name < b.name && a.uuid != b.uuid));
}
