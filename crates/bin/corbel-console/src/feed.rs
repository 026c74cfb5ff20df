//! Where the console's knowledge comes from: the API's stream of events, and a poll of the node every two seconds.

use std::path::PathBuf;
use std::time::Duration;

use corbel_client::{Client, ClientError};
use corbel_node_api as api;
use futures_util::StreamExt as _;
use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::state::{Event, State};

const POLL: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_secs(1);
/// An answer that takes longer is none: the console shall say so.
const LIMIT: Duration = Duration::from_secs(10);

/// Where to ask.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) socket: PathBuf,
}

impl Feed {
    fn client(&self) -> Client {
        Client::local(&self.socket).with_limits(LIMIT, LIMIT)
    }

    /// Everything at this moment.
    pub(crate) async fn once(&self) -> State {
        let client = self.client();
        let mut state = State::default();
        let node = async { Ok::<_, ClientError>((client.node().await?, client.vms().await?, client.health().await?)) };
        match node.await {
            Ok((node, vms, health)) => {
                state.on(Event::Node(Box::new(node)));
                state.on(Event::Vms(vms));
                state.on(Event::Health(health));
            }
            Err(error) => state.daemon = crate::state::Daemon::Away(sentence(&error)),
        }
        state
    }

    /// Sends what happens until nobody listens any more.
    pub(crate) async fn follow(self, events: Sender<Event>) {
        let client = self.client();
        while !events.is_closed() {
            if let Err(error) = session(&client, &events).await {
                // A closed channel ends the loop above.
                let _ = events.send(Event::Away(sentence(&error))).await;
            }
            sleep(RETRY).await;
        }
    }
}

/// One connection's life. Ends in order when the node ends the stream or nobody listens.
async fn session(client: &Client, out: &Sender<Event>) -> Result<(), ClientError> {
    let mut stream = client.events().await?;
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            event = stream.next() => match event {
                None => return Ok(()),
                Some(event) => event?,
            },
            _ = ticks.tick() => {
                if out.send(Event::Node(Box::new(client.node().await?))).await.is_err() {
                    return Ok(());
                }
                continue;
            }
        };
        let news = match event {
            api::Event::Hello { health, vms, .. } => vec![Event::Health(health), Event::Vms(vms)],
            api::Event::Vm { name, vm, change } => {
                // A machine that could not be asked is not gone; the whole list tells.
                if vm.is_none() && change != api::VmChange::Undefined {
                    vec![Event::Vms(client.vms().await?)]
                } else {
                    vec![Event::Vm { name, vm }]
                }
            }
            api::Event::Health { health } => vec![Event::Health(health)],
            api::Event::Missed { .. } => vec![Event::Vms(client.vms().await?)],
            api::Event::Unknown => Vec::new(),
        };
        for event in news {
            if out.send(event).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// The error with its sources on one line.
fn sentence(error: &ClientError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
