//! What settle needs from the machine, on one page. [`crate::Host`] is the real one; tests put their own in its place.

use std::collections::BTreeMap;
use std::error::Error;

use corbel_model::network::Interface;
use corbel_model::{HostName, TimeZone};
use corbel_plan::settle::Need;

use crate::state::StateReport;
use crate::store::Current;

/// Something could not be had or done. What it was about is in the source.
pub type FacilityError = Box<dyn Error + Send + Sync>;

/// The machine as settle sees it. Paths are absolute and as on the node.
pub trait Facilities {
    /// The kernel's command line.
    fn command_line(&self) -> Result<String, FacilityError>;
    /// Files of the seed by their names in lower case, such as `corbel.toml` and `clients/ada.pem`; empty without a seed.
    fn seed(&self) -> Result<BTreeMap<String, Vec<u8>>, FacilityError>;
    /// Interfaces, after waiting a little for what is needed.
    fn interfaces(&self, need: Need) -> Result<Vec<Interface>, FacilityError>;
    /// Content of a file, `None` when it is not there.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FacilityError>;
    /// Replaces a file as a whole and keeps its owner.
    fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), FacilityError>;
    /// Tells the kernel a value by one of its files.
    fn tell(&self, path: &str, value: &str) -> Result<(), FacilityError>;
    /// Removes a file that may be absent.
    fn remove(&self, path: &str) -> Result<(), FacilityError>;
    /// Files whose path begins so.
    fn paths_from(&self, prefix: &str) -> Result<Vec<String>, FacilityError>;
    /// Names the running system: PID 1 read `/etc/hostname` before settle wrote it.
    fn set_hostname(&self, hostname: &HostName) -> Result<(), FacilityError>;
    /// Sets the time zone of the system; UTC without one.
    fn set_timezone(&self, zone: Option<&TimeZone>) -> Result<(), FacilityError>;
    /// Whether this node runs from its own disk.
    fn installed(&self) -> bool;
    /// What became of its mounts.
    fn state_report(&self) -> Result<Option<StateReport>, FacilityError>;
    /// Its own configuration: what counts of `/config/node.toml`.
    fn document(&self) -> Result<Option<Current>, FacilityError>;
    /// Makes the SSH host keys that are absent; `kept` ones are the same at each boot.
    fn make_host_keys(&self, kept: bool) -> Result<(), FacilityError>;
}

/// An error with all its causes on one line.
pub(crate) fn chain(error: &FacilityError) -> String {
    corbel_sys::chain(error.as_ref())
}
