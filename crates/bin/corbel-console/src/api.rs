//! What installer and menu ask of the node, carried out beside the screen. Each question has its answer, and be it that there was none.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use corbel_client::{Client, ClientError};
use corbel_node_api::{
    ConfigRequest, IdentifyRequest, InstallRequest, OperationInfo, PingRequest, Planned, PoweroffRequest,
    RebootRequest, RollbackRequest, UninstallRequest,
};
use tokio::sync::mpsc::Sender;

use crate::feed::sentence;
use crate::menu::{Call, Reply, Secret, VmAct, Wanted};
use crate::state::Event;
use crate::wizard::{Answer, Ask, Failure, Request, Write};

/// Reading all disks of a large machine takes its time.
const LIMIT: Duration = Duration::from_secs(120);

/// Seconds that lamps blink: enough to walk around a rack.
const BLINKS: u16 = 20;

/// The node, for installer and menu.
pub(crate) struct Api {
    client: Arc<Client>,
    events: Sender<Event>,
}

impl Api {
    pub(crate) fn new(socket: &Path, events: Sender<Event>) -> Self {
        let client = Arc::new(Client::local(socket).with_limits(LIMIT, LIMIT));
        Self { client, events }
    }

    /// Does what a page of the menu wants.
    pub(crate) fn call(&self, call: Call) {
        let (client, events) = (Arc::clone(&self.client), self.events.clone());
        tokio::spawn(async move {
            // Without a listener there is no screen any more.
            let _ = events.send(Event::Reply(reply(&client, call).await)).await;
        });
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn answer(&self, answer: impl Future<Output = Answer> + Send + 'static) {
        let events = self.events.clone();
        tokio::spawn(async move {
            // Without a listener there is no screen any more.
            let _ = events.send(Event::Answer(answer.await)).await;
        });
    }

    pub(crate) fn ask(&self, ask: Ask) {
        let client = Arc::clone(&self.client);
        self.answer(async move {
            match ask {
                Ask::Disks => Answer::Disks(client.disks().await.map_err(failure)),
                Ask::Plan(request, ticket) => {
                    let planned = match *request {
                        Request::Install(request) => client.install(&dry(*request)).await,
                        Request::Uninstall(request) => {
                            let request = UninstallRequest {
                                dry_run: true,
                                ..request
                            };
                            client.uninstall(&request).await
                        }
                        Request::Upgrade(_) => Ok(Planned {
                            plan: corbel_node_api::Plan::default(),
                            operation: None,
                        }),
                    };
                    Answer::Plan(ticket, planned.map(|planned| planned.plan).map_err(failure))
                }
                Ask::Keyboard(layout) => {
                    let used = client.use_keyboard(&layout).await.map_err(failure);
                    Answer::Keyboard(layout, used)
                }
                Ask::Cancel => Answer::Begun(client.cancel_operation().await.map_err(failure)),
                Ask::Reboot => Answer::Begun(client.reboot(RebootRequest::default()).await.map_err(failure)),
            }
        });
    }

    pub(crate) fn write(&self, write: Write) {
        let client = Arc::clone(&self.client);
        self.answer(async move {
            let begun = match write.request() {
                Request::Install(request) => client.install(request).await.map(|planned| planned.operation),
                Request::Uninstall(request) => client.uninstall(request).await.map(|planned| planned.operation),
                Request::Upgrade(request) => client.upgrade(request).await.map(Some),
            };
            Answer::Begun(begun.map_err(failure).and_then(begun_or_not))
        });
    }
}

async fn reply(client: &Client, call: Call) -> Reply {
    match call {
        Call::Unlock(ticket, Secret(password)) => {
            Reply::Unlock(ticket, client.check_password(&password).await.map_err(failure))
        }
        Call::Config => Reply::Config(client.config().await.map_err(failure)),
        Call::Schema => Reply::Schema(client.config_schema().await.map_err(failure)),
        Call::Plan(ticket, wanted) => {
            let (base, request) = config_request(wanted, true);
            Reply::Plan(ticket, client.apply_config(base, &request).await.map_err(failure))
        }
        Call::Apply(wanted) => {
            let (base, request) = config_request(wanted, false);
            Reply::Apply(client.apply_config(base, &request).await.map_err(failure))
        }
        Call::Keep => Reply::Settled(client.confirm_config().await.map_err(failure)),
        Call::Undo => Reply::Settled(client.undo_config().await.map_err(failure)),
        Call::Act(act, name) => {
            let (what, done) = match act {
                VmAct::Start => ("was started", client.start_vm(&name).await),
                VmAct::Shutdown => ("is asked to shut down", client.shutdown_vm(&name).await),
                VmAct::ForceOff => ("was switched off", client.force_off_vm(&name).await),
            };
            Reply::Act(format!("{name} {what}"), done.map_err(failure))
        }
        Call::Detail(name) => Reply::Detail(Box::new(client.vm(&name).await.map_err(failure))),
        Call::Create(spec, start) => {
            let made = client.create_vm(&spec).await;
            let started = match &made {
                Ok(_) if start => client.start_vm(&spec.name).await.map_err(failure),
                _ => Ok(()),
            };
            Reply::Create(made.map(|_| started).map_err(failure))
        }
        Call::Choices => {
            let (volumes, networks) = (client.volumes().await, client.networks().await);
            Reply::Choices(volumes.unwrap_or_default(), networks.unwrap_or_default())
        }
        Call::TestDump => Reply::TestDump(client.test_dump().await.map(|tried| tried.place).map_err(failure)),
        Call::Disks => Reply::Disks(client.disks().await.map_err(failure)),
        Call::Links => Reply::Links(client.links().await.map_err(failure)),
        Call::Services => Reply::Services(client.services().await.map_err(failure)),
        Call::Logs(search) => Reply::Logs(client.logs(&search).await.map_err(failure)),
        Call::Multipath => Reply::Multipath(client.multipath().await.map_err(failure)),
        Call::Iscsi => Reply::Iscsi(client.iscsi().await.map_err(failure)),
        Call::Iommu => Reply::Iommu(client.iommu().await.map_err(failure)),
        Call::Plugins => Reply::Plugins(client.plugins().await.map_err(failure)),
        Call::Ping { host, rests } => {
            if rests {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let request = PingRequest {
                host: host.clone(),
                count: 1,
            };
            Reply::Ping(host, client.ping(&request).await.map_err(failure))
        }
        Call::Security => Reply::Security(client.security().await.map_err(failure)),
        Call::Bundles => Reply::Bundles(client.support_bundles().await.map_err(failure)),
        Call::Bundle(request) => Reply::Begun(client.make_support_bundle(&request).await.map_err(failure)),
        Call::Identify(name) => {
            let request = IdentifyRequest { seconds: BLINKS };
            let done = client.identify_link(&name, &request).await.map_err(failure);
            Reply::Identify(name, done)
        }
        Call::Upgrade(request) => Reply::Begun(client.upgrade(&request).await.map_err(failure)),
        Call::Rollback { reboot } => {
            let request = RollbackRequest {
                reboot,
                ..RollbackRequest::default()
            };
            Reply::Begun(client.rollback(request).await.map_err(failure))
        }
        Call::Reboot => Reply::Begun(client.reboot(RebootRequest::default()).await.map_err(failure)),
        Call::Poweroff => Reply::Begun(client.poweroff(PoweroffRequest::default()).await.map_err(failure)),
        Call::Cancel => Reply::Begun(client.cancel_operation().await.map_err(failure)),
    }
}

fn config_request(wanted: Wanted, dry_run: bool) -> (Option<u64>, ConfigRequest) {
    let request = ConfigRequest {
        document: wanted.document.0,
        admin_password: wanted.passwords.admin.map(|Secret(password)| password),
        user_passwords: wanted
            .passwords
            .users
            .into_iter()
            .map(|(name, Secret(password))| (name, password))
            .collect(),
        dry_run,
        comment: (!dry_run).then(|| "at the console".to_owned()),
        ..ConfigRequest::default()
    };
    (wanted.base, request)
}

fn dry(request: InstallRequest) -> InstallRequest {
    InstallRequest {
        dry_run: true,
        ..request
    }
}

fn begun_or_not(operation: Option<OperationInfo>) -> Result<OperationInfo, Failure> {
    operation.ok_or_else(|| Failure {
        field: None,
        message: "the node took the request and began nothing".to_owned(),
    })
}

fn failure(error: ClientError) -> Failure {
    match error {
        ClientError::Api(error) => Failure {
            field: error.field,
            message: error.message,
        },
        error => Failure {
            field: None,
            message: sentence(&error),
        },
    }
}
