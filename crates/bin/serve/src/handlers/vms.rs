//! Virtual machines.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use corbel_model::vm;
use corbel_node_api::{Autostart, VmDetail, VmList, VmSpec, VmStats, VmSummary, XML_TYPE, parse_request};
use http::{HeaderMap, header};

use super::{Name, WithVolumes};
use crate::Shared;
use crate::body::{self, Kind};
use crate::reply::{Refusal, Reply, created, done, ok};

type App = State<Arc<Shared>>;

pub(crate) async fn list(State(shared): App) -> Reply {
    let vms = shared.agent.list_vms().await?;
    ok(&VmList {
        vms: vms.into_iter().map(VmSummary::from).collect(),
    })
}

pub(crate) async fn create(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let kind = body::kind(&headers, true)?;
    let bytes = body::read(body, shared.limits.body).await?;
    let summary = match kind {
        Kind::Json => {
            let spec = vm::VmSpec::try_from(parse_request::<VmSpec>(&bytes)?)?;
            shared.agent.create_vm(spec).await?
        }
        Kind::Xml => {
            let xml = String::from_utf8(bytes.into())
                .map_err(|_| Refusal::invalid("xml", "xml: is not UTF-8, the only encoding that is read here"))?;
            if xml.contains('\0') {
                return Err(Refusal::invalid(
                    "xml",
                    "xml: has a NUL character, which XML cannot have",
                ));
            }
            shared.agent.define_xml(xml).await?
        }
    };
    created(&VmSummary::from(summary))
}

pub(crate) async fn show(State(shared): App, Name(name): Name) -> Reply {
    ok(&VmDetail::from(shared.agent.show_vm(name).await?))
}

pub(crate) async fn delete(State(shared): App, Name(name): Name, WithVolumes(volumes): WithVolumes) -> Reply {
    shared.agent.delete_vm(name, volumes).await?;
    done()
}

pub(crate) async fn start(State(shared): App, Name(name): Name) -> Reply {
    shared.agent.start_vm(name).await?;
    done()
}

pub(crate) async fn shutdown(State(shared): App, Name(name): Name) -> Reply {
    shared.agent.shutdown_vm(name).await?;
    done()
}

pub(crate) async fn force_off(State(shared): App, Name(name): Name) -> Reply {
    shared.agent.force_off_vm(name).await?;
    done()
}

pub(crate) async fn reboot(State(shared): App, Name(name): Name) -> Reply {
    shared.agent.reboot_vm(name).await?;
    done()
}

pub(crate) async fn autostart(State(shared): App, Name(name): Name, headers: HeaderMap, body: Body) -> Reply {
    let wanted: Autostart = body::json(&headers, body, shared.limits.body).await?;
    shared.agent.set_autostart(name, wanted.autostart).await?;
    done()
}

pub(crate) async fn stats(State(shared): App, Name(name): Name) -> Reply {
    ok(&VmStats::from(shared.agent.vm_stats(name).await?))
}

pub(crate) async fn xml(State(shared): App, Name(name): Name) -> Reply {
    let xml = shared.agent.vm_xml(name).await?;
    Ok(([(header::CONTENT_TYPE, XML_TYPE)], xml).into_response())
}
