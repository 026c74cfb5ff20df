//! A node that lives on a disk: installed, restarted, upgraded, sent back by every kind of bad version, cut off, and taken off again.
//! Each of these takes many boots; `cargo xtask test --all` runs them all, `cargo xtask test` those that `.config/nextest.toml` names.

mod certificate;
mod configured;
mod console;
mod hooks;
mod kept;
mod kernel_dump;
mod lives_on;
mod nfs;
mod performance;
mod pictures;
mod power_cut;
mod refused;
mod removed;
mod rescue;
mod sent_back;
mod services;
mod stateless;
mod storage_access;
mod support_bundle;
mod tagged;
mod unattended;
mod users;
mod wizard;

use corbel_e2e::{Medium, Run};

use kept::Kept;

/// The smallest disk that is promised to be enough.
const DISK: u64 = 8_000_000_000;

/// The image in a CD drive.
fn cd(run: &Run) -> Medium {
    Medium::Cd(run.image().iso().to_path_buf())
}
