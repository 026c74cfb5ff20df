//! Echoes, paths, sessions and groups.

use corbel_agent as agent;
use corbel_node_api as wire;

pub(crate) fn echo(echo: agent::Echo) -> wire::Echo {
    let (microseconds, problem) = match echo.answer {
        Ok(time) => (Some(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)), None),
        Err(problem) => (None, Some(problem)),
    };
    wire::Echo {
        address: echo.address,
        microseconds,
        problem,
    }
}

pub(crate) fn multipath(multipath: agent::Multipath) -> wire::MultipathList {
    let path = |path: agent::MultipathPath| wire::MultipathPath {
        disk: path.disk,
        group: path.group,
        state: path.state,
        check: path.check,
    };
    let device = |device: agent::MultipathDevice| wire::MultipathDevice {
        name: device.name,
        wwid: device.wwid,
        kernel_name: device.kernel_name,
        vendor: device.vendor,
        product: device.product,
        paths: device.paths.into_iter().map(path).collect(),
    };
    wire::MultipathList {
        enabled: multipath.enabled,
        devices: multipath.devices.into_iter().map(device).collect(),
    }
}

pub(crate) fn iscsi(sessions: agent::Sessions) -> wire::IscsiInfo {
    let session = |session: agent::IscsiSession| wire::IscsiSession {
        target: session.target,
        portal: session.portal.map(|portal| portal.to_string()),
        state: session.state,
        disks: session.disks,
    };
    wire::IscsiInfo {
        initiator: sessions.initiator,
        sessions: sessions.sessions.into_iter().map(session).collect(),
    }
}

pub(crate) fn iommu(groups: Vec<agent::IommuGroup>) -> wire::IommuInfo {
    let device = |device: agent::IommuDevice| wire::IommuDevice {
        address: device.address,
        id: device.id,
        kind: device.kind.map(str::to_owned),
        driver: device.driver,
    };
    let group = |group: agent::IommuGroup| wire::IommuGroup {
        number: group.number,
        devices: group.devices.into_iter().map(device).collect(),
    };
    wire::IommuInfo {
        enabled: !groups.is_empty(),
        groups: groups.into_iter().map(group).collect(),
    }
}
