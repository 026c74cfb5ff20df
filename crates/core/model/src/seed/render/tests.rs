mod services;
mod tuning;

use std::fmt::Debug;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::access::{ApiClient, ApiToken, Role};
use crate::firewall::Firewall;
use crate::install::InstallRequest;
use crate::logging::{Certificates, Logging, Netconsole, Protocol, RemoteLog};
use crate::monitoring::{FigureServer, Monitoring, Security};
use crate::network::{Addressing, Ipv6, Match, NetworkConfig};
use crate::seed::parse;
use crate::server::Server;
use crate::storage_access::{Iscsi, Multipath, Nfs, NfsMount, StorageAccess, Target};
use crate::tls::Tls;
use crate::users::User;

const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

/// Values that are read from texts that match; texts that are none are left out.
fn read<T: FromStr + Debug>(texts: &'static str) -> impl Strategy<Value = T> {
    texts.prop_filter_map("not one", |text: String| text.parse().ok())
}

fn matches() -> impl Strategy<Value = Match> {
    read("\\*|eno[0-9*?]{1,3}|52:54:00:[0-9a-f]{2}:00:01|bond0|bond0\\.42")
}

fn route() -> impl Strategy<Value = Route> {
    let to = read("10\\.[0-9]{1,2}\\.0\\.0/16|2001:db8:[0-9a-f]{1,4}::/48");
    let via = option::of(read("192\\.0\\.2\\.[0-9]{1,2}"));
    (to, via, option::of(any::<u32>())).prop_map(|(to, via, metric)| Route { to, via, metric })
}

fn addressing() -> impl Strategy<Value = Addressing> {
    let address = || read("192\\.0\\.2\\.[0-9]{1,2}|2001:db8::[0-9a-f]{1,4}");
    let ipv6 = any::<(bool, bool, bool)>().prop_map(|(dhcp, slaac, link_local)| Ipv6 {
        dhcp,
        slaac,
        link_local,
    });
    let cidrs = vec(
        read("192\\.0\\.2\\.[1-9]/[0-9]{1,2}|2001:db8::[0-9a-f]{1,4}/[0-9]{1,3}"),
        0..3,
    );
    (
        any::<bool>(),
        ipv6,
        cidrs,
        vec(address(), 0..3),
        vec(route(), 0..3),
        vec(address(), 0..3),
        vec("[a-z]{1,9}\\.example", 0..3),
    )
        .prop_map(|(dhcp4, ipv6, addresses, gateways, routes, dns, search)| Addressing {
            dhcp4,
            ipv6,
            addresses,
            gateways,
            routes,
            dns,
            search,
        })
}

fn network() -> impl Strategy<Value = NetworkConfig> {
    let interface = (
        matches(),
        addressing(),
        option::of(read("br[a-z]{1,9}")),
        option::of(576_u16..),
    );
    let interface = interface.prop_map(|(matches, addressing, bridge, mtu)| InterfaceConfig {
        matches,
        addressing,
        bridge,
        mtu,
    });
    let option = prop_oneof![
        ("mode|miimon|updelay|downdelay|min_links", "[0-6]"),
        ("lacp_rate", "slow|fast"),
        ("xmit_hash_policy", "layer2|layer3\\+4|vlan\\+srcmac"),
        ("primary", "eno[1-9]"),
    ];
    let bond = (read("bond[0-9]"), vec(matches(), 0..3), vec(option, 0..5));
    let bond = bond.prop_map(|(name, members, given)| {
        let mut options = BondOptions::default();
        for (name, value) in given {
            options.set(&name, &value).expect("an option");
        }
        Bond { name, members, options }
    });
    let vlan = (read("[1-9][0-9]{0,2}"), matches()).prop_map(|(id, parent)| Vlan { id, parent });
    let bridge = (read("br[0-9]"), vec(matches(), 0..3), any::<bool>());
    let bridge = bridge.prop_map(|(name, ports, stp)| Bridge { name, ports, stp });
    (
        vec(interface, 0..3),
        vec(bond, 0..2),
        vec(vlan, 0..3),
        vec(bridge, 0..3),
    )
        .prop_map(|(interfaces, bonds, vlans, bridges)| NetworkConfig {
            interfaces,
            bonds,
            vlans,
            bridges,
        })
}

fn install() -> impl Strategy<Value = InstallAnswers> {
    let size = || option::of(prop_oneof![any::<u64>(), (0_u64..99).prop_map(|n| n << 30)].prop_map(ByteSize));
    let pattern = || option::of("\\PC{0,8}".prop_map(Pattern::new));
    let path = option::of("/dev/[a-z*?/-]{1,9}".prop_map(Pattern::new));
    let bus = option::of(read("ata|scsi|virtio|nvme"));
    let device = (
        path,
        bus,
        pattern(),
        pattern(),
        pattern(),
        size(),
        size(),
        any::<bool>(),
    );
    let device = device.prop_map(|(path, bus, serial, wwn, model, at_least, at_most, all)| DeviceMatch {
        path,
        bus,
        serial,
        wwn,
        model,
        at_least,
        at_most,
        all,
    });
    let data = prop_oneof![
        Just(None),
        Just(Some(DataRequest::Rest)),
        Just(Some(DataRequest::None)),
        any::<u64>().prop_map(|n| Some(DataRequest::Size(ByteSize(n)))),
    ];
    let sizes = (size(), size(), size(), size(), size(), data);
    let sizes = sizes.prop_map(|(esp, root, config, log, swap, data)| SizeRequest {
        esp,
        root,
        config,
        log,
        swap,
        data,
        raise: false,
    });
    let flags = any::<(bool, bool, bool, Option<u32>)>();
    (
        vec(device, 1..4),
        sizes,
        vec("[a-z]{1,5}=[a-zA-Z0-9,$'.]{0,9}", 0..3),
        flags,
    )
        .prop_map(
            |(mut devices, sizes, words, (again, keep_data, wipe_fakeraid, reboot_delay))| InstallAnswers {
                request: InstallRequest {
                    mode: if again { Mode::Reinstall } else { Mode::Install },
                    boot: devices.remove(0),
                    data: devices,
                    sizes,
                    keep_data,
                    wipe_fakeraid,
                    words,
                    document: None,
                },
                reboot_delay,
            },
        )
}

fn seeds() -> impl Strategy<Value = Seed> {
    let role = || prop_oneof![Just(Role::Admin), Just(Role::Operator), Just(Role::Viewer)];
    let key = "[ -~\u{e4}]{0,12}".prop_filter_map("not a key", |comment| {
        format!("ssh-ed25519 {KEY} {comment}").parse().ok()
    });
    let ntp = prop_oneof![Just(Ntp::Off), vec("[a-z]{1,9}", 1..3).prop_map(Ntp::Servers)];
    let client = ("[!-~]\\PC{0,7}", read("sha256:[0-9a-f]{64}"), role());
    let client = client.prop_map(|(name, fingerprint, role)| ApiClient {
        name,
        fingerprint,
        role,
    });
    let token = ("[!-~]\\PC{0,7}", read("[0-9a-f]{64}"), role());
    let token = token.prop_map(|(name, hash, role)| ApiToken { name, hash, role });
    (
        option::of(read("[a-z0-9]{1,9}(\\.[a-z]{1,4})?")),
        (
            option::of(ntp),
            option::of(read("[a-zA-Z][a-z0-9_.+-]{0,9}")),
            option::of(read("[A-Z][a-z]{1,9}/[A-Z][a-z]{1,9}")),
            option::of(read("22|[1-9][0-9]{3}")),
            option::of(read("[1-7] (minutes|hours|days)|90 seconds")),
        ),
        option::of(read("\\$6\\$[a-z]{8}\\$[a-zA-Z0-9./]{43}")),
        vec(key, 0..3),
        any::<Option<bool>>(),
        network(),
        vec(client, 0..3),
        vec(token, 0..3),
        (
            services::firewall(),
            services::logging(),
            services::monitoring(),
            services::storage_access(),
            tuning::performance(),
            tuning::kernel_dump(),
            services::tls(),
            vec(services::user(), 0..3),
        ),
        option::of(install()),
    )
        .prop_map(
            |(
                hostname,
                (ntp, keyboard, timezone, ssh_port, ssh_idle),
                admin_password,
                ssh_keys,
                password_login,
                network,
                clients,
                tokens,
                (firewall, logging, monitoring, storage_access, performance, kernel_dump, tls, users),
                install,
            )| Seed {
                hostname,
                ntp,
                timezone,
                keyboard,
                admin_password,
                ssh_keys,
                password_login,
                ssh_port,
                ssh_idle,
                network,
                clients,
                tokens,
                firewall,
                logging,
                monitoring,
                storage_access,
                performance,
                kernel_dump,
                tls,
                users,
                install,
            },
        )
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(seed in seeds()) {
        let text = render(&seed);
        let again = parse(&text);
        prop_assert_eq!(again.as_ref(), Ok(&seed), "{}", text);
        // The installer puts answers into it by way of a table.
        let table: Table = toml::from_str(&text).expect("TOML");
        prop_assert_eq!(parse(&toml::to_string(&table).expect("a table")), Ok(seed));
    }
}

#[test]
fn the_example_is_the_same_after_a_turn() {
    let seed = parse(include_str!("../example.toml")).expect("the example");
    assert_eq!(parse(&render(&seed)), Ok(seed));
    assert_eq!(render(&Seed::default()), "version = 1\n");
}
