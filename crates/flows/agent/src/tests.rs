//! The agent over the fake hypervisor, and over one that hangs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use corbel_model::vm::{VmDetail, VmSpec, VmStats, VmSummary};
use corbel_model::{ByteSize, NetworkName, VolumeName};
use corbel_virt::fake::Fake;
use corbel_virt::{Console, Hypervisor, Network, UploadChunk, VirtError, VirtEvent, VmChange, Volume};
use tokio::sync::broadcast;

use crate::fake::{FakeFacilities, FakeSystem};
use crate::{Agent, Event, Pool, Settings};

fn agent(hypervisor: Arc<dyn Hypervisor>) -> Arc<Agent> {
    agent_with(hypervisor, Duration::from_secs(10))
}

fn agent_with(hypervisor: Arc<dyn Hypervisor>, call_deadline: Duration) -> Arc<Agent> {
    let agent = idle_agent_with(hypervisor, call_deadline);
    tokio::spawn(Arc::clone(&agent).run());
    agent
}

/// One that does not look at its hypervisor yet.
fn idle_agent_with(hypervisor: Arc<dyn Hypervisor>, call_deadline: Duration) -> Arc<Agent> {
    let settings = Settings {
        call_deadline,
        watch_interval: Duration::from_millis(100),
        retry_interval: Duration::from_millis(20),
        ..Settings::node("1.0.0")
    };
    Agent::new(
        hypervisor,
        Arc::new(FakeFacilities::default()),
        Arc::new(FakeSystem::default()),
        settings,
    )
}

/// Waits for a condition, at most ten seconds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < limit, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_begins_degraded_becomes_ready_and_tells_what_changes() {
    let fake = Arc::new(Fake::with_vms(3));
    let settings = Settings::node("1.0.0");
    let idle = Agent::new(
        fake.clone(),
        Arc::new(FakeFacilities::default()),
        Arc::new(FakeSystem::default()),
        settings,
    );
    assert_eq!(
        idle.health().reason.as_deref(),
        Some("the hypervisor has not answered yet")
    );

    let agent = agent(fake.clone());
    let mut events = agent.events();
    until("it is ready", || agent.health().is_ready()).await;
    fake.set_unavailable(Some("it was killed"));
    until("it is degraded", || !agent.health().is_ready()).await;
    assert!(agent.list_vms().await.is_err());
    fake.set_unavailable(None);
    until("it is ready again", || agent.health().is_ready()).await;
    let mut told = vec![];
    while !told.iter().any(|event| matches!(event, Event::Missed(0))) {
        told.push(events.recv().await.expect("events go on"));
    }

    agent.start_vm("vm-00001".to_owned()).await.expect("it starts");
    loop {
        if let Event::Vm {
            name,
            change: VmChange::Started,
            vm,
        } = events.recv().await.expect("events go on")
        {
            assert_eq!(name, "vm-00001");
            assert_eq!(vm.expect("it was looked up").name, "vm-00001");
            break;
        }
    }
    let node = agent.node().await;
    assert_eq!((node.vms.running, node.vms.defined), (1, 3));
    assert!(node.warnings.is_empty() && node.hypervisor.version.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_defaults_are_a_reason_to_be_degraded() {
    let fake = Arc::new(Fake::new());
    let failed = || VirtError::Failed {
        operation: "pool start".to_owned(),
        problem: "no such directory".to_owned(),
    };
    for _ in 0..2 {
        fake.fail_on("ensure_defaults", failed());
    }
    let agent = idle_agent_with(fake, Duration::from_secs(10));
    let mut events = agent.events();
    tokio::spawn(Arc::clone(&agent).run());
    let first = events.recv().await.expect("a first event");
    assert!(
        matches!(&first, Event::Health(health) if health.reason.as_deref().is_some_and(|r| r.contains("no such directory"))),
        "{first:?}"
    );
    until("the defaults are there", || agent.health().is_ready()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_pool_is_kept_in_place_and_condemns_nobody() {
    let fake = Arc::new(Fake::new());
    let broken = VirtError::Failed {
        operation: "pool start".to_owned(),
        problem: "no such directory".to_owned(),
    };
    fake.fail_on("ensure_pool", broken);
    let pool = |name: &str| Pool {
        name: name.to_owned(),
        path: format!("/{name}/images"),
    };
    let settings = Settings {
        further_pools: vec![pool("data2"), pool("data3")],
        ..Settings::node("1.0.0")
    };
    let (facilities, system) = (FakeFacilities::default(), FakeSystem::default());
    let agent = Agent::new(fake.clone(), Arc::new(facilities), Arc::new(system), settings);
    tokio::spawn(Arc::clone(&agent).run());
    until("it is ready", || agent.health().is_ready()).await;
    let expected = [("data3", "/data3/images"), ("default", "/data/images")];
    assert_eq!(
        fake.pools(),
        expected.map(|(name, path)| (name.to_owned(), path.to_owned())).into()
    );
}

/// Blocks each call until it is let go.
#[derive(Debug, Default)]
struct Hanging {
    calls: AtomicUsize,
    stuck: Mutex<bool>,
    free: Condvar,
    /// The default pool cannot be had.
    broken: Mutex<bool>,
}

impl Hanging {
    fn call<T>(&self, answer: T) -> Result<T, VirtError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let stuck = self.stuck.lock().expect("no test panics here");
        drop(
            self.free
                .wait_while(stuck, |stuck| *stuck)
                .expect("no test panics here"),
        );
        Ok(answer)
    }

    fn defaults(&self) -> Result<(), VirtError> {
        match *self.broken.lock().expect("no test panics here") {
            true => Err(VirtError::Failed {
                operation: "pool start".to_owned(),
                problem: "no such disk".to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn hang(&self, stuck: bool) {
        *self.stuck.lock().expect("no test panics here") = stuck;
        self.free.notify_all();
    }
}

fn unused<T>() -> Result<T, VirtError> {
    Err(VirtError::Failed {
        operation: "this call".to_owned(),
        problem: "no test needs it".to_owned(),
    })
}

#[rustfmt::skip]
impl Hypervisor for Hanging {
    fn version(&self) -> Result<String, VirtError> { Ok("Hanging 1".to_owned()) }
    fn ping(&self) -> Result<(), VirtError> { self.call(()) }
    fn events(&self) -> broadcast::Receiver<VirtEvent> { broadcast::channel(1).1 }
    fn list_vms(&self) -> Result<Vec<VmSummary>, VirtError> { self.call(vec![]) }
    fn show_vm(&self, _: &str) -> Result<VmDetail, VirtError> { unused() }
    fn vm_xml(&self, _: &str) -> Result<String, VirtError> { panic!("a bug in the hypervisor's code") }
    fn vm_stats(&self, _: &str) -> Result<VmStats, VirtError> { unused() }
    fn create_vm(&self, _: &VmSpec) -> Result<VmSummary, VirtError> { unused() }
    fn define_xml(&self, _: &str) -> Result<VmSummary, VirtError> { unused() }
    fn start_vm(&self, _: &str) -> Result<(), VirtError> { unused() }
    fn shutdown_vm(&self, _: &str) -> Result<(), VirtError> { unused() }
    fn force_off_vm(&self, _: &str) -> Result<(), VirtError> { unused() }
    fn reboot_vm(&self, _: &str) -> Result<(), VirtError> { unused() }
    fn save_vm(&self, _: &str) -> Result<(), VirtError> { unused() }
    fn delete_vm(&self, _: &str, _: bool) -> Result<(), VirtError> { unused() }
    fn set_autostart(&self, _: &str, _: bool) -> Result<(), VirtError> { unused() }
    fn open_console(&self, _: &str) -> Result<Console, VirtError> { unused() }
    fn list_pools(&self) -> Result<Vec<corbel_virt::Pool>, VirtError> { unused() }
    fn list_volumes(&self) -> Result<Vec<Volume>, VirtError> { unused() }
    fn create_volume(&self, _: &VolumeName, _: ByteSize, _: &str) -> Result<Volume, VirtError> { unused() }
    fn upload_volume(&self, _: &VolumeName, _: ByteSize, _: &mut dyn Iterator<Item = UploadChunk>) -> Result<Volume, VirtError> { unused() }
    fn delete_volume(&self, _: &VolumeName) -> Result<(), VirtError> { unused() }
    fn list_networks(&self) -> Result<Vec<Network>, VirtError> { unused() }
    fn ensure_defaults(&self, _: &str, _: &NetworkName) -> Result<(), VirtError> { self.defaults() }
    fn ensure_pool(&self, _: &str, _: &str) -> Result<(), VirtError> { Ok(()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_hypervisor_costs_few_threads_and_is_noticed_when_it_answers_again() {
    let hanging = Arc::new(Hanging::default());
    let agent = agent_with(hanging.clone(), Duration::from_millis(200));
    until("it is ready", || agent.health().is_ready()).await;
    hanging.hang(true);
    let before = hanging.calls.load(Ordering::SeqCst);
    let first: Vec<_> = (0..40)
        .map(|_| {
            let agent = Arc::clone(&agent);
            tokio::spawn(async move { agent.list_vms().await })
        })
        .collect();
    for task in first {
        let error = task.await.expect("no panic").expect_err("it hangs");
        assert!(matches!(error, VirtError::Unavailable { .. }), "{error}");
    }
    assert!(!agent.health().is_ready());
    // From here on nobody waits, and nobody joins those that hang.
    let started = Instant::now();
    for _ in 0..1000 {
        assert!(agent.list_vms().await.is_err());
    }
    // Each would otherwise wait for the deadline: 200 s in all.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let node = agent.node().await;
    assert!(node.hypervisor.reason.is_some());
    let stuck = hanging.calls.load(Ordering::SeqCst) - before;
    assert!(stuck <= crate::calls::SLOTS + 2, "{stuck} threads");
    hanging.hang(false);
    until("it is ready again", || agent.health().is_ready()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_it_answers_calls_are_made_again_whatever_else_is_missing() {
    let hanging = Arc::new(Hanging::default());
    *hanging.broken.lock().expect("no test panics here") = true;
    let agent = agent_with(hanging.clone(), Duration::from_millis(200));
    let missing = || {
        agent
            .health()
            .reason
            .is_some_and(|reason| reason.contains("no such disk"))
    };
    until("the pool is missing", missing).await;
    hanging.hang(true);
    assert!(agent.list_vms().await.is_err());
    hanging.hang(false);
    let limit = Instant::now() + Duration::from_secs(20);
    while agent.list_vms().await.is_err() {
        assert!(Instant::now() < limit, "it answers, and nobody asks it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    until("the pool is missing still", missing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_call_is_an_error_of_that_call_alone() {
    let agent = agent(Arc::new(Hanging::default()));
    for _ in 0..20 {
        let error = agent.vm_xml("x".to_owned()).await.expect_err("it panics");
        assert!(error.to_string().contains("internal error"), "{error}");
    }
    assert!(agent.list_vms().await.is_ok(), "the slots were given back");
}
