//! Disks, and installing to them: each request is planned first, so that a refusal comes at once and names its field.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use corbel_agent::{Answers, Password, Secret, Then};
use corbel_model::install as model;
use corbel_node_api::{DiskList, InstallRequest, Planned, UninstallRequest};
use http::HeaderMap;

use super::advised;
use crate::reply::{Refusal, Reply, ok};
use crate::{Shared, body, convert};

type App = State<Arc<Shared>>;

pub(crate) async fn list(State(shared): App) -> Reply {
    let disks = shared.agent.disks().await?;
    ok(&DiskList {
        disks: disks.into_iter().map(convert::disk).collect(),
    })
}

pub(crate) async fn install(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let wire: InstallRequest = body::json(&headers, body, shared.limits.body).await?;
    let request = model::InstallRequest::try_from(&wire)?;
    let (request, plan) = shared.agent.plan_install(request, answers(&wire)?).await?;
    let operation = if wire.dry_run {
        None
    } else {
        let then = Then {
            reboot: wire.reboot,
            fast: false,
        };
        Some(convert::operation(shared.agent.begin_install(request, then)?))
    };
    let mut plan = convert::plan(plan);
    plan.warnings
        .extend(advised("admin_password", wire.admin_password.as_deref()));
    ok(&Planned { plan, operation })
}

fn answers(wire: &InstallRequest) -> Result<Answers, Refusal> {
    let hostname = wire.hostname.as_deref().map(str::parse::<corbel_model::HostName>);
    let hostname = hostname.transpose();
    let keyboard = wire.keyboard.as_deref().map(str::parse::<corbel_model::Keymap>);
    let keyboard = keyboard.transpose();
    let password = match (&wire.admin_password_hash, &wire.admin_password) {
        (None, None) => None,
        (Some(hash), None) => Some(Password::Hash(hash.parse().map_err(
            |error: corbel_model::access::CredentialError| {
                Refusal::invalid("admin_password_hash", format!("admin_password_hash: {error}"))
            },
        )?)),
        (None, Some(plain)) => {
            check_password(plain)?;
            Some(Password::Plain(Secret(plain.clone())))
        }
        (Some(_), Some(_)) => {
            let problem = "admin_password: give this or admin_password_hash, not both";
            return Err(Refusal::invalid("admin_password", problem));
        }
    };
    Ok(Answers {
        hostname: hostname.map_err(|error| Refusal::invalid("hostname", format!("hostname: {error}")))?,
        keyboard: keyboard.map_err(|error| Refusal::invalid("keyboard", format!("keyboard: {error}")))?,
        password,
    })
}

/// The longest password that is hashed: each byte costs time twice a round.
const PASSWORD_LIMIT: usize = 256;

fn check_password(password: &str) -> Result<(), Refusal> {
    let problem = if password.is_empty() {
        "is empty: leave it out to have none"
    } else if password.len() > PASSWORD_LIMIT {
        "is longer than 256 bytes"
    } else if password.chars().any(char::is_control) {
        "has a control character"
    } else {
        return Ok(());
    };
    Err(Refusal::invalid("admin_password", format!("admin_password: {problem}")))
}

pub(crate) async fn uninstall(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let wire: UninstallRequest = body::json(&headers, body, shared.limits.body).await?;
    let request = model::UninstallRequest::try_from(&wire)?;
    let plan = shared.agent.plan_uninstall(request.clone()).await?;
    let operation = if wire.dry_run {
        None
    } else {
        let then = Then {
            reboot: wire.reboot,
            fast: false,
        };
        Some(convert::operation(shared.agent.begin_uninstall(request, then)?))
    };
    ok(&Planned {
        plan: convert::plan(plan),
        operation,
    })
}
