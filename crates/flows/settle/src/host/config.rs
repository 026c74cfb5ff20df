//! Fetching the document, telling systemd of what changed, and what a change of the configuration needs to know.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use corbel_fetch::fetch;
use corbel_model::TimeZone;
use corbel_plan::config::Machine;
use corbel_sys::{Cancel, Program, ProgramError};

use super::{CONFIG, Host, READ_LIMIT, machine, zone};
use crate::configure::ConfigFacilities;
use crate::engine::ChangeFacilities;
use crate::facilities::{Facilities, FacilityError};
use crate::store::ConfigStore;

/// The commands only put a job into systemd's queue, or have networkd read small files.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// A program that is run as a unit asks servers; its own limit is a little shorter, so that it never goes on unseen.
const UNIT_LIMIT: Duration = Duration::from_secs(150);
/// Before the sentence by which `corbel` fails.
const SAID: &str = "error: ";

impl ConfigFacilities for Host {
    fn fetch(&self, url: &str, limit: Duration) -> Result<Vec<u8>, FacilityError> {
        let mut bytes = Vec::new();
        let cancel = Cancel::new();
        thread::scope(|scope| {
            let (done, waits) = mpsc::channel::<()>();
            scope.spawn(|| {
                // Disconnected as soon as the fetch is over.
                if waits.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                    cancel.cancel();
                }
                drop(waits);
            });
            let fetched = fetch(url, READ_LIMIT, &mut bytes, &mut |_, _| {}, &cancel);
            drop(done);
            fetched
        })?;
        Ok(bytes)
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }

    fn run(&self, command: &[&str]) -> Result<(), FacilityError> {
        let Some((program, arguments)) = command.split_first() else {
            return Ok(());
        };
        let unit = *program == "systemd-run";
        let limit = if unit { UNIT_LIMIT } else { COMMAND_LIMIT };
        let outcome = Program::new(program)
            .args(arguments)
            .deadline(limit)
            .run(&Cancel::new());
        match outcome {
            // What ran there is a program of ours, which has said it as a sentence.
            Err(ProgramError::Failed { tail, .. }) if unit && tail.contains(SAID) => {
                let said = tail.rsplit(SAID).next().unwrap_or_default();
                return Err(said.trim().into());
            }
            outcome => drop(outcome?),
        }
        Ok(())
    }

    fn settled(&self) -> &dyn Facilities {
        self
    }
}

impl ChangeFacilities for Host {
    fn store(&self) -> ConfigStore {
        ConfigStore::new(self.path(CONFIG))
    }

    fn timezone(&self) -> Option<TimeZone> {
        zone::get(&self.root)
    }

    fn machine(&self) -> Machine {
        machine::look(self)
    }

    fn addresses(&self) -> Result<Vec<(String, IpAddr)>, FacilityError> {
        Ok(corbel_net::addresses()?)
    }

    fn uptime(&self) -> Duration {
        let seconds = rustix::system::sysinfo().uptime;
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }

    fn clock(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map(|time| time.as_secs()).unwrap_or_default()
    }
}
