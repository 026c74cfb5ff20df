//! How the interfaces do: cable, speed, counters, as `/sys/class/net` shows them, below a root that tests replace.

use std::fs;
use std::path::Path;

use crate::{InterfaceError, interfaces};

/// A network interface at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    pub name: String,
    pub carrier: bool,
    pub mac: Option<String>,
    /// `None` where the driver does not say, as without a cable.
    pub speed_mbit: Option<u32>,
    /// `half` or `full`, by the same rule.
    pub duplex: Option<String>,
    pub mtu: Option<u32>,
    pub driver: Option<String>,
    pub physical: bool,
    /// The bond or bridge that it is in.
    pub master: Option<String>,
    /// Switch and port at the other end, where somebody told.
    pub neighbour: Option<String>,
    /// Bytes.
    pub received: u64,
    pub sent: u64,
    /// Packets.
    pub errors: u64,
}

/// All interfaces but loopback, by name. `root` is `/` on a node.
///
/// # Errors
/// The folder of the interfaces cannot be read.
pub fn links(root: &Path) -> Result<Vec<Link>, InterfaceError> {
    let folder = root.join("sys/class/net");
    let one = |interface: corbel_model::network::Interface| {
        let own = folder.join(interface.name.as_str());
        let text = |file: &str| {
            fs::read_to_string(own.join(file))
                .ok()
                .map(|text| text.trim().to_owned())
        };
        let count = |file: &str| {
            text(&format!("statistics/{file}"))
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let master = fs::read_link(own.join("master")).ok();
        Link {
            name: interface.name.to_string(),
            carrier: interface.carrier,
            mac: interface.mac.map(|mac| mac.to_string()),
            // Without a cable it is -1, and some drivers then say 4294967295.
            speed_mbit: text("speed")
                .and_then(|text| text.parse().ok())
                .filter(|speed| (1..u32::MAX).contains(speed)),
            duplex: text("duplex").filter(|duplex| matches!(duplex.as_str(), "half" | "full")),
            mtu: text("mtu").and_then(|text| text.parse().ok()),
            driver: interface.driver,
            physical: interface.physical,
            master: master.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
            neighbour: None,
            received: count("rx_bytes"),
            sent: count("tx_bytes"),
            errors: count("rx_errors").saturating_add(count("tx_errors")),
        }
    };
    Ok(interfaces(root)?
        .into_iter()
        .filter(|interface| interface.name.as_str() != "lo")
        .map(one)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_a_bond_with_a_bad_cable() {
        let root = tempfile::tempdir().expect("a folder");
        let put = |file: &str, text: &str| {
            let path = root.path().join("sys/class/net/eno1").join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            corbel_sys::write_atomic(&path, text.as_bytes(), 0o644).expect("a file");
        };
        for (file, text) in [
            ("type", "1\n"),
            ("address", "52:54:00:00:00:01\n"),
            ("carrier", "1\n"),
            ("speed", "10000\n"),
            ("duplex", "full\n"),
            ("mtu", "9000\n"),
            ("statistics/rx_bytes", "77\n"),
            ("statistics/rx_errors", "3\n"),
            ("statistics/tx_errors", "4\n"),
        ] {
            put(file, text);
        }
        std::os::unix::fs::symlink("../bond0", root.path().join("sys/class/net/eno1/master")).expect("a link");
        let found = links(root.path()).expect("a list");
        let expected = Link {
            name: "eno1".into(),
            carrier: true,
            mac: Some("52:54:00:00:00:01".into()),
            speed_mbit: Some(10_000),
            duplex: Some("full".into()),
            mtu: Some(9000),
            master: Some("bond0".into()),
            received: 77,
            errors: 7,
            ..Link::default()
        };
        assert_eq!(found, [expected]);
        put("speed", "-1\n");
        assert_eq!(links(root.path()).expect("a list")[0].speed_mbit, None);
    }
}
