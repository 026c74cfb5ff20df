//! The configuration. Who saves says from which generation their document was made, so that nobody goes over what another one saved.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use corbel_agent::Secret;
use corbel_agent::config::{ConfigError, Request};
use corbel_model::seed::SeedError;
use corbel_node_api::{ConfigHistory, ConfigRequest, ConfigRollback, ConfigVersion, ErrorKind};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{Name, advised};
use crate::accept::{Client, Peer};
use crate::auth::Caller;
use crate::password::LONGEST;
use crate::reply::{Refusal, Reply, json, ok};
use crate::{Shared, body, convert};

type App = State<Arc<Shared>>;

/// Where nobody said one.
const COUNTDOWN: u32 = 120;
/// Of a comment, in characters.
const COMMENT_LIMIT: usize = 200;

fn tagged(generation: u64, value: &impl Serialize) -> Reply {
    let mut response: Response = json(StatusCode::OK, value);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{generation}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

pub(crate) async fn show(State(shared): App) -> Reply {
    let view = convert::config(shared.agent.config().await?);
    tagged(view.generation, &view)
}

pub(crate) async fn schema() -> Reply {
    ok(&corbel_model::seed::schema())
}

pub(crate) async fn apply(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let wire: ConfigRequest = body::json(&headers, body, shared.limits.body).await?;
    let why = wire.comment.unwrap_or_default();
    if why.chars().count() > COMMENT_LIMIT || why.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            "comment",
            "comment: give one line of at most 200 characters",
        ));
    }
    let mut text = wire.document;
    let mut advice = Vec::new();
    let admin = wire.admin_password.map(|password| (None, password));
    let users = wire.user_passwords.into_iter();
    for (user, password) in admin
        .into_iter()
        .chain(users.map(|(name, password)| (Some(name), password)))
    {
        let field = user.as_ref().map_or("admin_password".to_owned(), |name| {
            let name: String = name.chars().take(60).collect();
            format!("user_passwords[{name}]")
        });
        // What cannot be checked must not be set.
        if password.is_empty() || password.contains('\0') || password.len() > LONGEST {
            let problem = format!("{field}: give a text of at most {LONGEST} bytes and without a zero byte");
            return Err(Refusal::invalid(&field, problem));
        }
        advice.extend(advised(&field, Some(&password)));
        text = shared.agent.with_password(text, user, Secret(password)).await?;
    }
    let request = Request {
        text,
        base: base(&headers, wire.dry_run)?,
        dry_run: wire.dry_run,
        countdown: countdown(wire.confirm_seconds),
        by: caller.name,
        why,
    };
    let applied = shared.agent.apply_config(request).await;
    shared.look_at_certificate();
    let mut applied = convert::config_applied(applied?);
    applied.plan.warnings.extend(advice);
    tagged(applied.generation, &applied)
}

pub(crate) async fn rollback(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let wire: ConfigRollback = body::json(&headers, body, shared.limits.body).await?;
    let request = Request {
        base: base(&headers, wire.dry_run)?,
        dry_run: wire.dry_run,
        countdown: countdown(wire.confirm_seconds),
        by: caller.name,
        ..Request::default()
    };
    let applied = shared.agent.rollback_config(wire.generation, request).await;
    shared.look_at_certificate();
    let applied = convert::config_applied(applied?);
    tagged(applied.generation, &applied)
}

/// Whoever confirms another certificate must have been shown it.
pub(crate) async fn confirm(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Extension(client): Extension<Client>,
) -> Reply {
    if let Peer::Tls { shown, .. } = &*client.peer
        && shared.fingerprint().as_ref() != Some(shown)
    {
        let message =
            "this connection began with another certificate: connect anew, so that the one that you keep is seen";
        return Err(Refusal::new(ErrorKind::Conflict, message));
    }
    let view = convert::config(shared.agent.confirm_config(caller.name).await?);
    tagged(view.generation, &view)
}

pub(crate) async fn undo(State(shared): App, Extension(caller): Extension<Caller>) -> Reply {
    let view = shared.agent.undo_config(caller.name).await;
    shared.look_at_certificate();
    let view = convert::config(view?);
    tagged(view.generation, &view)
}

pub(crate) async fn history(State(shared): App) -> Reply {
    let entries = shared.agent.config_history().await?;
    ok(&ConfigHistory {
        entries: entries.into_iter().map(convert::config_entry).collect(),
    })
}

pub(crate) async fn version(State(shared): App, Name(name): Name) -> Reply {
    let generation = name.parse().map_err(|_| {
        let name: String = name.chars().take(60).collect();
        Refusal::new(
            ErrorKind::NotFound,
            format!("generation {name:?} of the configuration does not exist"),
        )
    })?;
    let document = shared.agent.config_version(generation).await?;
    ok(&ConfigVersion { generation, document })
}

/// The generation of `If-Match` (RFC 9110, 13.1.1); `None` for `*` and for a dry run without one.
fn base(headers: &HeaderMap, dry_run: bool) -> Result<Option<u64>, Refusal> {
    let Some(given) = headers.get(header::IF_MATCH) else {
        let message = "If-Match is missing: give the ETag of GET /v1/config, or * to go over whatever is there";
        let missing = Refusal::new(ErrorKind::Invalid, message).with(StatusCode::PRECONDITION_REQUIRED);
        return if dry_run { Ok(None) } else { Err(missing) };
    };
    let text = given.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    bare.and_then(|number| number.parse().ok()).map(Some).ok_or_else(|| {
        let message = "If-Match is not an ETag of the configuration: it looks like \"7\"";
        Refusal::invalid("If-Match", message)
    })
}

fn countdown(seconds: Option<u32>) -> Option<Duration> {
    let seconds = seconds.unwrap_or(COUNTDOWN);
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        // Programs say what they have to say on several lines.
        let chain = std::iter::successors(std::error::Error::source(&error), |error| error.source());
        let message = chain.fold(error.to_string(), |text, source| format!("{text}: {source}"));
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        match &error {
            ConfigError::Document(SeedError {
                line,
                column,
                key,
                problem,
            }) => {
                let key = key.as_deref().unwrap_or("document");
                Self::invalid(key, format!("{key}: line {line}, column {column}: {problem}"))
            }
            ConfigError::Problems(problems) => {
                let key = problems.first().map_or("document", |problem| problem.key.as_str());
                Self::invalid(key, message)
            }
            ConfigError::Edit(_) => Self::invalid("document", message),
            ConfigError::Countdown(_) => Self::invalid("confirm_seconds", message),
            ConfigError::Stale { .. } => Self::new(ErrorKind::Conflict, message).with(StatusCode::PRECONDITION_FAILED),
            ConfigError::NotInstalled | ConfigError::NotMounted | ConfigError::Waiting | ConfigError::NothingWaits => {
                Self::new(ErrorKind::Conflict, message)
            }
            ConfigError::NoGeneration(_) => Self::new(ErrorKind::NotFound, message),
            ConfigError::Step { .. } | ConfigError::Store(_) | ConfigError::Facility(_) => {
                Self::new(ErrorKind::Failed, message)
            }
        }
    }
}
