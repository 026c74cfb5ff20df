//! The node's API as it stands on the wire: what is sent, what is answered, which routes exist and who may use them.
//!
//! Server, client and the OpenAPI document are made from this one description. Requests are strict (an unknown field is an
//! error that names it), answers are read tolerantly (an unknown field is skipped, an unknown word becomes `Unknown`), so
//! that a newer node and an older client understand each other. Sizes in answers are bytes.

mod config;
mod diagnostics;
mod disk;
mod dump;
mod error;
mod event;
mod install;
mod node;
mod openapi;
mod operation;
mod persisted;
mod plugin;
mod reach;
mod routes;
mod size;
mod spec;
mod storage_access;
mod support;
mod upgrade;
mod vm;
mod volume;

pub use config::{
    Config, ConfigApplied, ConfigEntry, ConfigHistory, ConfigPlan, ConfigRequest, ConfigRollback, ConfigStep,
    ConfigVersion, PendingConfig,
};
pub use diagnostics::{Link, LinkList, LogEntry, LogPage, PasswordTry, Service, ServiceList};
pub use disk::{Disk, DiskList, DiskMatch, DiskTarget, InstalledSystem};
pub use dump::{Dump, DumpState, DumpStatus, DumpTest};
pub use error::{ErrorBody, ErrorInfo, ErrorKind};
pub use event::{ConfigChange, Event, VmChange};
pub use install::{DataSize, DataWord, InstallMode, InstallRequest, InstallSizes, Plan, Planned, UninstallRequest};
pub use node::{
    Address, BootFirmware, BootInfo, BootSource, Counters, Health, HealthStatus, HypervisorInfo, HypervisorState,
    Keyboard, NodeInfo, SshInfo, SshState, Virtualization, VirtualizationState, VmCounts,
};
pub use openapi::openapi;
pub use operation::{
    OperationInfo, OperationKind, OperationState, OperationStatus, OperationStep, ProgressEvent, StepState,
};
pub use persisted::{Persisted, PersistedDifference, PersistedList, PersistedState};
pub use plugin::{Plugin, PluginList};
pub use reach::{Echo, IdentifyRequest, PingRequest, PingResult};
pub use routes::{Access, Body, Method, Operation, ROUTES, Role, RoleError, Route, encode};
pub use size::Size;
pub use spec::{
    Autostart, CloudInit, DirectBoot, DiskBus, DiskFormat, DiskKind, DiskSpec, Firmware, NicSpec, OnReboot, VmSpec,
    VolumeSpec, parse_request,
};
pub use storage_access::{
    IommuDevice, IommuGroup, IommuInfo, IscsiInfo, IscsiSession, MultipathDevice, MultipathList, MultipathPath,
};
pub use support::{Bundle, BundleList, BundleRequest, RemovableDisk, SecurityFinding, SecurityGrade, SecurityLevel};
pub use upgrade::{
    FailedVersion, PoweroffRequest, RebootRequest, RollbackRequest, Slot, SlotList, SlotName, SlotState, UpgradeFlags,
    UpgradeRequest,
};
pub use vm::{DeviceKind, VmDetail, VmDisk, VmList, VmNic, VmState, VmStats, VmSummary};
pub use volume::{Network, NetworkList, Pool, PoolList, Volume, VolumeList};

/// Most bytes of a JSON or XML body. Volumes are streamed and have no such limit.
pub const BODY_LIMIT: usize = 1 << 20;

/// The port of the TLS listener.
pub const TLS_PORT: u16 = 8443;

/// The node's own socket. Who may open it (root and group `corbel`) is admin.
pub const SOCKET_PATH: &str = "/run/corbel/api.sock";

/// Media type of libvirt's domain description, for `POST /v1/vms` and `GET /v1/vms/{name}/xml`.
pub const XML_TYPE: &str = "application/xml";

/// Media types of `GET /metrics`: Prometheus' text format 0.0.4, and OpenMetrics 1.0.
pub const PROMETHEUS_TYPE: &str = "text/plain";
pub const OPENMETRICS_TYPE: &str = "application/openmetrics-text";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_node_says_is_understood_as_far_as_it_goes() {
        let error: ErrorBody =
            serde_json::from_str(r#"{"error":{"kind":"on-fire","message":"x","hint":"run"},"trace":1}"#).unwrap();
        assert_eq!(error.kind(), ErrorKind::Unknown);
        let event: Event = serde_json::from_str(r#"{"type":"weather","sunny":true}"#).unwrap();
        assert_eq!(event, Event::Unknown);
        let event: Event = serde_json::from_str(r#"{"type":"vm","name":"a","change":"migrated","to":"b"}"#).unwrap();
        assert_eq!(
            event,
            Event::Vm {
                name: "a".to_owned(),
                change: VmChange::Unknown,
                vm: None
            }
        );
        let health: Health = serde_json::from_str(r#"{"status":"sleepy","since":3}"#).unwrap();
        assert_eq!(
            health,
            Health {
                status: HealthStatus::Unknown,
                reason: None
            }
        );
    }

    #[test]
    fn words_on_the_wire_are_those_of_the_contract() {
        let text = serde_json::to_string(&Event::Missed { count: 2 }).unwrap();
        assert_eq!(text, r#"{"type":"missed","count":2}"#);
        assert_eq!(
            serde_json::to_string(&VmState::ShuttingDown).unwrap(),
            r#""shutting-down""#
        );
        assert_eq!(serde_json::to_string(&ErrorKind::NoSpace).unwrap(), r#""no-space""#);
        let body = serde_json::to_string(&ErrorBody::new(ErrorKind::Exists, "m")).unwrap();
        assert_eq!(body, r#"{"error":{"kind":"exists","field":null,"message":"m"}}"#);
    }
}
