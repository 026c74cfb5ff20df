//! A node that exists only in memory: the real server and the real agent over a fake hypervisor and a fake machine. For
//! tests of clients, and for a first look without a hypervisor.

use std::sync::Arc;
use std::time::Duration;

use corbel_agent::config::Engine;
use corbel_agent::fake::{FakeFacilities, FakeSystem};
use corbel_agent::{Agent, Boot, BootSource, Settings};
use corbel_layout::slot::Slot;
use corbel_model::vm::VmSpec;
use corbel_serve::{PasswordCheck, PasswordError};
use corbel_settle::fake::FakeNode;
use corbel_virt::fake::Fake;
use corbel_virt::{Hypervisor as _, VirtError};

/// What the sim plays to be configured as, when it plays to be installed.
const CONFIG: &str = "version = 1\nhostname = \"sim\"\n\n[[network.interface]]\nmatch = \"eno1\"\ndhcp4 = true\n";

/// The agent of the sim, over the given hypervisor and machine.
pub fn agent(hypervisor: Arc<Fake>, system: Arc<FakeSystem>) -> Arc<Agent> {
    agent_with(hypervisor, system, false)
}

/// The password of `admin` that the sim plays to have.
#[derive(Debug)]
pub struct OnePassword(pub String);

impl PasswordCheck for OnePassword {
    fn check(&self, user: &str, password: &str) -> Result<bool, PasswordError> {
        Ok(user == "admin" && password == self.0)
    }
}

/// The same, of a node whose `admin` has a password or not.
pub fn agent_with(hypervisor: Arc<Fake>, system: Arc<FakeSystem>, password_set: bool) -> Arc<Agent> {
    let settings = Settings {
        retry_interval: Duration::from_millis(50),
        ..Settings::node(env!("CARGO_PKG_VERSION"))
    };
    let mut facilities = FakeFacilities::default();
    facilities.admin_password_set = Some(password_set);
    if system.is_installed() {
        facilities.boot = Boot {
            source: BootSource::Installed,
            medium: Some("/dev/sda".to_owned()),
            slot: Some(Slot::A),
            ..facilities.boot
        };
    }
    let installed = system.is_installed();
    let node = if installed {
        FakeNode::installed(CONFIG)
    } else {
        FakeNode::stateless()
    };
    let node = node.inspect_err(|error| tracing::error!(%error, "the sim has no folder for its configuration"));
    facilities.node = node.ok().map(FakeNode::in_real_time);
    let engine = facilities.node.clone().map(Engine::new);
    Agent::with_engine(hypervisor, Arc::new(facilities), system, settings, engine)
}

/// A few machines as an operator has them, some of them running.
const DEMO: &[(&str, bool)] = &[
    (
        r#"{"name":"web","cpus":2,"memory":"2 GiB","disks":[{"volume":"web.qcow2","size":"20 GiB"}],"networks":[{"nat":"default"}],"autostart":true}"#,
        true,
    ),
    (
        r#"{"name":"db","cpus":4,"memory":"8 GiB","firmware":"uefi","disks":[{"volume":"db.raw","size":"100 GiB","format":"raw","bus":"scsi"}],"networks":[{"nat":"default"}],"autostart":true}"#,
        true,
    ),
    (
        r#"{"name":"build","cpus":8,"memory":"16 GiB","disks":[{"volume":"build.qcow2","size":"200 GiB"}],"networks":[{"nat":"default"}]}"#,
        false,
    ),
];

/// A hypervisor with the pool of a data disk, the demo machines and `more` plain ones, each third of which runs.
pub fn hypervisor(more: usize) -> Result<Arc<Fake>, VirtError> {
    let fake = Fake::with_vms(more);
    fake.ensure_pool("data2", "/data2/images")?;
    for vm in fake.list_vms()?.iter().step_by(3) {
        fake.start_vm(&vm.name)?;
    }
    let invalid = |error: corbel_model::vm::SpecError| VirtError::Invalid {
        field: error.field,
        problem: error.problem,
    };
    for (json, running) in DEMO {
        let wire: corbel_node_api::VmSpec = corbel_node_api::parse_request(json.as_bytes()).map_err(invalid)?;
        let spec = VmSpec::try_from(wire).map_err(invalid)?;
        fake.create_vm(&spec)?;
        if *running {
            fake.start_vm(spec.name.as_str())?;
        }
    }
    Ok(Arc::new(fake))
}
