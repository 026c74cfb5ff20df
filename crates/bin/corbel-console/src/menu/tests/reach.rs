//! Pages of what the node reaches: storage, devices, and other machines by echoes.

use corbel_node_api::{
    Echo, IommuDevice, IommuGroup, IommuInfo, IscsiInfo, IscsiSession, MultipathDevice, MultipathList, MultipathPath,
    PingResult,
};

use super::*;

pub(super) fn multipath() -> MultipathList {
    let path = |disk: &str, group, state: &str, check: &str| MultipathPath {
        disk: disk.into(),
        group,
        state: state.into(),
        check: check.into(),
    };
    MultipathList {
        enabled: true,
        devices: vec![MultipathDevice {
            name: "3600140512345678".into(),
            wwid: "3600140512345678".into(),
            kernel_name: "dm-3".into(),
            vendor: "LIO-ORG".into(),
            product: "disk1".into(),
            paths: vec![path("sdb", 1, "active", "ready"), path("sdc", 2, "failed", "faulty")],
        }],
    }
}

pub(super) fn iscsi() -> IscsiInfo {
    IscsiInfo {
        initiator: Some("iqn.1993-08.org.debian:01:0123456789ab".into()),
        sessions: vec![IscsiSession {
            target: "iqn.2004-10.org.example:disks".into(),
            portal: Some("192.0.2.5:3260".into()),
            state: "LOGGED_IN".into(),
            disks: vec!["/dev/sdb".into()],
        }],
    }
}

pub(super) fn iommu() -> IommuInfo {
    let device = |address: &str, kind: &str, driver: Option<&str>| IommuDevice {
        address: address.into(),
        id: Some("020000 8086:1528".into()),
        kind: Some(kind.into()),
        driver: driver.map(str::to_owned),
    };
    IommuInfo {
        enabled: true,
        groups: vec![
            IommuGroup {
                number: 0,
                devices: vec![device("0000:00:00.0", "bridge", None)],
            },
            IommuGroup {
                number: 14,
                devices: vec![device("0000:03:00.0", "network", Some("ixgbe"))],
            },
        ],
    }
}

fn answer(microseconds: Option<u64>) -> Result<PingResult, Failure> {
    let problem = microseconds.is_none().then(|| "no answer within 3 s".to_owned());
    Ok(PingResult {
        echoes: vec![Echo {
            address: "192.0.2.1".into(),
            microseconds,
            problem,
        }],
    })
}

fn echo(rests: bool) -> Option<Action> {
    Some(Action::Call(Call::Ping {
        host: "gate".into(),
        rests,
    }))
}

#[test]
fn echoes_follow_each_other_until_somebody_stops_them() {
    let mut state = on_page("Ping");
    // The page is open, and the first Enter of the page asks whom.
    press(&mut state, &[Key::Enter]);
    let typed: Vec<Key> = "gate".chars().map(Key::Char).chain([Key::Enter]).collect();
    assert_eq!(press(&mut state, &typed), echo(false));
    let next = state.on(Event::Reply(Reply::Ping("gate".into(), answer(Some(421)))));
    assert_eq!(next, echo(true));
    assert_eq!(press(&mut state, &[Key::Esc]), None);
    let next = state.on(Event::Reply(Reply::Ping("gate".into(), answer(None))));
    assert_eq!(next, None, "it was stopped");
    let text = as_text(&state, 80, 24);
    assert!(
        text.contains("answered in 0.421 ms") && text.contains("no answer within 3 s"),
        "{text}"
    );
    insta::assert_snapshot!("echoes-80x24", text);
    // Once more, to the end; and what fails ends it.
    assert_eq!(press(&mut state, &[Key::Char('r')]), echo(false));
    for _ in 0..4 {
        let next = state.on(Event::Reply(Reply::Ping("gate".into(), answer(Some(1)))));
        assert_eq!(next, echo(true));
    }
    assert_eq!(
        state.on(Event::Reply(Reply::Ping("gate".into(), answer(Some(1))))),
        None
    );
    press(&mut state, &[Key::Char('r')]);
    let failure = Failure {
        field: None,
        message: "the name gate has no address".into(),
    };
    assert_eq!(state.on(Event::Reply(Reply::Ping("gate".into(), Err(failure)))), None);
    assert!(as_text(&state, 80, 24).contains("has no address"));
    // An answer to a page that was left says nothing.
    state.menu.go(Place::List(List::Links));
    assert_eq!(
        state.on(Event::Reply(Reply::Ping("gate".into(), answer(Some(1))))),
        None
    );
}

#[test]
fn lamps_blink_by_one_key() {
    let mut state = on_page("Network links");
    let call = press(&mut state, &[Key::Char('i')]);
    assert_eq!(call, Some(Action::Call(Call::Identify("eno1".into()))));
    assert!(as_text(&state, 80, 24).contains("The lamps of eno1 blink"));
    let failure = Failure {
        field: None,
        message: "the driver of eno1 cannot let its lamps blink".into(),
    };
    state.on(Event::Reply(Reply::Identify("eno1".into(), Err(failure))));
    assert!(as_text(&state, 80, 24).contains("cannot let its lamps blink"));
}
