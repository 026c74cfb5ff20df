//! The health gate: whether a system that is on trial may become the good one. Facts go in, a decision comes out; who asks again
//! and who restarts the machine is somebody else.

use std::net::IpAddr;
use std::time::Duration;

use corbel_model::network::Match;
use serde::{Deserialize, Serialize};

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

/// The addresses that the configuration of a boot asks for; settle writes them down, the gate compares.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Expected {
    /// Every one of these.
    pub fixed: Vec<FixedAddress>,
    /// One of these has what it asks for. Empty where the node is managed by a fixed address.
    pub automatic: Vec<AutomaticAddress>,
}

/// An address that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedAddress {
    /// As the configuration names it.
    pub interface: String,
    pub address: IpAddr,
}

/// An interface that asks the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutomaticAddress {
    /// A name or a pattern; `*` and a MAC address mean any.
    pub interface: String,
    pub ipv4: bool,
    pub ipv6: bool,
}

impl AutomaticAddress {
    /// Any address counts that others can use. One that asks in both families is content with either: few networks have both.
    fn has(&self, interface: &str, address: IpAddr) -> bool {
        let asked = if address.is_ipv4() { self.ipv4 } else { self.ipv6 };
        asked && !is_link_local(address) && self.means(interface)
    }

    fn means(&self, interface: &str) -> bool {
        match self.interface.parse() {
            Ok(Match::Name(pattern)) => Match::Name(pattern).covers_name(interface),
            _ => true,
        }
    }

    fn families(&self) -> &'static str {
        match (self.ipv4, self.ipv6) {
            (true, false) => "IPv4 ",
            (false, true) => "IPv6 ",
            _ => "",
        }
    }
}

/// RFC 3927 and RFC 4291, 2.5.6: an interface gives itself one when nobody answers.
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// What is missing of the expected addresses, as a sentence; `seen` are those of the node as (interface, address). An address that was
/// given counts wherever it is: how interfaces are called is not what a version is judged by.
pub fn missing_address(expected: &Expected, seen: &[(String, IpAddr)]) -> Option<String> {
    let there = |wanted: &&FixedAddress| seen.iter().any(|(_, address)| *address == wanted.address);
    let absent: Vec<String> = expected
        .fixed
        .iter()
        .filter(|wanted| !there(wanted))
        .map(|wanted| format!("{} has not its address {}", wanted.interface, wanted.address))
        .collect();
    if !absent.is_empty() {
        return Some(absent.join(", "));
    }
    let has = |wanted: &AutomaticAddress| seen.iter().any(|(name, address)| wanted.has(name, *address));
    if !expected.automatic.is_empty() && !expected.automatic.iter().any(has) {
        let wanted = expected.automatic.iter().map(|wanted| match wanted.interface.as_str() {
            "*" => format!("no interface got an {}address", wanted.families()),
            name => format!("{name} got no {}address", wanted.families()),
        });
        return Some(wanted.collect::<Vec<_>>().join(", "));
    }
    // What settle of another version wrote may say nothing of addresses.
    let nothing = expected.fixed.is_empty() && seen.iter().all(|(_, address)| is_link_local(*address));
    nothing.then(|| "no interface has an address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(list: &[(&str, &str)]) -> Vec<(String, IpAddr)> {
        let one = |(name, address): &(&str, &str)| ((*name).to_owned(), address.parse().expect("an address"));
        list.iter().map(one).collect()
    }

    fn fixed(interface: &str, address: &str) -> FixedAddress {
        FixedAddress {
            interface: interface.into(),
            address: address.parse().expect("an address"),
        }
    }

    fn automatic(interface: &str, ipv4: bool, ipv6: bool) -> AutomaticAddress {
        AutomaticAddress {
            interface: interface.into(),
            ipv4,
            ipv6,
        }
    }

    #[test]
    fn addresses_that_were_given_must_all_be_there() {
        let expected = Expected {
            fixed: vec![fixed("eno1", "192.0.2.10"), fixed("eno1", "2001:db8::10")],
            automatic: Vec::new(),
        };
        for (found, missing) in [
            (&[("eno1", "192.0.2.10"), ("eno1", "2001:db8::10")][..], None),
            (&[("enp1s0", "192.0.2.10"), ("brx", "2001:db8::10")], None),
            (
                &[("eno1", "192.0.2.10"), ("eno1", "2001:db8::11")],
                Some("eno1 has not its address 2001:db8::10"),
            ),
            (
                &[("eno2", "192.0.2.99")],
                Some("eno1 has not its address 192.0.2.10, eno1 has not its address 2001:db8::10"),
            ),
        ] {
            assert_eq!(
                missing_address(&expected, &seen(found)).as_deref(),
                missing,
                "{found:?}"
            );
        }
    }

    #[test]
    fn whoever_asks_the_network_is_content_with_any_answer() {
        let both = [automatic("eno1", true, true)];
        let four = [automatic("eno1", true, false)];
        let any = [automatic("*", true, true)];
        let two = [automatic("eno1", true, false), automatic("ens*", true, true)];
        let mac = [automatic("52:54:00:12:34:56", true, false)];
        type Case<'a> = (&'a [AutomaticAddress], &'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: [Case<'_>; 11] = [
            (&both, &[("eno1", "10.0.0.7")], None),
            (&both, &[("eno1", "2001:db8::7")], None),
            (
                &both,
                &[("eno1", "169.254.3.4"), ("eno1", "fe80::1")],
                Some("eno1 got no address"),
            ),
            (&both, &[("eno2", "10.0.0.7")], Some("eno1 got no address")),
            (&four, &[("eno1", "2001:db8::7")], Some("eno1 got no IPv4 address")),
            (&any, &[("anything", "10.0.0.7")], None),
            (&any, &[], Some("no interface got an address")),
            (&two, &[("ens3", "10.0.0.7")], None),
            (
                &two,
                &[("eth0", "10.0.0.7")],
                Some("eno1 got no IPv4 address, ens* got no address"),
            ),
            (&mac, &[("eno7", "10.0.0.7")], None),
            (&[], &[("eno7", "10.0.0.7")], None),
        ];
        for (wanted, found, missing) in cases {
            let expected = Expected {
                fixed: Vec::new(),
                automatic: wanted.to_vec(),
            };
            assert_eq!(
                missing_address(&expected, &seen(found)).as_deref(),
                missing,
                "{wanted:?} {found:?}"
            );
        }
        let nothing = missing_address(&Expected::default(), &seen(&[("eno1", "fe80::1")]));
        assert_eq!(nothing.as_deref(), Some("no interface has an address"));
    }

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
