//! Machines with and without what a document asks for.

use corbel_model::performance::{Ksm, Profile};

use super::*;

fn server() -> BTreeMap<String, String> {
    let policy = "/sys/devices/system/cpu/cpufreq/policy0";
    let files = [
        (CPUS_ONLINE.to_owned(), "0-7\n"),
        (format!("{policy}/scaling_governor"), "powersave\n"),
        (
            format!("{policy}/scaling_available_governors"),
            "performance powersave\n",
        ),
        (
            format!("{policy}/energy_performance_preference"),
            "balance_performance\n",
        ),
        (
            format!("{policy}/energy_performance_available_preferences"),
            "default performance balance_performance balance_power power\n",
        ),
        (
            "/sys/devices/system/cpu/cpu0/power/pm_qos_resume_latency_us".to_owned(),
            "0\n",
        ),
        ("/sys/block/nvme0n1/queue/scheduler".to_owned(), "[none] mq-deadline\n"),
        ("/sys/block/nvme0n1/queue/rotational".to_owned(), "0\n"),
        ("/sys/block/sda/queue/scheduler".to_owned(), "[none] mq-deadline\n"),
        ("/sys/block/sda/queue/rotational".to_owned(), "1\n"),
        ("/proc/sys/vm/swappiness".to_owned(), "60\n"),
        (SMALL_PAGES.to_owned(), "0\n"),
        (format!("{KSM}/run"), "0\n"),
        (format!("{KSM}/pages_to_scan"), "100\n"),
        (format!("{KSM}/sleep_millisecs"), "20\n"),
    ];
    files.map(|(path, text)| (path, text.to_owned())).into()
}

fn profile(profile: Profile) -> Tuning {
    Tuning::of(&Performance {
        profile: Some(profile),
        ..Performance::default()
    })
}

fn lines(plan: &TuningPlan) -> Vec<String> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    plan.writes
        .iter()
        .map(|write| format!("{}={}", name(&write.path), write.value))
        .collect()
}

/// The machine after the writes.
fn done(plan: &TuningPlan, seen: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut after = seen.clone();
    for write in &plan.writes {
        after.insert(write.path.clone(), write.value.clone());
    }
    after
}

#[test]
fn each_profile_takes_what_the_machine_has() {
    let all = [
        (Profile::Balanced, vec![]),
        (
            Profile::Throughput,
            vec![
                "scaling_governor=performance",
                "energy_performance_preference=performance",
                "scheduler=mq-deadline",
                "swappiness=10",
            ],
        ),
        (
            Profile::Latency,
            vec![
                "scaling_governor=performance",
                "energy_performance_preference=performance",
                "pm_qos_resume_latency_us=10",
                "scheduler=mq-deadline",
                "swappiness=10",
            ],
        ),
        (Profile::Power, vec!["energy_performance_preference=power"]),
    ];
    for (which, expected) in all {
        let plan = plan_tuning(&profile(which), &server(), &BTreeMap::new());
        assert_eq!(
            (lines(&plan), &plan.problems),
            (expected.iter().map(ToString::to_string).collect(), &vec![])
        );
    }
    // A machine of a hypervisor has nothing of it.
    assert_eq!(
        plan_tuning(&profile(Profile::Latency), &BTreeMap::new(), &BTreeMap::new()),
        TuningPlan::default()
    );
    assert!(
        PROFILES
            .iter()
            .zip(Profile::ALL)
            .all(|(row, profile)| row.profile == profile && super::profiles::row(profile) == row)
    );
}

#[test]
fn what_is_not_asked_for_any_more_is_as_it_was() {
    let start = server();
    let first = plan_tuning(&profile(Profile::Latency), &start, &BTreeMap::new());
    let tuned = done(&first, &start);
    // Said again, there is nothing to do, and what was there before is still known.
    let again = plan_tuning(&profile(Profile::Latency), &tuned, &first.before);
    assert_eq!((again.writes.len(), &again.before), (0, &first.before));
    let other = plan_tuning(&profile(Profile::Power), &tuned, &first.before);
    assert_eq!(lines(&other)[0], "scaling_governor=powersave");
    let off = plan_tuning(&Tuning::default(), &done(&other, &tuned), &other.before);
    let after = done(&off, &done(&other, &tuned));
    let plain = |files: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        files
            .iter()
            .map(|(path, text)| (path.clone(), shown(text).to_owned()))
            .filter(|(path, _)| !path.contains("available"))
            .collect()
    };
    assert_eq!(plain(&after), plain(&start));
    assert!(off.before.is_empty());
}

#[test]
fn what_was_asked_for_by_its_name_must_be_had() {
    let asked = Performance {
        governor: Some("schedutil".parse().expect("a governor")),
        huge_pages: HugePages {
            of_2_mib: Some(512),
            of_1_gib: Some(2),
        },
        ksm: Some(Ksm {
            enabled: true,
            pages_to_scan: 1000,
            sleep_milliseconds: 50,
        }),
        ..Performance::default()
    };
    let plan = plan_tuning(&Tuning::of(&asked), &server(), &BTreeMap::new());
    assert_eq!(plan.problems.len(), 2, "{:?}", plan.problems);
    assert!(
        plan.problems[0].ends_with("takes performance, powersave and not schedutil"),
        "{:?}",
        plan.problems
    );
    assert!(plan.problems[1].contains("hugepages-1048576kB"));
    assert_eq!(
        lines(&plan),
        ["nr_hugepages=512", "pages_to_scan=1000", "sleep_millisecs=50", "run=1"]
    );
    assert!(mismatch(LARGE_PAGES, "8", "3").contains("3 instead of 8 huge pages of 1 GiB"));
}

#[test]
fn isolated_processors_are_the_machines_own() {
    let isolate = |cpus: &str| Tuning {
        isolated: Some(cpus.parse().expect("a list")),
        ..Tuning::default()
    };
    let plan = plan_tuning(&isolate("2-7"), &server(), &BTreeMap::new());
    assert_eq!(
        lines(&plan),
        [
            "slice:init.scope=0-1",
            "slice:system.slice=0-1",
            "slice:user.slice=0-1",
            "slice:machine.slice=2-7"
        ]
    );
    let off = plan_tuning(&Tuning::default(), &done(&plan, &server()), &plan.before);
    assert!(off.writes.iter().all(|write| write.value.is_empty()) && off.writes.len() == 4);
    for bad in ["0-7", "6-9"] {
        assert_eq!(
            plan_tuning(&isolate(bad), &server(), &BTreeMap::new()).problems.len(),
            1,
            "{bad}"
        );
    }
}

#[test]
fn the_file_says_the_same() {
    let asked = Performance {
        profile: Some(Profile::Power),
        governor: Some("performance".parse().expect("a governor")),
        isolated_cpus: Some("1,3-4".parse().expect("a list")),
        memory_overcommit: Some(150),
        ..Performance::default()
    };
    let tuning = Tuning::of(&asked);
    assert_eq!(Tuning::parse(&format!("# a comment\n{}", tuning.render())), tuning);
    assert_eq!(Tuning::of(&Performance::default()).render(), "");
}

#[test]
fn patterns_stay_within_a_name() {
    assert!(matches(
        "/sys/block/*/queue/scheduler",
        "/sys/block/sda/queue/scheduler"
    ));
    for other in [
        "/sys/block/a/b/queue/scheduler",
        "/sys/block/queue/scheduler",
        "/sys/block/sda/queue",
    ] {
        assert!(!matches("/sys/block/*/queue/scheduler", other), "{other}");
    }
    assert!(matches("/x/policy*", "/x/policy12") && !matches("/x/policy*", "/x/boost"));
}
