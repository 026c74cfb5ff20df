use super::*;
use proptest::prelude::*;

#[test]
fn values_are_read_as_people_write_them() {
    assert_eq!(
        "52-54-00-AB-cd-ef".parse::<Mac>().expect("dashes").to_string(),
        "52:54:00:ab:cd:ef"
    );
    assert_eq!(
        "2001:db8::1/64".parse::<Cidr>().expect("IPv6").to_string(),
        "2001:db8::1/64"
    );
    assert_eq!(parse_netmask("255.255.240.0"), Ok(20));
    assert_eq!(parse_netmask("24"), Ok(24));
    assert_eq!("4".parse(), Ok(BondMode::Lacp));
    assert_eq!(bridge_over("enx001122334455").as_str(), "brenx0011223344");
    for bad in [
        "",
        "01:00:5e:00:00:01",
        "52:54:00:12:34",
        "52:54:00:12:34:5g",
        "00:00:00:00:00:00",
    ] {
        assert!(bad.parse::<Mac>().is_err(), "{bad}");
    }
    for bad in ["10.0.0.1", "10.0.0.1/33", "10.0.0.1/0", "::/64", "x/24", "224.0.0.1/4"] {
        assert!(bad.parse::<Cidr>().is_err(), "{bad}");
    }
    for bad in ["255.0.255.0", "0.0.0.0", "129", "-1", ""] {
        assert!(parse_netmask(bad).is_err(), "{bad}");
    }
}

#[test]
fn patterns_match_whole_names() {
    let interface = |name: &str| Interface {
        name: name.parse().expect("a name"),
        mac: None,
        carrier: true,
        physical: true,
        driver: None,
    };
    for (pattern, name, expected) in [
        ("eno*", "eno1", true),
        ("eno?", "eno10", false),
        ("*", "x", true),
        ("e*1", "enp0s1", true),
        ("eno", "eno1", false),
    ] {
        assert_eq!(
            pattern.parse::<Match>().expect("a pattern").covers(&interface(name)),
            expected,
            "{pattern} {name}"
        );
    }
}

#[test]
fn a_vlan_is_named_after_its_parent_where_that_fits() {
    let vlan = |parent: &str| {
        Vlan {
            id: VlanId(42),
            parent: parent.parse().expect("a match"),
        }
        .name()
        .to_string()
    };
    assert_eq!(vlan("eno1"), "eno1.42");
    assert_eq!(vlan("enx001122334455"), "vlan42");
    assert_eq!(vlan("52:54:00:00:00:01"), "vlan42");
    assert_eq!(vlan("eno*"), "vlan42");
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,40}") {
        let _ = (text.parse::<Mac>(), text.parse::<Cidr>(), text.parse::<VlanId>(), parse_netmask(&text), parse_domain(&text));
        let _ = (text.parse::<BondMode>(), BondOptions::default().set("miimon", &text));
        if let Ok(name) = text.parse::<InterfaceName>() {
            prop_assert!(!name.as_str().contains('/') && bridge_over(name.as_str()).as_str().len() <= 15);
        }
        if let Ok(Match::Name(pattern)) = text.parse::<Match>() {
            prop_assert!(!pattern.contains(['\n', ' ', '[', '/']));
        }
    }
    #[test]
    fn masks_survive_the_round_trip(prefix in 1_u8..=32) {
        let mask = std::net::Ipv4Addr::from(u32::MAX << (32 - prefix));
        prop_assert_eq!(parse_netmask(&mask.to_string()), Ok(prefix));
    }
}
