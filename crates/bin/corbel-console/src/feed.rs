//! Where the console's knowledge comes from: the API's stream of events, and a poll of the node every two seconds.

use std::path::PathBuf;
use std::time::Duration;

use corbel_client::{Client, ClientError};
use corbel_node_api as api;
use futures_util::StreamExt as _;
use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::state::{Event, Installer, State};
use crate::wizard::Answer;

const POLL: Duration = Duration::from_secs(2);
/// Long work is looked at more often, since a bar that stands still worries.
const WORK: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_secs(1);
/// An answer that takes longer is none: the console shall say so.
const LIMIT: Duration = Duration::from_secs(10);

/// Where to ask.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) socket: PathBuf,
    /// The installer may be on the screen.
    pub(crate) installer: Option<Installer>,
}

impl Feed {
    fn client(&self) -> Client {
        Client::local(&self.socket).with_limits(LIMIT, LIMIT)
    }

    /// Everything at this moment.
    pub(crate) async fn once(&self) -> State {
        let client = self.client();
        let mut state = State::new(self.installer);
        let node = async { Ok::<_, ClientError>((client.node().await?, client.vms().await?, client.health().await?)) };
        match node.await {
            Ok((node, vms, health)) => {
                state.on(Event::Node(Box::new(node)));
                state.on(Event::Vms(vms));
                state.on(Event::Health(health));
                if state.wizard.is_some()
                    && let Ok(disks) = client.disks().await
                {
                    state.on(Event::Answer(Answer::Disks(Ok(disks))));
                }
                for event in work(&client, true).await {
                    state.on(event);
                }
            }
            Err(error) => state.daemon = crate::state::Daemon::Away(sentence(&error)),
        }
        state
    }

    /// Sends what happens until nobody listens any more.
    pub(crate) async fn follow(self, events: Sender<Event>) {
        let client = self.client();
        while !events.is_closed() {
            if let Err(error) = session(&client, self.installer.is_some(), &events).await {
                // A closed channel ends the loop above.
                let _ = events.send(Event::Away(sentence(&error))).await;
            }
            sleep(RETRY).await;
        }
    }
}

/// One connection's life. Ends in order when the node ends the stream or nobody listens.
async fn session(client: &Client, installer: bool, out: &Sender<Event>) -> Result<(), ClientError> {
    let mut stream = client.events().await?;
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = interval(if installer { WORK } else { POLL });
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = 0_u32;
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
            _ = looks.tick() => {
                // Slots change with long work only, so now and then is often enough.
                for event in work(client, looked.is_multiple_of(4)).await {
                    if out.send(event).await.is_err() {
                        return Ok(());
                    }
                }
                looked = looked.wrapping_add(1);
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
            api::Event::Config { .. } => vec![Event::Configured],
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

/// The long work and, with `slots`, the slots. A node that does not know of them is no broken node.
async fn work(client: &Client, slots: bool) -> Vec<Event> {
    let mut events = Vec::new();
    if let Ok(operation) = client.operation().await {
        events.push(Event::Operation(operation));
    }
    if slots && let Ok(slots) = client.slots().await {
        events.push(Event::Slots(slots));
    }
    events
}

/// The error with its sources on one line.
pub(crate) fn sentence(error: &ClientError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
