//! What an owner keeps beyond the configuration.

use std::sync::Arc;

use axum::extract::State;
use corbel_node_api::{PersistedDifference, PersistedList};

use super::Name;
use crate::reply::{Reply, done, ok};
use crate::{Shared, convert};

type App = State<Arc<Shared>>;

pub(crate) async fn list(State(shared): App) -> Reply {
    let persisted = shared.agent.persisted().await?;
    ok(&PersistedList {
        persisted: persisted.into_iter().map(convert::persisted).collect(),
    })
}

pub(crate) async fn persist(State(shared): App, Name(path): Name) -> Reply {
    ok(&convert::persisted(shared.agent.persist(path).await?))
}

pub(crate) async fn unpersist(State(shared): App, Name(path): Name) -> Reply {
    shared.agent.unpersist(path).await?;
    done()
}

pub(crate) async fn difference(State(shared): App, Name(path): Name) -> Reply {
    let difference = shared.agent.persisted_difference(path.clone()).await?;
    ok(&PersistedDifference { path, difference })
}
