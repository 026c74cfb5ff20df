//! What a real collectd told, under our names.

use super::*;

const TOLD: &str = include_str!("../fake/figures.txt");

#[test]
fn a_real_answer_gets_the_names_of_the_field() {
    let text = write(TOLD, FiguresFormat::Prometheus);
    for line in [
        "# HELP corbel_cpu_seconds_total Time that a processor of the node spent in a mode.",
        "# TYPE corbel_cpu_seconds_total counter",
        "# TYPE corbel_memory_bytes gauge",
        "corbel_vm_memory_bytes{vm=\"web\",state=\"total\"} 2147483648",
        "corbel_vm_network_receive_bytes_total{vm=\"web\",interface=\"vnet0\"} 179570459173275",
        "corbel_vm_disk_read_bytes_total{vm=\"web\",disk=\"vda\"} 73400320",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} is missing in {text}");
    }
    assert!(
        text.contains("corbel_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} "),
        "{text}"
    );
    assert!(text.contains("\ncorbel_load1 "), "{text}");
    // Counts and times that collectd calls memory, too.
    assert!(
        !text.contains("last_update") && !text.contains("collectd") && !text.contains("EOF"),
        "{text}"
    );
}

#[test]
fn open_metrics_differ_in_head_and_end() {
    let text = write(TOLD, FiguresFormat::OpenMetrics);
    assert!(
        text.contains(
            "# TYPE corbel_cpu_seconds counter\n# UNIT corbel_cpu_seconds seconds\ncorbel_cpu_seconds_total{"
        )
    );
    assert!(
        text.contains("# TYPE corbel_disk_reads counter\ncorbel_disk_reads_total{"),
        "no unit of its own"
    );
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn every_family_stands_once_and_has_a_sentence() {
    for (at, family) in FAMILIES.iter().enumerate() {
        assert!(family.help.ends_with('.') && !family.help.contains('\n'), "{family:?}");
        assert!(
            family.name.starts_with("corbel_") && !family.name.ends_with("_total"),
            "{family:?}"
        );
        let again = FAMILIES[..at]
            .iter()
            .any(|other| other.name == family.name || other.from == family.from);
        assert!(!again, "{family:?}");
    }
}

#[test]
fn units_are_turned_without_noise_and_what_is_no_number_is_left_out() {
    let told = "collectd_cpu_total{cpu=\"0\",type=\"idle\"} 1661374 1\ncollectd_cpu_total{cpu=\"1\",type=\"idle\"} nan 1\n\
                collectd_virt_virt_cpu_total_total{virt=\"a\\\"b\"} 1500000000 1\ncollectd_disk_disk_ops_read_total{x=\"sda\"} 1 1\n";
    let text = write(told, FiguresFormat::Prometheus);
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        samples,
        [
            "corbel_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 16613.74",
            "corbel_vm_cpu_seconds_total{vm=\"a\\\"b\"} 1.5"
        ]
    );
    assert_eq!(write("# nothing\n", FiguresFormat::OpenMetrics), "");
}

#[tokio::test]
async fn a_collectd_that_is_away_is_one_sentence() {
    let mut facilities = crate::fake::FakeFacilities::default();
    facilities.figures = None;
    let hypervisor = Arc::new(corbel_virt::fake::Fake::with_vms(0));
    let system = Arc::new(crate::fake::FakeSystem::default());
    let agent = Agent::new(hypervisor, Arc::new(facilities), system, crate::Settings::node("0.0.0"));
    let error = agent
        .figures(FiguresFormat::Prometheus)
        .await
        .expect_err("away")
        .to_string();
    assert!(
        error.starts_with("collectd does not answer") && !error.contains('\n'),
        "{error}"
    );
}
