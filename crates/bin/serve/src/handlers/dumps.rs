//! Dumps of a kernel that crashed: how things stand, which there are, and whether their place can be written to.

use std::sync::Arc;

use axum::extract::State;
use corbel_node_api::{Dump, DumpState, DumpStatus, DumpTest};

use crate::Shared;
use crate::reply::{Reply, ok};

type App = State<Arc<Shared>>;

pub(crate) async fn show(State(shared): App) -> Reply {
    let status = shared.agent.dumps().await?;
    let dumps = status.dumps.into_iter().map(|dump| Dump {
        name: dump.name,
        reason: dump.reason,
        place: dump.place,
        bytes: dump.size.bytes(),
        problem: dump.problem,
    });
    ok(&DumpStatus {
        state: match status.state {
            corbel_agent::DumpState::Off => DumpState::Off,
            corbel_agent::DumpState::Ready => DumpState::Ready,
            corbel_agent::DumpState::WaitsForRestart => DumpState::WaitsForRestart,
            corbel_agent::DumpState::Failed => DumpState::Failed,
        },
        message: status.message,
        set_aside: status.set_aside.bytes(),
        dumps: dumps.collect(),
    })
}

pub(crate) async fn test(State(shared): App) -> Reply {
    let place = shared.agent.test_dump().await?;
    ok(&DumpTest { place })
}
