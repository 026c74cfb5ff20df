//! The life of long work over the fake machine: begun, followed, held, cancelled, failed, and the reboot behind it.

use std::sync::Arc;
use std::time::Duration;

use corbel_model::install::{DeviceMatch, InstallRequest};
use corbel_model::vm::{OnReboot, VmState};
use corbel_progress::{Event, Unit};
use corbel_virt::conformance::sample_spec;
use corbel_virt::fake::Fake;
use corbel_virt::{Hypervisor as _, VirtError};

use crate::fake::{FakeFacilities, FakeSystem};
use crate::{
    Agent, Answers, OperationError, OperationInfo, OperationState, Origin, Permits, Restart, Settings, SystemError,
    Then,
};

fn agent(fake: &Arc<Fake>, system: &Arc<FakeSystem>) -> Arc<Agent> {
    Agent::new(
        Arc::clone(fake) as _,
        Arc::new(FakeFacilities::default()),
        Arc::clone(system) as _,
        Settings::node("0.1.0"),
    )
}

fn node(system: FakeSystem) -> (Arc<Agent>, Arc<FakeSystem>) {
    let system = Arc::new(system);
    (agent(&Arc::new(Fake::with_vms(0)), &system), system)
}

fn url(name: &str) -> Origin {
    Origin::Url(format!("https://images.example.net/{name}"))
}

/// All events to the end, and how it then stands.
async fn to_the_end(agent: &Agent) -> (Vec<Event>, OperationInfo) {
    let mut follower = agent.follow_operation().expect("there is work");
    let mut events = vec![];
    let all = async {
        while let Some(event) = follower.next().await {
            events.push(event);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("the work ends");
    (events, agent.operation().expect("there was work"))
}

/// Follows until the write is held in its middle.
async fn halfway(agent: &Agent) {
    let mut follower = agent.follow_operation().expect("there is work");
    while let Some(event) = follower.next().await {
        if matches!(event, Event::StepProgress { ref step, done, .. } if step == "write" && done == 256 << 20) {
            return;
        }
    }
    panic!("the write ended");
}

#[tokio::test]
async fn work_is_told_from_its_beginning_to_its_end() {
    let (agent, _) = node(FakeSystem::installed(Duration::ZERO));
    let begun = agent
        .begin_upgrade(url("corbel-0.2.0.iso"), Permits::default(), Then::default())
        .unwrap();
    assert_eq!((begun.id, begun.state), (1, OperationState::Running));
    let (events, end) = to_the_end(&agent).await;
    assert!(matches!(&events[0], Event::Begin { title, .. } if title == "Upgrade"));
    assert!(matches!(events.last(), Some(Event::End { ok: true, .. })));
    assert_eq!(end.state, OperationState::Done);
    assert_eq!(
        end.message.as_deref(),
        Some("Corbel 0.2.0 is written and starts with the next reboot")
    );
    assert_eq!(end.page.steps_total, Some(3));
    let steps: Vec<_> = end.page.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["fetch", "write", "verify"]);
    assert_eq!(
        end.page.steps[1].progress,
        Some((512 << 20, Some(512 << 20), Unit::Bytes))
    );
    // Who comes late sees the same.
    assert_eq!(to_the_end(&agent).await.0.len(), events_of_a_latecomer(&events));
}

/// Of each step's progress only the last is kept.
fn events_of_a_latecomer(events: &[Event]) -> usize {
    let progress = events
        .iter()
        .filter(|e| matches!(e, Event::StepProgress { .. }))
        .count();
    events.len() - progress + 3
}

#[tokio::test]
async fn one_work_at_a_time() {
    let (agent, system) = node(FakeSystem::installed(Duration::ZERO));
    system.hold(true);
    agent
        .begin_upgrade(
            Origin::Medium {
                boot: None,
                password: None,
            },
            Permits::default(),
            Then::default(),
        )
        .unwrap();
    halfway(&agent).await;
    let refused = agent.begin_rollback(Then::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the node is busy with another long work (Upgrade): wait for its end or cancel it"
    );
    assert!(matches!(
        agent.begin_restart(Restart::Firmware, None),
        Err(OperationError::Busy { .. })
    ));
    system.hold(false);
    assert_eq!(to_the_end(&agent).await.1.state, OperationState::Done);
    let next = agent.begin_rollback(Then::default()).unwrap();
    assert_eq!(next.id, 2);
}

#[tokio::test]
async fn work_stops_when_it_is_asked_to() {
    let (agent, system) = node(FakeSystem::installed(Duration::ZERO));
    assert_eq!(agent.cancel_operation().unwrap_err(), OperationError::Idle);
    system.hold(true);
    agent
        .begin_upgrade(
            url("corbel-0.2.0.iso"),
            Permits::default(),
            Then {
                reboot: true,
                fast: false,
            },
        )
        .unwrap();
    assert_eq!(agent.cancel_operation().unwrap().state, OperationState::Cancelling);
    let (events, end) = to_the_end(&agent).await;
    assert_eq!(end.state, OperationState::Cancelled);
    assert!(matches!(events.last(), Some(Event::End { ok: false, .. })));
    assert_eq!(agent.cancel_operation().unwrap_err(), OperationError::Idle);
    assert!(system.restarts().is_empty(), "what was cancelled does not reboot");
}

#[tokio::test]
async fn a_failure_says_why_and_closes_its_step() {
    let (agent, system) = node(FakeSystem::installed(Duration::ZERO));
    system.fail_next("input/output error");
    agent
        .begin_upgrade(
            url("corbel-0.2.0.iso"),
            Permits::default(),
            Then {
                reboot: true,
                fast: false,
            },
        )
        .unwrap();
    let end = to_the_end(&agent).await.1;
    assert_eq!(end.state, OperationState::Failed);
    assert_eq!(
        end.message.as_deref(),
        Some("writing to /dev/sda failed: input/output error")
    );
    assert!(end.page.steps.iter().all(|step| step.outcome.is_some()));
    assert!(system.restarts().is_empty());
}

#[tokio::test]
async fn an_upload_that_breaks_off_gives_its_place_back() {
    let (agent, _) = node(FakeSystem::installed(Duration::ZERO));
    let (place, spool) = agent.receive_upgrade(corbel_model::ByteSize::mib(1)).await.unwrap();
    assert!(matches!(
        agent.begin_rollback(Then::default()),
        Err(OperationError::Busy { .. })
    ));
    corbel_sys::write_atomic(spool.path(), b"half of it", 0o600).unwrap();
    let path = spool.path().to_owned();
    drop((place, spool));
    assert!(!path.exists(), "what came is removed");
    assert_eq!(agent.operation().unwrap().state, OperationState::Failed);
    let full = agent
        .receive_upgrade(corbel_model::ByteSize::gib(100))
        .await
        .unwrap_err();
    assert!(matches!(full, OperationError::System(SystemError::NoRoom(_))), "{full}");
}

#[tokio::test]
async fn an_installation_is_planned_with_its_answers_before_it_begins() {
    let (agent, system) = node(FakeSystem::live(Duration::ZERO));
    let ask = |path: &str| InstallRequest {
        boot: DeviceMatch::path(path),
        ..InstallRequest::default()
    };
    let answers = Answers {
        hostname: Some("node-1".parse().unwrap()),
        keyboard: Some("sg-latin1".parse().unwrap()),
        password: None,
    };
    let live = agent.plan_install(ask("/dev/sdd"), answers.clone()).await.unwrap_err();
    assert_eq!(
        live.to_string(),
        "boot: /dev/sdd cannot be used: this system runs from it"
    );
    let (foreign, plan) = agent.plan_install(ask("/dev/sdb"), answers).await.unwrap();
    assert!(plan.erases[0].contains("customers"), "{plan:?}");
    agent.begin_install(foreign, Then::default()).unwrap();
    assert_eq!(to_the_end(&agent).await.1.state, OperationState::Done);
    let document = system.installed_document().unwrap();
    assert!(
        document.contains("node-1") && document.contains("sg-latin1"),
        "{document}"
    );
    assert!(agent.disks().await.unwrap()[1].installed.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_are_shut_down_or_saved_before_the_reboot_and_come_back() {
    let fake = Arc::new(Fake::with_vms(0));
    let mut kept = sample_spec("kept");
    kept.on_reboot = OnReboot::Save;
    for spec in [kept, sample_spec("plain")] {
        fake.create_vm(&spec).unwrap();
        fake.start_vm(spec.name.as_str()).unwrap();
    }
    let system = Arc::new(FakeSystem::installed(Duration::ZERO));
    let before = agent(&fake, &system);
    before.begin_restart(Restart::Fast, None).unwrap();
    let (events, end) = to_the_end(&before).await;
    assert_eq!(end.state, OperationState::Done, "{events:?}");
    assert_eq!(system.restarts(), [Restart::Fast]);
    assert_eq!(system.ran(), ["kept", "plain"]);
    let state = |name: &str| fake.show_vm(name).unwrap().summary.state;
    assert_eq!((state("kept"), state("plain")), (VmState::Off, VmState::Off));
    // The next daemon.
    let after = agent(&fake, &system);
    let mut events = after.events();
    let running = tokio::spawn(Arc::clone(&after).run());
    let resumed = async {
        while state("kept") != VmState::Running {
            let _ = events.recv().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), resumed).await.unwrap();
    assert_eq!(state("plain"), VmState::Off);
    running.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_does_not_obey_loses_its_power() {
    let fake = Arc::new(Fake::with_vms(0));
    fake.create_vm(&sample_spec("deaf")).unwrap();
    fake.start_vm("deaf").unwrap();
    fake.guests_obey(false);
    let system = Arc::new(FakeSystem::installed(Duration::ZERO));
    let agent = agent(&fake, &system);
    agent
        .begin_restart(Restart::PowerOff, Some(Duration::from_millis(10)))
        .unwrap();
    let end = to_the_end(&agent).await.1;
    assert_eq!(end.state, OperationState::Done);
    assert_eq!(fake.show_vm("deaf").unwrap().summary.state, VmState::Off);
    let warning = "deaf did not shut down in time: its power was taken away";
    assert_eq!(end.page.warnings, [warning]);
    assert_eq!(system.restarts(), [Restart::PowerOff]);
}

/// One machine that runs, on a node that looks at its hypervisor.
async fn with_a_machine(obeys: bool) -> (Arc<Fake>, Arc<FakeSystem>, Arc<Agent>) {
    let fake = Arc::new(Fake::with_vms(0));
    fake.create_vm(&sample_spec("db")).unwrap();
    fake.start_vm("db").unwrap();
    fake.guests_obey(obeys);
    let system = Arc::new(FakeSystem::installed(Duration::ZERO));
    let agent = agent(&fake, &system);
    (fake, system, agent)
}

/// Follows until the work has said something like this.
async fn heard(agent: &Agent, words: &str) {
    let mut follower = agent.follow_operation().expect("there is work");
    let heard = async {
        while let Some(event) = follower.next().await {
            match event {
                Event::Warning { message: said } | Event::StepNote { note: said, .. } if said.contains(words) => return,
                _ => {}
            }
        }
        panic!("the work ended without {words:?}");
    };
    tokio::time::timeout(Duration::from_secs(20), heard)
        .await
        .expect("it is said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hypervisor_that_is_away_for_a_while_costs_no_machine_its_power() {
    let (fake, system, agent) = with_a_machine(false).await;
    agent
        .begin_restart(Restart::AtOnce, Some(Duration::from_secs(120)))
        .unwrap();
    heard(&agent, "waiting for db").await;
    fake.set_unavailable(Some("it was killed"));
    heard(&agent, "cannot be asked at the moment").await;
    assert!(system.restarts().is_empty(), "db still runs");
    fake.set_unavailable(None);
    fake.force_off_vm("db").unwrap();
    let end = to_the_end(&agent).await.1;
    assert_eq!(end.state, OperationState::Done);
    assert_eq!(end.page.warnings.len(), 1, "{:?}", end.page.warnings);
    assert_eq!(system.restarts(), [Restart::AtOnce]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_could_not_be_asked_is_asked_again() {
    let (fake, system, agent) = with_a_machine(true).await;
    let away = || VirtError::Unavailable {
        problem: "it was killed".to_owned(),
    };
    for call in ["list_vms", "shutdown_vm"] {
        fake.fail_on(call, away());
    }
    agent
        .begin_restart(Restart::AtOnce, Some(Duration::from_secs(120)))
        .unwrap();
    let end = to_the_end(&agent).await.1;
    assert_eq!((end.state, end.page.warnings), (OperationState::Done, vec![]));
    assert_eq!(fake.show_vm("db").unwrap().summary.state, VmState::Off);
    assert_eq!(system.restarts(), [Restart::AtOnce]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_saved_goes_on_where_the_restart_is_cancelled() {
    let (fake, system, agent) = with_a_machine(false).await;
    let mut kept = sample_spec("a-kept");
    kept.on_reboot = OnReboot::Save;
    fake.create_vm(&kept).unwrap();
    fake.start_vm("a-kept").unwrap();
    agent
        .begin_restart(Restart::AtOnce, Some(Duration::from_secs(120)))
        .unwrap();
    heard(&agent, "waiting for db").await;
    assert_eq!(fake.show_vm("a-kept").unwrap().summary.state, VmState::Off);
    agent.cancel_operation().unwrap();
    assert_eq!(to_the_end(&agent).await.1.state, OperationState::Cancelled);
    for name in ["a-kept", "db"] {
        assert_eq!(fake.show_vm(name).unwrap().summary.state, VmState::Running, "{name}");
    }
    assert!(system.restarts().is_empty());
}
