//! The health gate: whether a system that is on trial may become the good one. Facts go in, a decision comes out; who asks again
//! and who restarts the machine is somebody else.

use std::time::Duration;

/// What was seen of the running system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The node's API answers.
    pub api: bool,
    /// libvirt answers.
    pub virtualization: bool,
    /// Names of storage pools that should be active and are not.
    pub pools_inactive: Vec<String>,
    /// What is missing of the management address that the configuration says, as a sentence; absent when it is there.
    pub address: Option<String>,
    /// Names of VMs that should have been started and do not run.
    pub machines_down: Vec<String>,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// All is there.
    Healthy,
    /// Not yet; the first thing that is missing.
    Wait(String),
    /// The time is over; all that is missing.
    Unhealthy(String),
}

/// Decides; `elapsed` is since the start of the system.
pub fn decide(facts: &Facts, elapsed: Duration, deadline: Duration) -> Decision {
    let missing = missing(facts);
    match missing.first() {
        None => Decision::Healthy,
        Some(first) if elapsed < deadline => Decision::Wait(first.clone()),
        Some(_) => Decision::Unhealthy(format!("after {} s {}", deadline.as_secs(), missing.join(", "))),
    }
}

fn missing(facts: &Facts) -> Vec<String> {
    let mut missing = Vec::new();
    if !facts.api {
        missing.push("the API does not answer".to_owned());
    }
    if !facts.virtualization {
        missing.push("libvirt does not answer".to_owned());
    }
    let named = |what: &str, names: &[String]| format!("{what} {}", names.join(", "));
    if !facts.pools_inactive.is_empty() {
        missing.push(named("these storage pools are not active:", &facts.pools_inactive));
    }
    missing.extend(facts.address.clone());
    if !facts.machines_down.is_empty() {
        missing.push(named("these VMs do not run:", &facts.machines_down));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_must_be_there_and_what_is_not_is_said() {
        let deadline = Duration::from_secs(300);
        let healthy = Facts {
            api: true,
            virtualization: true,
            ..Facts::default()
        };
        // Late is better than never.
        assert_eq!(decide(&healthy, Duration::from_secs(900), deadline), Decision::Healthy);
        let changes: [fn(&mut Facts); 5] = [
            |f| f.api = false,
            |f| f.virtualization = false,
            |f| f.pools_inactive = vec!["default".into()],
            |f| f.address = Some("eno1 has no address".into()),
            |f| f.machines_down = vec!["web".into()],
        ];
        for change in changes {
            let mut facts = healthy.clone();
            change(&mut facts);
            let waiting = decide(&facts, Duration::from_secs(299), deadline);
            assert!(matches!(waiting, Decision::Wait(_)), "{waiting:?}");
            let over = decide(&facts, deadline, deadline);
            assert!(matches!(over, Decision::Unhealthy(_)), "{over:?}");
        }
        let nothing = Facts {
            machines_down: vec!["web".into(), "db".into()],
            ..Facts::default()
        };
        assert_eq!(
            decide(&nothing, deadline, deadline),
            Decision::Unhealthy(
                "after 300 s the API does not answer, libvirt does not answer, these VMs do not run: web, db".into()
            )
        );
    }
}
