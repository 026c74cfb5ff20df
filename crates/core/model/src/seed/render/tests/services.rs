//! Services, storage and users that make sense.

use super::*;

pub(super) fn firewall() -> impl Strategy<Value = Firewall> {
    let sources = || {
        option::of(vec(
            read("192\\.0\\.2\\.[0-9]{1,2}|10\\.[0-9]\\.0\\.0/16|2001:db8:[0-9a-f]{1,4}::/48"),
            0..3,
        ))
    };
    (sources(), sources()).prop_map(|(ssh, api)| Firewall { ssh, api })
}

fn server() -> impl Strategy<Value = Server> {
    read("[a-z]{1,9}\\.example|192\\.0\\.2\\.[0-9]{1,2}|2001:db8::[0-9a-f]{1,4}")
}

pub(super) fn logging() -> impl Strategy<Value = Logging> {
    let ca = vec(any::<u8>(), 80..200).prop_map(|bytes| -> Certificates {
        let body = STANDARD.encode([&[0x30_u8][..], &bytes].concat());
        let text = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        text.parse().expect("a certificate")
    });
    let transport = prop_oneof![
        (read("udp|tcp"), option::of(ca.clone())),
        ca.prop_map(|ca| (Protocol::Tls, Some(ca))),
    ];
    let name = read("[a-z]{1,9}\\.example");
    let remote = (
        server(),
        1_u16..,
        transport,
        name,
        option::of(read("err|warning|debug")),
    );
    let remote = remote.prop_map(|(server, port, (protocol, ca), name, priority)| RemoteLog {
        server,
        port,
        protocol,
        ca,
        certificate_name: Some(name),
        priority,
    });
    let size = option::of((16_u64..16_384).prop_map(ByteSize::mib));
    let age = option::of(read("[1-9] (hours|days|weeks)"));
    let netconsole = (
        read("192\\.0\\.2\\.[0-9]{1,2}|2001:db8::[0-9a-f]{1,4}"),
        1_u16..,
        read("eno[0-9]"),
        option::of(read("52:54:00:[0-9a-f]{2}:00:01")),
    );
    let netconsole = netconsole.prop_map(|(server, port, interface, mac)| Netconsole {
        server,
        port,
        interface,
        mac,
    });
    let all = (vec(remote, 0..3), size, age, option::of(netconsole));
    all.prop_map(|(remote, max_size, max_age, netconsole)| Logging {
        remote,
        max_size,
        max_age,
        netconsole,
    })
}

pub(super) fn monitoring() -> impl Strategy<Value = Monitoring> {
    let security = prop_oneof![
        (read("sign|encrypt"), read("[a-z]{1,9}")).prop_map(|(security, user)| (security, Some(user))),
        option::of(read("[a-z]{1,9}")).prop_map(|user| (Security::None, user)),
    ];
    let server = (server(), 1_u16.., security, option::of(read("[!#-&(-\\[\\]-~]{1,20}")));
    let server = server.prop_map(|(server, port, (security, user), password)| FigureServer {
        server,
        port,
        security,
        user,
        password,
    });
    (
        any::<bool>(),
        option::of(read("[1-9]{1,2} seconds")),
        option::of(server),
    )
        .prop_map(|(enabled, interval, server)| Monitoring {
            enabled,
            interval,
            server,
        })
}

pub(super) fn storage_access() -> impl Strategy<Value = StorageAccess> {
    let name = || read("iqn\\.20[0-9]{2}-0[1-9]\\.org\\.example(:[a-zA-Z0-9._:-]{1,12})?|eui\\.[0-9a-f]{16}");
    let login = option::of((read("[a-z]{1,9}"), option::of(read("[!#-&(-\\[\\]-~]{1,20}"))));
    let portal = read("192\\.0\\.2\\.[1-9](:[1-9][0-9]{1,3})?|\\[2001:db8::[1-9]\\]:860|[a-z]{1,9}");
    let target = (name(), vec(portal, 1..3), login).prop_map(|(name, portals, login)| {
        let (chap_user, chap_password) = login.map_or((None, None), |(user, password)| (Some(user), password));
        Target {
            name,
            portals,
            chap_user,
            chap_password,
        }
    });
    let options = vec(read("hard|softerr|nconnect=[1-9]|rsize=[1-9][0-9]{3}"), 0..3);
    let mount = (
        read("[a-z]{1,9}"),
        server(),
        read("/[a-z/]{0,9}"),
        read("4\\.[0-2]"),
        options,
    );
    let mount = mount.prop_map(|(name, server, path, version, options)| NfsMount {
        name,
        server,
        path,
        version,
        options,
    });
    let multipath = (
        any::<bool>(),
        read("on|greedy|smart|strict"),
        vec(read("3[0-9a-f]{16}"), 0..3),
    );
    let iscsi = (option::of(name()), vec(target, 0..3));
    let nfs = (option::of(read("[a-z]{1,9}\\.example")), vec(mount, 0..3));
    (iscsi, nfs, multipath).prop_map(|(iscsi, nfs, multipath)| StorageAccess {
        iscsi: Iscsi {
            initiator: iscsi.0,
            targets: iscsi.1,
        },
        nfs: Nfs {
            domain: nfs.0,
            mounts: nfs.1,
        },
        multipath: Multipath {
            enabled: multipath.0,
            find: multipath.1,
            blacklist: multipath.2,
        },
    })
}

pub(super) fn tls() -> impl Strategy<Value = Tls> {
    let block = |name: &str, byte| {
        let body = STANDARD.encode([0x30, 0x50].into_iter().chain([byte; 80]).collect::<Vec<_>>());
        format!("-----BEGIN {name}-----\n{body}\n-----END {name}-----\n")
    };
    let certificate = any::<u8>().prop_map(move |byte| block("CERTIFICATE", byte).parse().expect("a certificate"));
    let key = any::<u8>().prop_map(move |byte| block("PRIVATE KEY", byte).parse().expect("a key"));
    (option::of(certificate), option::of(key)).prop_map(|(certificate, key)| Tls { certificate, key })
}

pub(super) fn user() -> impl Strategy<Value = User> {
    (
        read("[a-z][a-z0-9_-]{0,9}"),
        prop_oneof![Just(Role::Admin), Just(Role::Operator), Just(Role::Viewer)],
        option::of(read("\\$6\\$[a-z]{8}\\$[a-zA-Z0-9./]{43}")),
        option::of(read("sha256:[0-9a-f]{64}")),
        option::of(read("[0-9a-f]{64}")),
    )
        .prop_map(|(name, role, password, fingerprint, token)| User {
            name,
            role,
            password,
            fingerprint,
            token,
        })
}
