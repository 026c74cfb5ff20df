use super::*;
use crate::network::BondMode;
use proptest::prelude::*;

const HASH: &str = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";
const KEY: &str =
    "ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl%20ada@example.org";

fn words(text: &str) -> Words {
    Words::parse([text])
}

fn warnings(text: &str) -> Vec<String> {
    words(text).warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn the_last_word_wins_and_the_last_text_too() {
    assert_eq!(words("hostname=a hostname=b").hostname.expect("given").as_str(), "b");
    let both = Words::parse(["hostname=seed dns=192.0.2.1", "hostname=kernel"]);
    assert_eq!((both.hostname.expect("given").as_str(), both.dns.len()), ("kernel", 1));
    assert_eq!(words("ssh_pwauth=1 ssh-pwauth=no").password_login, Some(false));
}

#[test]
fn the_boot_interface_has_four_forms() {
    for value in ["01-52-54-00-12-34-56", "52:54:00:12:34:56", "52-54-00-12-34-56"] {
        let mac = "52:54:00:12:34:56".parse().expect("a MAC");
        let found = words(&format!("BOOTIF={value}")).boot_interface;
        assert_eq!(found, Some(BootInterface::Is(Match::Mac(mac))), "{value}");
    }
    assert_eq!(words("BOOTIF=link").boot_interface, Some(BootInterface::Link));
    assert_eq!(
        words("BOOTIF=eno1").boot_interface,
        Some(BootInterface::Is(Match::Name("eno1".into())))
    );
    assert_eq!(
        warnings("BOOTIF=eno*"),
        ["BOOTIF=eno*: give one interface, not a pattern"]
    );
}

#[test]
fn every_form_of_ip() {
    let one = |text: &str| {
        let found = words(text);
        assert!(found.warnings.is_empty(), "{text}: {:?}", found.warnings);
        found.ip.into_iter().next().expect(text)
    };
    let fixed = |address: &str, prefix, gateway: Option<&str>| IpMethod::Static {
        address: address.parse().expect("an address"),
        prefix: Some(prefix),
        gateway: gateway.map(|g| g.parse().expect("an address")),
    };
    assert_eq!(one("ip=dhcp").method, IpMethod::Dhcp4);
    assert_eq!(one("ip=off").method, IpMethod::Off);
    assert_eq!(one("ip=192.0.2.5/25").method, fixed("192.0.2.5", 25, None));
    assert_eq!(
        one("netmask=255.255.0.0 ip=192.0.2.5").method,
        fixed("192.0.2.5", 16, None)
    );
    assert_eq!(one("ip=2001:db8::5/56").method, fixed("2001:db8::5", 56, None));
    assert_eq!(
        one("ip=192.0.2.5:192.0.2.1:192.0.2.1:255.255.255.0").method,
        fixed("192.0.2.5", 24, Some("192.0.2.1"))
    );
    let full = one("ip=192.0.2.5::192.0.2.1:24:node1:eno1:none:9000");
    assert_eq!(full.method, fixed("192.0.2.5", 24, Some("192.0.2.1")));
    assert_eq!((full.device.expect("named").as_str(), full.mtu), ("eno1", Some(9000)));
    let six = one("ip=[2001:db8::5]::[2001:db8::1]:64::eno1:none:[2001:db8::53]::ntp.example.org");
    assert_eq!(six.method, fixed("2001:db8::5", 64, Some("2001:db8::1")));
    assert_eq!((six.dns.len(), six.ntp), (1, vec!["ntp.example.org".to_owned()]));
    let short = one("ip=eno2:dhcp6:1400");
    assert_eq!((short.method, short.mtu), (IpMethod::Dhcp6, Some(1400)));
    assert_eq!(one("ip=::::node1:eno1:dhcp").method, IpMethod::Dhcp4);
    let two = words("ip=eno1:dhcp ip=eno2:off ip=eno1:off");
    assert_eq!(two.ip.len(), 2);
}

#[test]
fn what_is_wrong_with_an_address_is_said() {
    assert_eq!(
        warnings("ip=192.0.2.5"),
        ["ip=192.0.2.5: has no netmask: /24 is taken; say ip=192.0.2.5/24 or netmask="]
    );
    for bad in [
        "ip=",
        "ip=maybe",
        "ip=eno1:perhaps",
        "ip=300.1.1.1",
        "ip=0.0.0.0",
        "ip=:::",
        "ip=192.0.2.5:::255.0.255.0",
    ] {
        assert_eq!(warnings(bad).len(), 1, "{bad}");
        assert!(words(bad).ip.is_empty(), "{bad}");
    }
    assert_eq!(
        warnings("ip=eno1:dhcp:1500:52:54:00:12:34:56"),
        ["ip=eno1:dhcp:1500:52:54:00:12:34:56: a new MAC address cannot be given to an interface: it keeps its own"]
    );
}

#[test]
fn bonds_and_vlans() {
    let found = words("bond=bond0:eno1,eno2:mode=4,miimon=50,lacp_rate=fast vlan=42 vlan=43:eno3");
    assert_eq!(
        (found.bonds[0].options.mode, found.bonds[0].members.len()),
        (BondMode::Lacp, 2)
    );
    assert_eq!((found.vlans.len(), &found.vlans[0].parent), (2, &None));
    assert_eq!(words("bond_setup=bond1:eno1").bonds[0].options.miimon, 100);
    assert_eq!(
        warnings("vlan=5000"),
        ["vlan=5000: \"5000\" is not a VLAN number: give 1 to 4094"]
    );
    assert_eq!(warnings("bond=bond0").len(), 1);
    let half = words("bond=bond0:eno1:mode=fast,miimon=10");
    assert_eq!((half.warnings.len(), half.bonds[0].options.miimon), (1, 10));
}

#[test]
fn lists_keep_what_is_good_in_them() {
    let found = words("dns=192.0.2.1,nowhere,2001:db8::1 ntp=a.example,_,192.0.2.9");
    assert_eq!((found.dns.len(), found.warnings.len()), (2, 2));
    assert_eq!(
        found.ntp,
        Some(Ntp::Servers(vec!["a.example".into(), "192.0.2.9".into()]))
    );
    assert_eq!(words("ntp=off").ntp, Some(Ntp::Off));
}

#[test]
fn access_adds_up() {
    let digest = "ab".repeat(32);
    let text = format!(
        "corbel.sshkey={KEY} \"corbel.sshkey={}\" corbel.client=sha256:{digest},viewer corbel.token_sha256={digest}",
        KEY.replace("%20", " ")
    );
    let found = words(&text);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert_eq!(
        (found.ssh_keys.len(), found.clients[0].role.as_str(), found.tokens.len()),
        (2, "viewer", 1)
    );
}

#[test]
fn roots_password_is_admins_when_admin_has_none() {
    assert!(words(&format!("rootpw={HASH}")).admin_password.is_some());
    let other = HASH.replace("salt", "SALT");
    let both = words(&format!("adminpw={HASH} rootpw={other}"));
    assert_eq!(both.admin_password.expect("given").expose(), HASH);
}

#[test]
fn words_of_others_are_kept_and_those_of_the_ancestor_are_told() {
    let found =
        words("quiet root=/dev/sda1 puppet_server=x runtime_mode=no corbel.sshkeys=x corbel.root=00 corbel.timeout=90");
    assert_eq!(found.other.len(), 2);
    assert_eq!(
        found.warnings.iter().map(|w| w.about.as_str()).collect::<Vec<_>>(),
        ["puppet_server", "corbel.sshkeys"]
    );
}

#[test]
fn a_keyboard_is_named_as_its_keymap() {
    let named = |text: &str| words(text).keyboard.map(|keymap| keymap.to_string());
    assert_eq!(
        named("keyboard=us keyboard=fr_CH-latin1").as_deref(),
        Some("fr_CH-latin1")
    );
    let found = words("keyboard=../de");
    assert_eq!(found.keyboard, None);
    assert!(
        found.warnings[0]
            .to_string()
            .starts_with("keyboard=../de: keyboard layout name")
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = words(&text);
    }

    #[test]
    fn no_value_panics(name in "ip|ipv6|bond|vlan|dns|ntp|BOOTIF|hostname|gateway|netmask|corbel.sshkey|corbel.client", value in "[a-z0-9:,.=%\\[\\]/*-]{0,60}") {
        let found = words(&format!("{name}={value}"));
        for warning in &found.warnings {
            prop_assert!(!warning.to_string().contains('\n'));
        }
    }

    #[test]
    fn secrets_stay_hidden(
        name in "adminpw|rootpw|corbel.token|corbel.token_sha256|snmp_password|engine_admin_password|cim_passwd|rhn_password|adminpwd|password",
        secret in "[A-Z]{12}",
        hashed: bool,
    ) {
        let value = if hashed { format!("$6${secret}${secret}{}", "x".repeat(40)) } else { secret.clone() };
        let shown = format!("{:?}", words(&format!("{name}={value}")));
        prop_assert!(!shown.contains(&secret), "{shown}");
    }
}
