//! Settle: once at each boot, before the network, kernel words and seed become this boot's configuration.
//!
//! ```text
//! /proc/cmdline ─┐
//! seed (volume   ├─ gather ─▶ Sources ─▶ plan_settle ─▶ SettlePlan ─▶ apply ─▶ /etc, /run/corbel/settle.json
//!   or netboot) ─┘                            ▲
//! /sys/class/net ─────────────────────────────┘
//! ```
//!
//! On an installed node `/config/node.toml` stands in the place of the seed, which is not looked for. What such a node keeps is
//! mounted before, by [`mount_state`], because journal, certificate and VM definitions are needed as early as that.
//!
//! On any other node the configuration of the boot is written down once more, as a document and as words (`/run/corbel/seed.toml` and
//! `words`, for root alone): an installation goes by these two, so that the installed node is what this boot was.
//!
//! With the word `corbel.config` the document comes from a URL: [`configure()`] fetches it when there is a network, and settles again.
//!
//! Nothing in here ends a boot: what fails becomes a warning in `settle.json`, which console and API show, and the rest is done.
//! Running it again gives the same files. The kernel's command line keeps what was typed there, `adminpw` included: it is a hash,
//! `/proc/cmdline` is readable by every process of the node, and a node that shall not show it gets it from the seed instead.

pub mod access;
mod apply;
mod configure;
pub mod engine;
mod facilities;
pub mod fake;
mod gather;
mod host;
mod performance;
mod shadow;
mod state;
pub mod store;

use corbel_model::words::Warning;
use corbel_plan::settle::{Need, SettlePlan, Ssh, effective_document, needs, plan_settle};

pub use apply::{REPORT_FILE, Report};
pub use configure::{ConfigFacilities, configure};
pub use corbel_plan::performance::Tuning;
pub use corbel_plan::settle::{PERFORMANCE_FILE, SEED_FILE, WORDS_FILE};
pub use facilities::{Facilities, FacilityError};
pub use host::{Host, SeedPlace};
pub use performance::{Manner, TUNING_REPORT, Tuned, tune};
pub use state::{INSTALLED_FLAG, STATE_FILE, StateFacilities, StateReport, mount_state};

/// Plans this boot. Problems on the way are among the plan's warnings.
pub fn plan(facilities: &dyn Facilities) -> SettlePlan {
    plan_from(facilities).1
}

fn plan_from(facilities: &dyn Facilities) -> (Option<apply::Orders>, SettlePlan) {
    let mut sources = gather::sources(facilities);
    let interfaces = match needs(&sources) {
        Need::Nothing => Vec::new(),
        need => facilities.interfaces(need).unwrap_or_else(|error| {
            sources
                .warnings
                .push(Warning::new("network", facilities::chain(&error)));
            Vec::new()
        }),
    };
    let plan = plan_settle(&sources, &interfaces);
    // An installed node has its document, and installs nothing.
    let orders = (!sources.installed).then(|| apply::Orders {
        document: effective_document(&sources, &interfaces),
        words: sources.merged_words(),
    });
    (orders, plan)
}

/// Plans this boot, does it, and writes the report. The report says what could not be done.
pub fn settle(facilities: &dyn Facilities) -> Report {
    let (orders, plan) = plan_from(facilities);
    apply::apply(facilities, &plan, gather::keeps(facilities), orders.as_ref())
}

/// The sentence on remote login for people.
pub fn ssh_message(ssh: &Ssh) -> String {
    match ssh {
        Ssh::On { password_login: true } => "SSH is on for admin, with password".into(),
        Ssh::On { password_login: false } => "SSH is on for admin, with keys only".into(),
        Ssh::Off(why) => format!("SSH is off: {why}"),
    }
}

#[cfg(test)]
mod tests;
