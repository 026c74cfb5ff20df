//! Documents with what the hardware is tuned for.

use super::*;
use crate::kernel_dump::{KernelDump, PrivateKey, Target};
use crate::performance::{HugePages, Ksm, Performance, Profile};

pub(super) fn performance() -> impl Strategy<Value = Performance> {
    let profile = option::of(prop::sample::select(Profile::ALL.to_vec()));
    let pages = (option::of(0_u32..9999), option::of(0_u32..99));
    let pages = pages.prop_map(|(of_2_mib, of_1_gib)| HugePages { of_2_mib, of_1_gib });
    let ksm = option::of((any::<bool>(), 10_u32..=100_000, 1_u32..=10_000));
    let ksm = ksm.prop_map(|said| {
        said.map(|(enabled, pages_to_scan, sleep_milliseconds)| Ksm {
            enabled,
            pages_to_scan,
            sleep_milliseconds,
        })
    });
    let cpus = option::of(read("[0-9]|[1-3]-[4-9],1[0-9]"));
    let governor = option::of(read("[a-z_]{1,15}"));
    (profile, governor, pages, ksm, cpus, option::of(10_u16..=1000)).prop_map(
        |(profile, governor, huge_pages, ksm, isolated_cpus, memory_overcommit)| Performance {
            profile,
            governor,
            huge_pages,
            ksm,
            isolated_cpus,
            memory_overcommit,
        },
    )
}

pub(super) fn kernel_dump() -> impl Strategy<Value = KernelDump> {
    let place = "(192\\.0\\.2\\.[1-9]|\\[2001:db8::[1-9]\\]|[a-z]{1,9}\\.example):/[a-z]{0,9}";
    let key = vec(any::<u8>(), 40..200).prop_map(|bytes| -> PrivateKey {
        let body = STANDARD.encode([b"openssh-key-v1\0\0\0\0\x04none", &bytes[..]].concat());
        let text = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----");
        text.parse().expect("a key")
    });
    let ssh = (place, "[a-z]{1,9}", option::of(1_u16..), option::of(key));
    let ssh = ssh.prop_map(|(place, user, port, key)| Target::Ssh {
        place: format!("{user}@{place}").parse().expect("a place"),
        port,
        host_key: format!("ssh-ed25519 {KEY} a comment").parse().expect("a key"),
        key,
    });
    let target = prop_oneof![
        Just(Target::Off),
        Just(Target::Local),
        read(place).prop_map(Target::Nfs),
        ssh,
    ];
    let size = |least: u64| option::of((least..9999).prop_map(ByteSize::mib));
    (target, size(128), option::of(1_u8..=50), size(100)).prop_map(|(target, memory, keep, max_size)| KernelDump {
        target,
        memory,
        keep,
        max_size,
    })
}
