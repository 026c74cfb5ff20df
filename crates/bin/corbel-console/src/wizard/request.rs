//! What is asked of the node, and the one way to a write: a plan that was shown becomes confirmed, and what was confirmed becomes a
//! [`Write`]. Nothing else makes one.

use corbel_node_api::{DiskMatch, InstallMode, InstallRequest, Plan, UninstallRequest, UpgradeRequest};

use super::{Check, Field, Focus, Page, Task, Wizard};

/// A request for long work on disks. As a plan it is a dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Install(Box<InstallRequest>),
    Uninstall(UninstallRequest),
    Upgrade(UpgradeRequest),
}

/// A request and its plan, on the Confirm page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    request: Request,
    pub(crate) plan: Plan,
}

impl Shown {
    pub(super) fn new(request: Request, plan: Plan) -> Self {
        Self { request, plan }
    }

    /// A person has read the plan and wants it.
    pub(super) fn confirm(&self) -> Confirmed {
        Confirmed(self.request.clone())
    }
}

/// A request that somebody confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Confirmed(Request);

impl Confirmed {
    /// The same request in earnest, with the password that was typed since.
    pub(super) fn write(&self, password: &str) -> Write {
        let password = (!password.is_empty()).then(|| password.to_owned());
        let mut request = self.0.clone();
        match &mut request {
            Request::Install(request) => {
                request.dry_run = false;
                request.admin_password = password;
            }
            Request::Uninstall(request) => request.dry_run = false,
            Request::Upgrade(request) => request.current_password = password,
        }
        Write(Box::new(request))
    }
}

/// A request that writes to disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Write(Box<Request>);

impl Write {
    pub(crate) fn request(&self) -> &Request {
        &self.0
    }
}

impl Wizard {
    /// What was chosen, as a dry run. `None` while something is missing, and then the pages before would not have been left.
    pub(super) fn request(&self) -> Option<Request> {
        let system = self.system().map(|disk| DiskMatch::path(&disk.path));
        match self.task {
            Task::Install | Task::Reinstall => Some(Request::Install(Box::new(InstallRequest {
                mode: match self.task {
                    Task::Reinstall => InstallMode::Reinstall,
                    _ => InstallMode::Install,
                },
                boot: DiskMatch::path(self.boot.clone()?),
                data: self.data.iter().map(DiskMatch::path).collect(),
                sizes: self.wire_sizes().ok()?,
                keep_data: self.keep_data,
                wipe_fakeraid: self.wipe_fakeraid,
                keyboard: Some(self.keyboard().to_owned()),
                dry_run: true,
                ..InstallRequest::default()
            }))),
            Task::Uninstall => Some(Request::Uninstall(UninstallRequest {
                boot: system,
                keep_data: self.keep_data,
                dry_run: true,
                ..UninstallRequest::default()
            })),
            Task::Upgrade { downgrade } => Some(Request::Upgrade(UpgradeRequest {
                medium: true,
                boot: system,
                allow_downgrade: downgrade,
                ..UpgradeRequest::default()
            })),
        }
    }

    /// An upgrade has no dry run in the API: it never erases, and this is what it does on every node.
    pub(super) fn upgrade_plan(&self) -> Plan {
        let path = self.system().map_or("the disk", |disk| disk.path.as_str());
        let version = self.version.as_deref().unwrap_or("of this medium");
        let mut warnings = Vec::new();
        if self.task == (Task::Upgrade { downgrade: true }) {
            warnings.push("An older version may not understand all that a newer one has written.".to_owned());
        }
        // Not signed is no obstacle for a medium that somebody has put in, and then there is nothing that could be checked.
        let check = if self.medium_signed == Some(true) {
            format!("{path}: check the signature of Corbel {version} and all its bytes")
        } else {
            format!("{path}: check all bytes of Corbel {version} against its manifest")
        };
        if self.medium_signed == Some(false) {
            warnings.push("This medium is not signed: nobody vouches for what is on it.".to_owned());
        }
        Plan {
            erases: Vec::new(),
            keeps: Vec::new(),
            steps: vec![
                check,
                format!("{path}: write it to the slot that is not in use, and read it back"),
                format!("{path}: start it with the next boot"),
                "If it does not become healthy, the present version is started again by itself.".to_owned(),
                "Configuration, VM definitions, VM disks and logs stay.".to_owned(),
            ],
            warnings,
        }
    }
}

/// The page on which a field of a request is chosen.
pub(super) fn page_of(field: &str) -> Option<Page> {
    let head = field.split(['.', '[']).next().unwrap_or_default();
    match head {
        "keyboard" => Some(Page::Keyboard),
        "boot" | "wipe_fakeraid" => Some(Page::Boot),
        "data" => Some(Page::Data),
        "sizes" => Some(Page::Sizes),
        "admin_password" | "current_password" => Some(Page::Password),
        _ => None,
    }
}

/// What on that page it is.
pub(super) fn focus_of(field: &str) -> Option<Focus> {
    Some(match field {
        "sizes.esp" => Focus::Field(Field::Esp),
        "sizes.root" => Focus::Field(Field::Root),
        "sizes.config" => Focus::Field(Field::Config),
        "sizes.log" => Focus::Field(Field::Log),
        "sizes.swap" => Focus::Field(Field::Swap),
        "sizes.data" => Focus::Field(Field::Data),
        "keyboard" => Focus::Layouts,
        "admin_password" => Focus::Field(Field::Password),
        "current_password" => Focus::Field(Field::Current),
        "wipe_fakeraid" => Focus::Check(Check::FakeRaid),
        _ => return None,
    })
}
