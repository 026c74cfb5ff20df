//! The node's API as it stands on the wire: what is sent, what is answered, which routes exist and who may use them.
//!
//! Server, client and the OpenAPI document are made from this one description. Requests are strict (an unknown field is an
//! error that names it), answers are read tolerantly (an unknown field is skipped, an unknown word becomes `Unknown`), so
//! that a newer node and an older client understand each other. Sizes in answers are bytes.

mod error;
mod event;
mod node;
mod openapi;
mod routes;
mod size;
mod spec;
mod vm;
mod volume;

pub use error::{ErrorBody, ErrorInfo, ErrorKind};
pub use event::{Event, VmChange};
pub use node::{
    Address, BootFirmware, BootInfo, BootSource, Health, HealthStatus, HypervisorInfo, HypervisorState, NodeInfo,
    Virtualization, VirtualizationState, VmCounts,
};
pub use openapi::openapi;
pub use routes::{Access, Body, Method, Operation, ROUTES, Role, RoleError, Route};
pub use size::Size;
pub use spec::{
    Autostart, CloudInit, DirectBoot, DiskBus, DiskFormat, DiskKind, DiskSpec, Firmware, NicSpec, VmSpec, VolumeSpec,
    parse_request,
};
pub use vm::{DeviceKind, VmDetail, VmDisk, VmList, VmNic, VmState, VmStats, VmSummary};
pub use volume::{Network, NetworkList, Volume, VolumeList};

/// Most bytes of a JSON or XML body. Volumes are streamed and have no such limit.
pub const BODY_LIMIT: usize = 1 << 20;

/// The port of the TLS listener.
pub const TLS_PORT: u16 = 8443;

/// The node's own socket. Who may open it (root and group `corbel`) is admin.
pub const SOCKET_PATH: &str = "/run/corbel/api.sock";

/// Media type of libvirt's domain description, for `POST /v1/vms` and `GET /v1/vms/{name}/xml`.
pub const XML_TYPE: &str = "application/xml";
