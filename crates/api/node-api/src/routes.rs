//! The routes, as one list that server, client, OpenAPI document and tests share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody may do. Each role may do what the lower ones may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Starts, stops and reaches the console of machines.
    Operator,
    /// Makes, defines and deletes.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        })
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role: give admin, operator or viewer")]
pub struct RoleError(pub String);

impl FromStr for Role {
    type Err = RoleError;
    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(RoleError(text.to_owned())),
        }
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Anyone,
    AtLeast(Role),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    /// As RFC 9110 spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// What a request or an answer carries. `Json` names a schema of the OpenAPI document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Empty,
    Json(&'static str),
    /// JSON of that schema, or libvirt's XML.
    JsonOrXml(&'static str),
    Xml,
    /// Bytes as they are; `Content-Length` is required.
    Bytes,
    /// Server-sent events (WHATWG HTML, section 9.2) whose data is JSON of that schema.
    Events(&'static str),
    /// The connection becomes a WebSocket (RFC 6455).
    WebSocket,
    /// The OpenAPI document itself.
    Document,
    /// OpenMetrics 1.0 where the client accepts it, else Prometheus' text format.
    Figures,
}

/// One thing that the API does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Health,
    Openapi,
    Node,
    UseKeyboard,
    Figures,
    CheckPassword,
    ListLinks,
    ListServices,
    ShowLogs,
    Ping,
    IdentifyLink,
    ShowMultipath,
    ShowIscsi,
    ShowIommu,
    ListPlugins,
    ListVms,
    CreateVm,
    ShowVm,
    DeleteVm,
    StartVm,
    ShutdownVm,
    ForceOffVm,
    RebootVm,
    AutostartVm,
    VmStats,
    VmXml,
    VmConsole,
    ListPools,
    ListVolumes,
    CreateVolume,
    UploadVolume,
    DeleteVolume,
    ListNetworks,
    ListPersisted,
    Persist,
    Unpersist,
    PersistedDifference,
    ListDumps,
    TestDump,
    ListBundles,
    MakeBundle,
    ReadBundle,
    RemoveBundle,
    ShowSecurity,
    Events,
    ListDisks,
    Install,
    Uninstall,
    ListSlots,
    Upgrade,
    UploadUpgrade,
    Rollback,
    Reboot,
    Poweroff,
    ShowOperation,
    OperationEvents,
    CancelOperation,
    ShowConfig,
    ConfigSchema,
    ApplyConfig,
    ConfirmConfig,
    UndoConfig,
    ConfigHistory,
    ConfigVersion,
    RollbackConfig,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub operation: Operation,
    pub method: Method,
    /// With `{name}` where the object's name stands.
    pub path: &'static str,
    pub access: Access,
    pub request: Body,
    /// HTTP status of success.
    pub status: u16,
    pub answer: Body,
    /// One line for the OpenAPI document.
    pub summary: &'static str,
}

const ANYONE: Access = Access::Anyone;
const VIEWER: Access = Access::AtLeast(Role::Viewer);
const OPERATOR: Access = Access::AtLeast(Role::Operator);
const ADMIN: Access = Access::AtLeast(Role::Admin);

#[allow(clippy::too_many_arguments)] // One line a route is what makes the table readable.
const fn route(
    operation: Operation,
    method: Method,
    path: &'static str,
    access: Access,
    request: Body,
    status: u16,
    answer: Body,
    summary: &'static str,
) -> Route {
    Route {
        operation,
        method,
        path,
        access,
        request,
        status,
        answer,
        summary,
    }
}

use Body::{Bytes, Document, Empty, Events, Figures, Json, JsonOrXml, WebSocket, Xml};
use Method::{Delete, Get, Post, Put};
use Operation as Op;

/// Every route.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    route(Op::Health, Get, "/v1/health", ANYONE, Empty, 200, Json("Health"), "Whether the node can do its work"),
    route(Op::Openapi, Get, "/v1/openapi.json", ANYONE, Empty, 200, Document, "This document"),
    route(Op::Node, Get, "/v1/node", VIEWER, Empty, 200, Json("NodeInfo"), "The node at a glance"),
    route(Op::UseKeyboard, Put, "/v1/node/keyboard", ADMIN, Json("Keyboard"), 204, Empty, "Give the node's own screen a keyboard layout at once, until the next start"),
    route(Op::Figures, Get, "/metrics", VIEWER, Empty, 200, Figures, "Figures of the node and its machines, as collectd has them"),
    route(Op::CheckPassword, Post, "/v1/password/check", ADMIN, Json("PasswordTry"), 204, Empty, "Whether this is the password of `admin`, for a screen that was locked"),
    route(Op::ListLinks, Get, "/v1/node/links", VIEWER, Empty, 200, Json("LinkList"), "Network interfaces: cable, speed, what was lost"),
    route(Op::ListServices, Get, "/v1/node/services", VIEWER, Empty, 200, Json("ServiceList"), "Services of the node, those that failed first"),
    route(Op::ShowLogs, Get, "/v1/node/logs", ADMIN, Empty, 200, Json("LogPage"), "The newest entries of this boot's journal, with `search` those that have a text"),
    route(Op::Ping, Post, "/v1/node/ping", OPERATOR, Json("PingRequest"), 200, Json("PingResult"), "Send echoes to another machine, one a second"),
    route(Op::IdentifyLink, Post, "/v1/node/links/{name}/identify", OPERATOR, Json("IdentifyRequest"), 204, Empty, "Let the lamps of an interface blink; answered when they have"),
    route(Op::ShowMultipath, Get, "/v1/node/multipath", VIEWER, Empty, 200, Json("MultipathList"), "Disks that are reached by several paths, and how the paths are"),
    route(Op::ShowIscsi, Get, "/v1/node/iscsi", VIEWER, Empty, 200, Json("IscsiInfo"), "The node's name as an iSCSI initiator, and its sessions"),
    route(Op::ShowIommu, Get, "/v1/node/iommu", VIEWER, Empty, 200, Json("IommuInfo"), "Groups of the IOMMU: which devices can be given to a machine together"),
    route(Op::ListPlugins, Get, "/v1/plugins", VIEWER, Empty, 200, Json("PluginList"), "What extends the node; empty with this version"),
    route(Op::ListVms, Get, "/v1/vms", VIEWER, Empty, 200, Json("VmList"), "List virtual machines"),
    route(Op::CreateVm, Post, "/v1/vms", ADMIN, JsonOrXml("VmSpec"), 201, Json("VmSummary"), "Create a virtual machine, or define one from libvirt's XML"),
    route(Op::ShowVm, Get, "/v1/vms/{name}", VIEWER, Empty, 200, Json("VmDetail"), "Show a virtual machine"),
    route(Op::DeleteVm, Delete, "/v1/vms/{name}", ADMIN, Empty, 204, Empty, "Delete a virtual machine that is off, with `volumes=true` also its volumes"),
    route(Op::StartVm, Post, "/v1/vms/{name}/start", OPERATOR, Empty, 204, Empty, "Start a virtual machine"),
    route(Op::ShutdownVm, Post, "/v1/vms/{name}/shutdown", OPERATOR, Empty, 204, Empty, "Ask the guest to shut down"),
    route(Op::ForceOffVm, Post, "/v1/vms/{name}/force-off", OPERATOR, Empty, 204, Empty, "Switch a virtual machine off at once"),
    route(Op::RebootVm, Post, "/v1/vms/{name}/reboot", OPERATOR, Empty, 204, Empty, "Ask the guest to reboot"),
    route(Op::AutostartVm, Put, "/v1/vms/{name}/autostart", ADMIN, Json("Autostart"), 204, Empty, "Whether the machine starts with the node"),
    route(Op::VmStats, Get, "/v1/vms/{name}/stats", VIEWER, Empty, 200, Json("VmStats"), "Counters of a virtual machine"),
    route(Op::VmXml, Get, "/v1/vms/{name}/xml", VIEWER, Empty, 200, Xml, "libvirt's XML of a virtual machine"),
    route(Op::VmConsole, Get, "/v1/vms/{name}/console", OPERATOR, Empty, 101, WebSocket, "Serial console: binary frames both ways"),
    route(Op::ListPools, Get, "/v1/pools", VIEWER, Empty, 200, Json("PoolList"), "List storage pools"),
    route(Op::ListVolumes, Get, "/v1/volumes", VIEWER, Empty, 200, Json("VolumeList"), "List volumes of the active pools"),
    route(Op::CreateVolume, Post, "/v1/volumes", ADMIN, Json("VolumeSpec"), 201, Json("Volume"), "Make an empty volume"),
    route(Op::UploadVolume, Put, "/v1/volumes/{name}/content", ADMIN, Bytes, 201, Json("Volume"), "Make a raw volume from the body; a broken upload leaves nothing"),
    route(Op::DeleteVolume, Delete, "/v1/volumes/{name}", ADMIN, Empty, 204, Empty, "Delete a volume that no machine uses"),
    route(Op::ListNetworks, Get, "/v1/networks", VIEWER, Empty, 200, Json("NetworkList"), "List networks"),
    route(Op::ListPersisted, Get, "/v1/persisted", VIEWER, Empty, 200, Json("PersistedList"), "List what is kept beyond the configuration"),
    route(Op::Persist, Put, "/v1/persisted/{name}", ADMIN, Empty, 200, Json("Persisted"), "Keep a file, directory or link as it is now"),
    route(Op::Unpersist, Delete, "/v1/persisted/{name}", ADMIN, Empty, 204, Empty, "Keep it no more: from the next boot on it is as the image has it"),
    route(Op::PersistedDifference, Get, "/v1/persisted/{name}/difference", ADMIN, Empty, 200, Json("PersistedDifference"), "How what is kept differs from the image's own"),
    route(Op::ListDumps, Get, "/v1/dumps", VIEWER, Empty, 200, Json("DumpStatus"), "Dumps of kernels that crashed, and whether a crash would be saved"),
    route(Op::TestDump, Post, "/v1/dumps/test", ADMIN, Empty, 200, Json("DumpTest"), "Write a small file where dumps would go, and remove it"),
    route(Op::ListBundles, Get, "/v1/support-bundles", ADMIN, Empty, 200, Json("BundleList"), "Support bundles on the node, and disks that one can be written to"),
    route(Op::MakeBundle, Post, "/v1/support-bundles", ADMIN, Json("BundleRequest"), 202, Json("OperationInfo"), "Begin to gather what helps in trouble, without secrets, to the node, a disk or a URL"),
    route(Op::ReadBundle, Get, "/v1/support-bundles/{name}", ADMIN, Empty, 200, Bytes, "A support bundle: a tar, compressed by xz"),
    route(Op::RemoveBundle, Delete, "/v1/support-bundles/{name}", ADMIN, Empty, 204, Empty, "Remove a support bundle from the node"),
    route(Op::ShowSecurity, Get, "/v1/node/security", VIEWER, Empty, 200, Json("SecurityLevel"), "How well the node is protected, what that means, and what would raise it"),
    route(Op::Events, Get, "/v1/events", VIEWER, Empty, 200, Events("Event"), "What happens, as it happens; the first event is `hello`"),
    route(Op::ListDisks, Get, "/v1/disks", VIEWER, Empty, 200, Json("DiskList"), "Disks, what they carry, and whether they can be installed to"),
    route(Op::Install, Post, "/v1/install", ADMIN, Json("InstallRequest"), 200, Json("Planned"), "Plan an installation, and begin it unless it is a dry run"),
    route(Op::Uninstall, Post, "/v1/uninstall", ADMIN, Json("UninstallRequest"), 200, Json("Planned"), "Plan to give the disk back, and begin it unless it is a dry run"),
    route(Op::ListSlots, Get, "/v1/slots", VIEWER, Empty, 200, Json("SlotList"), "The two slots of an installed node, and the version that failed last"),
    route(Op::Upgrade, Post, "/v1/upgrade", ADMIN, Json("UpgradeRequest"), 202, Json("OperationInfo"), "Begin an upgrade from a URL or from the medium"),
    route(Op::UploadUpgrade, Put, "/v1/upgrade", ADMIN, Bytes, 202, Json("OperationInfo"), "Take an ISO as the body, then begin an upgrade from it"),
    route(Op::Rollback, Post, "/v1/rollback", ADMIN, Json("RollbackRequest"), 202, Json("OperationInfo"), "Begin to make the other slot the next one to be started"),
    route(Op::Reboot, Post, "/v1/reboot", ADMIN, Json("RebootRequest"), 202, Json("OperationInfo"), "Shut down or save the machines, then reboot"),
    route(Op::Poweroff, Post, "/v1/poweroff", ADMIN, Json("PoweroffRequest"), 202, Json("OperationInfo"), "Shut down or save the machines, then power off"),
    route(Op::ShowOperation, Get, "/v1/operation", VIEWER, Empty, 200, Json("OperationStatus"), "The present long work or the last one"),
    route(Op::OperationEvents, Get, "/v1/operation/events", VIEWER, Empty, 200, Events("ProgressEvent"), "Events of the long work from its beginning; the stream ends after `end`"),
    route(Op::CancelOperation, Delete, "/v1/operation", ADMIN, Empty, 202, Json("OperationInfo"), "Ask the long work to stop where that is safe"),
    route(Op::ShowConfig, Get, "/v1/config", VIEWER, Empty, 200, Json("Config"), "The document that the node goes by, and the change that waits to be confirmed"),
    route(Op::ConfigSchema, Get, "/v1/config/schema", VIEWER, Empty, 200, Document, "The JSON schema of the document"),
    route(Op::ApplyConfig, Put, "/v1/config", ADMIN, Json("ConfigRequest"), 200, Json("ConfigApplied"), "Plan a document and, unless it is a dry run, make the node so; a change of the network waits to be confirmed"),
    route(Op::ConfirmConfig, Post, "/v1/config/confirm", ADMIN, Empty, 200, Json("Config"), "Keep the change that waits"),
    route(Op::UndoConfig, Post, "/v1/config/undo", ADMIN, Empty, 200, Json("Config"), "Take the change that waits back"),
    route(Op::ConfigHistory, Get, "/v1/config/history", VIEWER, Empty, 200, Json("ConfigHistory"), "The documents of the past"),
    route(Op::ConfigVersion, Get, "/v1/config/history/{name}", VIEWER, Empty, 200, Json("ConfigVersion"), "A document of the past by its generation"),
    route(Op::RollbackConfig, Post, "/v1/config/rollback", ADMIN, Json("ConfigRollback"), 200, Json("ConfigApplied"), "Make a document of the past the newest one"),
];

impl Operation {
    /// The line of the table.
    pub fn route(self) -> &'static Route {
        ROUTES
            .iter()
            .find(|route| route.operation == self)
            .expect("a test holds that every operation has a route")
    }

    /// The path with the object's name in it, percent-encoded (RFC 3986).
    pub fn path(self, name: &str) -> String {
        self.route().path.replace("{name}", &encode(name))
    }
}

/// A text as a segment of a path or a value of a query, percent-encoded (RFC 3986).
pub fn encode(name: &str) -> String {
    // A segment that is all dots would be resolved away by URL libraries even when encoded; no hypervisor has such names.
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_one_route() {
        // The match is exhaustive, so a new operation cannot be forgotten here.
        let all = |op: Operation| match op {
            Op::Health | Op::Openapi | Op::Node | Op::ListVms | Op::CreateVm | Op::ShowVm | Op::DeleteVm => 7,
            Op::StartVm | Op::ShutdownVm | Op::ForceOffVm | Op::RebootVm | Op::AutostartVm | Op::VmStats => 13,
            Op::VmXml | Op::VmConsole | Op::ListVolumes | Op::CreateVolume | Op::UploadVolume | Op::DeleteVolume => 19,
            Op::ListNetworks | Op::Events | Op::ListDisks | Op::Install | Op::Uninstall | Op::ListSlots => 25,
            Op::Upgrade | Op::UploadUpgrade | Op::Rollback | Op::Reboot | Op::Poweroff => 30,
            Op::ShowOperation | Op::OperationEvents | Op::CancelOperation | Op::ListPools | Op::UseKeyboard => 35,
            Op::ListPersisted | Op::Persist | Op::Unpersist | Op::PersistedDifference => 39,
            Op::ShowConfig | Op::ConfigSchema | Op::ApplyConfig | Op::ConfirmConfig | Op::UndoConfig => 44,
            Op::ConfigHistory | Op::ConfigVersion | Op::RollbackConfig | Op::Figures => 48,
            Op::CheckPassword | Op::ListLinks | Op::ListServices | Op::ShowLogs => 52,
            Op::Ping | Op::IdentifyLink | Op::ShowMultipath | Op::ShowIscsi | Op::ShowIommu => 57,
            Op::ListPlugins => 58,
            Op::ListDumps | Op::TestDump => 60,
            Op::ListBundles | Op::MakeBundle | Op::ReadBundle | Op::RemoveBundle | Op::ShowSecurity => 65,
        };
        assert_eq!(ROUTES.len(), all(Op::ShowSecurity));
        for (i, route) in ROUTES.iter().enumerate() {
            assert!(
                !ROUTES[..i].iter().any(|r| r.operation == route.operation),
                "{:?}",
                route.operation
            );
            assert!(
                !ROUTES[..i]
                    .iter()
                    .any(|r| r.path == route.path && r.method == route.method),
                "{}",
                route.path
            );
        }
    }

    #[test]
    fn reading_is_for_viewers_and_making_for_admins() {
        for route in ROUTES {
            match route.method {
                Get if route.operation == Op::VmConsole => assert_eq!(route.access, OPERATOR),
                // Files and what programs wrote may have secrets in them.
                Get if matches!(
                    route.operation,
                    Op::PersistedDifference | Op::ShowLogs | Op::ListBundles | Op::ReadBundle
                ) =>
                {
                    assert_eq!(route.access, ADMIN)
                }
                Get => assert!(matches!(route.access, ANYONE | VIEWER), "{}", route.path),
                _ => assert!(matches!(route.access, OPERATOR | ADMIN), "{}", route.path),
            }
        }
        assert!(Role::Admin > Role::Operator && Role::Operator > Role::Viewer);
    }

    #[test]
    fn names_are_encoded_in_paths() {
        assert_eq!(Op::ShowVm.path("my vm/ä"), "/v1/vms/my%20vm%2F%C3%A4");
    }
}
