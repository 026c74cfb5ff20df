//! Bonds, with the option names and values of the kernel's own driver (kernel documentation, networking/bonding).

use std::str::FromStr;

use super::{InterfaceName, Match, NetworkError};

/// Several interfaces as one (kernel documentation, networking/bonding).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    pub name: InterfaceName,
    pub members: Vec<Match>,
    pub options: BondOptions,
}

/// Options of a bond that can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BondOptions {
    pub mode: BondMode,
    /// Milliseconds between looks at the link.
    pub miimon: u32,
    pub updelay: Option<u32>,
    pub downdelay: Option<u32>,
    pub lacp_fast: Option<bool>,
    /// One of the kernel's names, such as `layer3+4`.
    pub hash_policy: Option<&'static str>,
    /// The member that carries the traffic while it lives.
    pub primary: Option<InterfaceName>,
    pub min_links: Option<u32>,
}

impl Default for BondOptions {
    /// The ancestor's default: `mode=active-backup miimon=100`, which works at every switch.
    fn default() -> Self {
        Self {
            mode: BondMode::ActiveBackup,
            miimon: 100,
            updelay: None,
            downdelay: None,
            lacp_fast: None,
            hash_policy: None,
            primary: None,
            min_links: None,
        }
    }
}

const HASH_POLICIES: [&str; 6] = ["layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"];

impl BondOptions {
    /// Sets one option by the name and the values that the kernel's bonding driver has for it.
    pub fn set(&mut self, option: &str, value: &str) -> Result<(), NetworkError> {
        let bad = |right| NetworkError::BondOption {
            option: option.to_owned(),
            value: value.to_owned(),
            right,
        };
        let number = || {
            value
                .parse::<u32>()
                .ok()
                .filter(|n| *n <= 60_000)
                .ok_or_else(|| bad("give a number"))
        };
        match option {
            "mode" => self.mode = value.parse()?,
            "miimon" => self.miimon = number()?,
            "updelay" => self.updelay = Some(number()?),
            "downdelay" => self.downdelay = Some(number()?),
            "min_links" => self.min_links = Some(number()?),
            "primary" => self.primary = Some(value.parse()?),
            "lacp_rate" => {
                self.lacp_fast = Some(match value {
                    "0" | "slow" => false,
                    "1" | "fast" => true,
                    _ => return Err(bad("give slow or fast")),
                });
            }
            "xmit_hash_policy" => {
                let known = HASH_POLICIES.into_iter().find(|policy| *policy == value);
                self.hash_policy = Some(
                    known.ok_or_else(|| bad("give layer2, layer2+3, layer3+4, encap2+3, encap3+4 or vlan+srcmac"))?,
                );
            }
            _ => {
                return Err(bad(
                    "the options are mode, miimon, updelay, downdelay, lacp_rate, xmit_hash_policy, primary and min_links",
                ));
            }
        }
        Ok(())
    }
}

/// How a bond uses its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BondMode {
    BalanceRr,
    ActiveBackup,
    BalanceXor,
    Broadcast,
    Lacp,
    BalanceTlb,
    BalanceAlb,
}

const BOND_MODES: [(BondMode, &str); 7] = [
    (BondMode::BalanceRr, "balance-rr"),
    (BondMode::ActiveBackup, "active-backup"),
    (BondMode::BalanceXor, "balance-xor"),
    (BondMode::Broadcast, "broadcast"),
    (BondMode::Lacp, "802.3ad"),
    (BondMode::BalanceTlb, "balance-tlb"),
    (BondMode::BalanceAlb, "balance-alb"),
];

impl BondMode {
    /// The kernel's name, which is also the one of systemd.netdev(5).
    pub fn as_str(self) -> &'static str {
        BOND_MODES
            .into_iter()
            .find(|(mode, _)| *mode == self)
            .map_or("active-backup", |(_, name)| name)
    }
}

impl FromStr for BondMode {
    type Err = NetworkError;
    /// By name or by the kernel's number, 0 to 6, which is the place in the list.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let numbered = BOND_MODES.into_iter().enumerate();
        let mut found = numbered.filter(|(number, (_, name))| *name == text || number.to_string() == text);
        found
            .next()
            .map(|(_, (mode, _))| mode)
            .ok_or_else(|| NetworkError::BondMode(text.to_owned()))
    }
}
