//! Disks, slots and long work, from the agent's words to those of the wire.

use corbel_agent as agent;
use corbel_layout::slot::Slot;
use corbel_node_api as wire;
use corbel_progress::{Outcome, Unit};

pub(crate) fn disk(disk: agent::Disk) -> wire::Disk {
    let told = |target| match target {
        agent::Target::Usable => (wire::DiskTarget::Usable, None),
        agent::Target::WhenNamed(reason) => (wire::DiskTarget::WhenNamed, Some(reason)),
        agent::Target::Refused(reason) => (wire::DiskTarget::Refused, Some(reason)),
    };
    let (target, reason) = told(disk.target);
    let (data_target, data_reason) = told(disk.data_target);
    wire::Disk {
        path: disk.path,
        model: disk.model,
        serial: disk.serial,
        wwn: disk.wwn,
        bus: disk.bus,
        size: disk.size.bytes(),
        sector_size: disk.sector_size,
        rotational: disk.rotational,
        removable: disk.removable,
        read_only: disk.read_only,
        contents: disk.contents,
        live_medium: disk.live_medium,
        installed: disk.installed.map(|installed| wire::InstalledSystem {
            version: installed.version,
            trial: installed.trial,
            vm_storage: installed.vm_storage,
            admin_password_set: installed.admin_password_set,
        }),
        target,
        reason,
        data_target,
        data_reason,
    }
}

pub(crate) fn plan(plan: agent::Plan) -> wire::Plan {
    wire::Plan {
        erases: plan.erases,
        keeps: plan.keeps,
        steps: plan.steps,
        warnings: plan.warnings,
    }
}

pub(crate) fn slot(slot: Slot) -> wire::SlotName {
    match slot {
        Slot::A => wire::SlotName::A,
        Slot::B => wire::SlotName::B,
    }
}

pub(crate) fn slot_info(info: agent::SlotInfo) -> wire::Slot {
    wire::Slot {
        name: slot(info.name),
        state: match info.state {
            agent::SlotState::Good => wire::SlotState::Good,
            agent::SlotState::Trial => wire::SlotState::Trial,
            agent::SlotState::Spare => wire::SlotState::Spare,
            agent::SlotState::Failed => wire::SlotState::Failed,
            agent::SlotState::Empty => wire::SlotState::Empty,
        },
        version: info.version,
        running: info.running,
        tries_left: info.tries_left,
    }
}

pub(crate) fn failed_version(failed: agent::FailedVersion) -> wire::FailedVersion {
    wire::FailedVersion {
        version: failed.version,
        reason: failed.reason,
    }
}

pub(crate) fn operation(info: agent::OperationInfo) -> wire::OperationInfo {
    wire::OperationInfo {
        id: info.id,
        kind: match info.kind {
            agent::OperationKind::Install => wire::OperationKind::Install,
            agent::OperationKind::Uninstall => wire::OperationKind::Uninstall,
            agent::OperationKind::Upgrade => wire::OperationKind::Upgrade,
            agent::OperationKind::Rollback => wire::OperationKind::Rollback,
            agent::OperationKind::Reboot => wire::OperationKind::Reboot,
            agent::OperationKind::Poweroff => wire::OperationKind::Poweroff,
            agent::OperationKind::SupportBundle => wire::OperationKind::SupportBundle,
        },
        state: match info.state {
            agent::OperationState::Running => wire::OperationState::Running,
            agent::OperationState::Cancelling => wire::OperationState::Cancelling,
            agent::OperationState::Done => wire::OperationState::Done,
            agent::OperationState::Failed => wire::OperationState::Failed,
            agent::OperationState::Cancelled => wire::OperationState::Cancelled,
        },
        title: info.title,
        elapsed_seconds: info.elapsed_seconds,
        steps_total: info.page.steps_total.and_then(|steps| u32::try_from(steps).ok()),
        steps: info.page.steps.into_iter().map(step).collect(),
        warnings: info.page.warnings,
        message: info.message,
    }
}

fn step(step: agent::Step) -> wire::OperationStep {
    let (done, total, unit) = match step.progress {
        Some((done, total, unit)) => (Some(done), total, unit_word(unit)),
        None => (None, None, None),
    };
    wire::OperationStep {
        id: step.id,
        title: step.title,
        state: match step.outcome {
            None => wire::StepState::Running,
            Some(Outcome::Done) => wire::StepState::Done,
            Some(Outcome::Cached) => wire::StepState::Cached,
            Some(Outcome::Skipped) => wire::StepState::Skipped,
            Some(Outcome::Failed) => wire::StepState::Failed,
            Some(Outcome::Unknown) => wire::StepState::Unknown,
        },
        done,
        total,
        unit: unit.map(str::to_owned),
        note: step.note,
    }
}

fn unit_word(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::Bytes => Some("bytes"),
        Unit::Items => Some("items"),
        Unit::Unknown => None,
    }
}
