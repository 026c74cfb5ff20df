//! Who is at the other end of a cable, as systemd-networkd heard it by LLDP (IEEE 802.1AB) and `networkctl lldp --json=short` tells it.

use serde_json::Value;

/// A port of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Neighbour {
    /// Our interface.
    pub interface: String,
    /// The name of the switch, else the number of its chassis.
    pub system: String,
    pub port: String,
}

/// Neighbours of all interfaces. What is not understood is left out.
pub fn parse_neighbours(json: &[u8]) -> Vec<Neighbour> {
    let answer: Value = serde_json::from_slice(json).unwrap_or_default();
    let list = |value: &Value| {
        value
            .get("Neighbors")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let text = |value: &Value, keys: &[&str]| {
        let found = keys.iter().find_map(|key| value.get(key).and_then(Value::as_str));
        // Whoever sits at the other end may say anything.
        found.map(|text| text.chars().filter(|c| !c.is_control()).take(100).collect::<String>())
    };
    let mut found = Vec::new();
    for interface in list(&answer) {
        let Some(name) = text(&interface, &["InterfaceName"]) else {
            continue;
        };
        for neighbour in list(&interface) {
            found.push(Neighbour {
                interface: name.clone(),
                system: text(&neighbour, &["SystemName", "ChassisID"]).unwrap_or_default(),
                port: text(&neighbour, &["PortID", "PortDescription"]).unwrap_or_default(),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_have_names_and_ports() {
        let json = br#"{"Neighbors":[{"InterfaceIndex":2,"InterfaceName":"eno1","Neighbors":[
            {"ChassisID":"00:11:22:33:44:55","PortID":"ge-0/0/7","SystemName":"rack1-top\u0007","EnabledCapabilities":20},
            {"ChassisID":"66:77","PortDescription":"Port 3"}]},{"InterfaceName":"eno2","Neighbors":[]}]}"#;
        let expected = |system: &str, port: &str| Neighbour {
            interface: "eno1".into(),
            system: system.into(),
            port: port.into(),
        };
        let both = [expected("rack1-top", "ge-0/0/7"), expected("66:77", "Port 3")];
        assert_eq!(parse_neighbours(json), both);
        assert_eq!(parse_neighbours(b"nonsense"), []);
        assert_eq!(parse_neighbours(b"{\"Neighbors\":7}"), []);
    }
}
