//! Links, services, the journal, and the password that opens a locked screen. Nothing here changes the node.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use corbel_agent::LogQuery;
use corbel_node_api::{ErrorKind, LinkList, LogEntry, LogPage, PasswordTry, Service, ServiceList};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::accept::{Client, Peer};
use crate::access::Access;
use crate::password::{Outcome, USER};
use crate::reply::{Refusal, Reply, done, ok};
use crate::{Shared, body, convert};

type App = State<Arc<Shared>>;

/// Characters of a text that is searched for.
const SEARCH_LIMIT: usize = 100;

pub(crate) async fn links(State(shared): App) -> Reply {
    let links = shared.agent.links().await?;
    ok(&LinkList {
        links: links.into_iter().map(convert::link).collect(),
    })
}

pub(crate) async fn services(State(shared): App) -> Reply {
    let services = shared.agent.services().await?.into_iter();
    let services = services.map(|service| Service {
        name: service.name,
        description: service.description,
        active: service.active,
        state: service.state,
    });
    ok(&ServiceList {
        services: services.collect(),
    })
}

/// The query of a search. Strict, as all input.
#[derive(Debug)]
pub(crate) struct Search(LogQuery);

impl<S: Send + Sync> FromRequestParts<S> for Search {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Refusal::invalid("query", "the query is not of the form key=value"))?;
        let mut query = LogQuery::default();
        for (key, value) in pairs {
            if key != "search" {
                let key: String = key.chars().take(60).collect();
                return Err(Refusal::invalid(
                    "query",
                    format!("unknown query {key:?}: only search=TEXT is known"),
                ));
            }
            if value.chars().count() > SEARCH_LIMIT {
                let message = format!("search: give at most {SEARCH_LIMIT} characters");
                return Err(Refusal::invalid("search", message));
            }
            query.search = value;
        }
        Ok(Self(query))
    }
}

pub(crate) async fn logs(State(shared): App, Search(query): Search) -> Reply {
    let page = shared.agent.logs(query).await?;
    let entries = page.entries.into_iter().map(|entry| LogEntry {
        seconds: entry.seconds,
        priority: entry.priority,
        source: entry.source,
        message: entry.message,
    });
    ok(&LogPage {
        entries: entries.collect(),
        searched: page.searched,
    })
}

/// Guesses at the node's own screens count as those of one address do.
pub(crate) async fn check_password(
    State(shared): App,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    let wire: PasswordTry = body::json(&headers, body, shared.limits.body).await?;
    if wire.password.contains('\0') {
        return Err(Refusal::invalid("password", "password: it cannot hold a zero byte"));
    }
    let address = match &*client.peer {
        Peer::Socket => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Peer::Tls { address, .. } => *address,
    };
    match shared
        .passwords
        .check(address, USER.to_owned(), wire.password, &Access::default())
        .await
    {
        Outcome::Right => done(),
        Outcome::Wrong => Err(Refusal::new(ErrorKind::Forbidden, "that is not the password of admin")),
        Outcome::Locked => {
            let message = "too many wrong passwords: wait 30 seconds";
            Err(Refusal::new(ErrorKind::Forbidden, message).with(StatusCode::TOO_MANY_REQUESTS))
        }
        Outcome::Unknown(reason) => Err(Refusal::new(ErrorKind::Unavailable, reason)),
    }
}
