//! A booted node: the machine, and the API that it answers by.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use corbel_client::{Client, Credentials, RemoteHost, ServerTrust, fetch_fingerprint};
use corbel_node_api::{HealthStatus, NodeInfo};

use crate::{Identity, Machine, MachineSpec, Medium, RootShell, Run, Seed, run, spec::Place, ssh, until};

/// A node that has KVM answers within this; see [`crate::Accel::patience`].
const API_LIMIT: Duration = Duration::from_secs(90);
/// For one connection while we wait; a node that is just starting may accept and not answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A running node with the way in.
#[derive(Debug)]
pub struct Node {
    machine: Machine,
    client: Client,
    identity: Identity,
    patience: u32,
    api_after: Duration,
}

impl Node {
    /// Boots with a seed that lets us in by API and ssh, and waits until the API answers and is
    /// healthy.
    ///
    /// # Errors
    /// When the machine does not start or the node is not healthy in time.
    pub async fn boot(run: &Run, spec: MachineSpec) -> anyhow::Result<Self> {
        Self::boot_with(run, spec, |seed, identity| seed.client(identity).ssh(identity)).await
    }

    /// The same with a seed of one's own; without [`Seed::client`] in it the API will not let us in.
    ///
    /// # Errors
    /// As [`Self::boot`].
    pub async fn boot_with(
        run: &Run,
        spec: MachineSpec,
        seed: impl FnOnce(Seed, &Identity) -> Seed,
    ) -> anyhow::Result<Self> {
        let folder = run.machine_folder()?;
        let identity = Identity::make(&folder)?;
        let seed = seed(Seed::new(), &identity);
        let spec = match spec.medium {
            Medium::Network(_) => spec.initrd(&seed.write_initramfs(&folder)?),
            Medium::Cd(_) | Medium::Usb(_) | Medium::Disks => spec.seed(&seed.write(&folder)?),
        };
        let machine = Machine::start(&spec, &folder, run.accel()).await?;
        Self::attach(run, machine, identity).await
    }

    /// Waits for the API of a machine that was started with a seed for `identity`.
    ///
    /// # Errors
    /// When the API does not answer in time, or the machine ends.
    pub async fn attach(run: &Run, mut machine: Machine, identity: Identity) -> anyhow::Result<Self> {
        let patience = run.accel().patience();
        let found = client(&mut machine, &identity, API_LIMIT * patience).await;
        if found.is_err() {
            keep_journal(&machine);
        }
        let client = found.with_context(|| machine.evidence())?;
        let api_after = machine.started().elapsed();
        let node = Self {
            machine,
            client,
            identity,
            patience,
            api_after,
        };
        // The API answers before libvirt does, and says so.
        node.wait_health(HealthStatus::Ok, API_LIMIT * patience).await?;
        Ok(node)
    }

    /// The API, with the right of an admin.
    pub fn api(&self) -> &Client {
        &self.client
    }

    /// Where QEMU forwards the API to us.
    pub fn remote(&self) -> RemoteHost {
        RemoteHost {
            host: "127.0.0.1".to_owned(),
            port: self.place().api_port,
        }
    }

    /// The API as a named user with a password sees it.
    ///
    /// # Errors
    /// When the node does not show its certificate.
    pub async fn as_user(&self, user: &str, password: &str) -> anyhow::Result<Client> {
        let fingerprint = fetch_fingerprint(&self.remote(), self.limit(10)).await?;
        let client = Client::remote(self.remote(), ServerTrust::Pinned(fingerprint))?;
        let (user, password) = (user.to_owned(), password.to_owned());
        Ok(client.with_credentials(&Credentials::Basic { user, password })?)
    }

    /// From the start of QEMU to the first answer of the API.
    pub fn api_after(&self) -> Duration {
        self.api_after
    }

    /// Where the machine's files and ports are.
    pub fn place(&self) -> &Place {
        self.machine.place()
    }

    /// The machine under the node.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Who we are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A limit for something that takes this long with KVM.
    pub fn limit(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) * self.patience
    }

    /// What the node says about itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn info(&self) -> anyhow::Result<NodeInfo> {
        self.client.node().await.with_context(|| self.machine.evidence())
    }

    /// Waits until the node's health is this.
    ///
    /// # Errors
    /// When it is not within `limit`; with the health at the end.
    pub async fn wait_health(&self, wanted: HealthStatus, limit: Duration) -> anyhow::Result<()> {
        let mut last = String::new();
        let what = format!("the node to be {wanted:?}");
        let reached = until(&what, limit, async || {
            let health = self.client.health().await;
            last = format!("{health:?}");
            Ok(health.ok().filter(|health| health.status == wanted).map(drop))
        });
        let reached = reached.await;
        reached.with_context(|| format!("at last: {last}; {}", self.machine.evidence()))
    }

    /// The root shell of a machine that was given one.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn root_shell(&self) -> anyhow::Result<RootShell> {
        RootShell::open(&self.machine, self.limit(20)).with_context(|| self.machine.evidence())
    }

    /// Runs a command as `admin` by ssh; gives exit status and stdout.
    ///
    /// # Errors
    /// When ssh is missing.
    pub fn ssh(&self, command: &str) -> anyhow::Result<(Option<i32>, String)> {
        let output = ssh::run(self.place().ssh_port, Some(self.identity.ssh_key()), command)?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&text).trim().to_owned()))
    }
}

/// What the node thought of itself, beside the other logs, when the machine has a root shell; without one there is less to see.
fn keep_journal(machine: &Machine) {
    let command = "cat /run/corbel/*.json; ls -l /etc/systemd/network; ip address; journalctl --boot --no-pager";
    let journal = RootShell::open(machine, Duration::from_secs(5));
    let journal = journal.and_then(|mut shell| shell.run(command, Duration::from_secs(60)));
    if let Ok(done) = journal {
        // The failure itself is what will be told; this is help for whoever looks into it.
        let _ = run::keep(&machine.place().folder.join("journal.log"), &done.text);
    }
}

/// A client that is let in, once the node answers. The fingerprint is taken at first contact: the way leads over loopback
/// into a machine of our own; tests compare it with the one on the console.
async fn client(machine: &mut Machine, identity: &Identity, limit: Duration) -> anyhow::Result<Client> {
    let port = machine.place().api_port;
    let remote = || RemoteHost {
        host: "127.0.0.1".to_owned(),
        port,
    };
    let mut last = String::from("nothing was tried");
    let start = Instant::now();
    let found = until("the API to answer", limit, async || {
        machine.still_running()?;
        let fingerprint = match fetch_fingerprint(&remote(), CONNECT_LIMIT).await {
            Ok(fingerprint) => fingerprint,
            Err(error) => {
                last = chain(&error);
                return Ok(None);
            }
        };
        let client = Client::remote(remote(), ServerTrust::Pinned(fingerprint))?;
        let client = client.with_identity(identity.certificate().into(), identity.key().into())?;
        let client = client.with_limits(CONNECT_LIMIT, Duration::from_secs(30));
        match client.node().await {
            Ok(_) => Ok(Some(client)),
            Err(error) if error.is_unreachable() => {
                last = chain(&error);
                Ok(None)
            }
            Err(error) => bail!(
                "the API answers but refuses us after {} s: {}",
                start.elapsed().as_secs(),
                chain(&error)
            ),
        }
    });
    let found = found.await;
    found.with_context(|| format!("the last try said: {last}"))
}

/// The error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
