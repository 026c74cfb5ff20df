//! Lists whose rows are lines of text, made when the answer comes: paths, sessions, groups, echoes, plugins and what protects the node.

use corbel_node_api::{Echo, IommuInfo, IscsiInfo, MultipathList, PluginList, SecurityGrade, SecurityLevel};

use crate::text::fit;

/// A row, and what is said of it while it is under the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) bad: bool,
    pub(crate) help: String,
}

impl Row {
    /// Something to read where there is nothing to list.
    fn note(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            bad: false,
            help: text.to_owned(),
        }
    }
}

pub(crate) const MULTIPATH_HEAD: &str = "STATE    CHECK    PATH   GROUP DEVICE";
pub(crate) const ISCSI_HEAD: &str = "STATE      PORTAL                 TARGET";
pub(crate) const IOMMU_HEAD: &str = "GROUP DEVICE       WHAT           DRIVER";
pub(crate) const PING_HEAD: &str = "NUMBER TIME";
pub(crate) const SECURITY_HEAD: &str = "GRADE    WHAT               HOW IT IS";
pub(crate) const PLUGINS_HEAD: &str = "NAME         RELEASE  WHAT IT IS";

pub(super) fn multipath(list: &MultipathList) -> Vec<Row> {
    if !list.enabled {
        return vec![Row::note(
            "Multipath is off; its page of the configuration switches it on.",
        )];
    }
    let mut rows = Vec::new();
    for device in &list.devices {
        for path in &device.paths {
            let state = if path.state == "active" { "active" } else { "FAILED" };
            rows.push(Row {
                text: format!(
                    "{state:<8} {:<8} {:<6} {:<5} {}",
                    fit(&path.check, 8),
                    fit(&path.disk, 6),
                    path.group,
                    device.name
                ),
                bad: path.state != "active",
                help: format!(
                    "{}: {} {}, {}. Path {} is {} and its last check said {}.",
                    device.name, device.vendor, device.product, device.kernel_name, path.disk, path.state, path.check
                ),
            });
        }
    }
    rows
}

pub(super) fn iscsi(info: &IscsiInfo) -> Vec<Row> {
    let name = info
        .initiator
        .as_ref()
        .map(|name| Row::note(&format!("This node is {name}")));
    let sessions = info.sessions.iter().map(|session| {
        let good = session.state == "LOGGED_IN";
        let portal = session.portal.as_deref().unwrap_or("-");
        let disks = match session.disks.is_empty() {
            true => "none".to_owned(),
            false => session.disks.join(", "),
        };
        Row {
            text: format!(
                "{:<10} {:<22} {}",
                fit(&session.state, 10),
                fit(portal, 22),
                session.target
            ),
            bad: !good,
            help: format!("{} at {portal}: {}. Disks: {disks}.", session.target, session.state),
        }
    });
    name.into_iter().chain(sessions).collect()
}

pub(super) fn iommu(info: &IommuInfo) -> Vec<Row> {
    if !info.enabled {
        let text = "The IOMMU is off. VT-d or AMD-Vi is switched on in the firmware; Intel's needs the kernel word intel_iommu=on, too.";
        return vec![Row::note(text)];
    }
    let mut rows = Vec::new();
    for group in &info.groups {
        for device in &group.devices {
            let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            rows.push(Row {
                text: format!(
                    "{:<5} {:<12} {:<14} {}",
                    group.number,
                    fit(&device.address, 12),
                    fit(&or(&device.kind), 14),
                    or(&device.driver)
                ),
                bad: false,
                help: format!(
                    "{}: {}, driver {}, id {}. Group {} has {} devices, which go to one machine together.",
                    device.address,
                    or(&device.kind),
                    or(&device.driver),
                    or(&device.id),
                    group.number,
                    group.devices.len()
                ),
            });
        }
    }
    rows
}

pub(super) fn echo(number: usize, echo: &Echo) -> Row {
    let text = match (echo.microseconds, &echo.problem) {
        (Some(time), _) => format!("answered in {}.{:03} ms", time / 1000, time % 1000),
        (None, Some(problem)) => problem.clone(),
        (None, None) => "no answer".to_owned(),
    };
    Row {
        help: format!("{}: {text}", echo.address),
        text: format!("{number:<6} {text}"),
        bad: echo.microseconds.is_none(),
    }
}

pub(super) fn plugins(list: &PluginList) -> Vec<Row> {
    if list.plugins.is_empty() {
        return vec![Row::note("There are no plugins, and this version can install none.")];
    }
    let row = |plugin: &corbel_node_api::Plugin| Row {
        text: format!(
            "{:<12} {:<8} {}",
            fit(&plugin.name, 12),
            fit(&plugin.release, 8),
            plugin.about
        ),
        bad: false,
        help: format!(
            "{} {} of {}: {}",
            plugin.name, plugin.release, plugin.vendor, plugin.about
        ),
    };
    list.plugins.iter().map(row).collect()
}

pub(super) fn security(level: &SecurityLevel) -> Vec<Row> {
    let finding = |finding: &corbel_node_api::SecurityFinding| {
        let grade = match finding.grade {
            SecurityGrade::Good => "good",
            SecurityGrade::Weak => "WEAK",
            SecurityGrade::NotKnown | SecurityGrade::Unknown => "?",
        };
        let raise = finding.raise.as_deref().unwrap_or_default();
        Row {
            text: format!("{grade:<8} {:<18} {}", fit(&finding.title, 18), finding.state),
            bad: finding.grade == SecurityGrade::Weak,
            help: format!("{}: {}. {} {raise}", finding.title, finding.state, finding.meaning)
                .trim()
                .to_owned(),
        }
    };
    let good = level
        .findings
        .iter()
        .filter(|finding| finding.grade == SecurityGrade::Good)
        .count();
    // The node's own sentence names what could be better, which is in the rows below and would not fit.
    let summary = Row {
        help: level.summary.clone(),
        ..Row::note(&format!(
            "{good} of {} are as good as they can be",
            level.findings.len()
        ))
    };
    std::iter::once(summary)
        .chain(level.findings.iter().map(finding))
        .collect()
}
