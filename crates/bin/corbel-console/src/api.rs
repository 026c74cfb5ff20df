//! What the installer asks of the node, carried out beside the screen. Each question has its answer, and be it that there was none.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use corbel_client::{Client, ClientError};
use corbel_node_api::{InstallRequest, OperationInfo, Planned, RebootRequest, UninstallRequest};
use tokio::sync::mpsc::Sender;

use crate::feed::sentence;
use crate::state::Event;
use crate::wizard::{Answer, Ask, Failure, Request, Write};

/// Reading all disks of a large machine takes its time.
const LIMIT: Duration = Duration::from_secs(120);

/// The node, for the installer.
pub(crate) struct Api {
    client: Arc<Client>,
    events: Sender<Event>,
}

impl Api {
    pub(crate) fn new(socket: &Path, events: Sender<Event>) -> Self {
        let client = Arc::new(Client::local(socket).with_limits(LIMIT, LIMIT));
        Self { client, events }
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
