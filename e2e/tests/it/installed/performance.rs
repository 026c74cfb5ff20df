//! What a node is tuned for, on the real image: huge pages, KSM, a profile and processors for machines alone, read where the kernel says it;
//! refused, taken back, there again after a restart, and a machine that is not started because its memory is promised.

use anyhow::{Context as _, ensure};
use corbel_e2e::{Firmware, RootShell, Run, Server};
use corbel_node_api::{RebootRequest, SlotName};

use super::DISK;

const PAGES: &str = "cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

#[tokio::test]
async fn the_kernel_is_told_and_forgets_again() -> anyhow::Result<()> {
    let run = Run::from_environment("performance")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    let before = node.api().config().await?.document;
    let mut shell = node.root_shell()?;
    let swappiness = shell.text("cat /proc/sys/vm/swappiness")?;
    let cpus: u16 = shell.text("nproc")?.parse()?;

    // What this machine has not is named, and nothing is changed.
    for (lines, said) in [
        (
            "[performance]\nisolated_cpus = \"500\"\n",
            "performance.isolated_cpus: there is no processor 500",
        ),
        (
            "[performance.huge_pages]\nof_2_mib = \"64 GiB\"\n",
            "performance.huge_pages.of_2_mib: 64 GiB of huge pages leave less",
        ),
    ] {
        let error = node
            .configure(&format!("{before}\n{lines}"))
            .await
            .err()
            .context("refused")?
            .to_string();
        ensure!(error.contains(said), "{error}");
    }
    ensure!(shell.text(PAGES)? == "0");

    let isolated = if cpus > 1 { "isolated_cpus = \"1\"\n" } else { "" };
    let tuned = format!(
        "{before}\n[performance]\nprofile = \"latency\"\nmemory_overcommit = 10\n{isolated}\
         [performance.huge_pages]\nof_2_mib = \"32 MiB\"\n[performance.ksm]\nenabled = true\n"
    );
    node.configure(&tuned).await?;
    let is_tuned = |shell: &mut RootShell| -> anyhow::Result<()> {
        ensure!(shell.text(PAGES)? == "16");
        ensure!(shell.text("cat /sys/kernel/mm/ksm/run /sys/kernel/mm/ksm/pages_to_scan")? == "1\n1000");
        ensure!(shell.text("cat /proc/sys/vm/swappiness")? == "10");
        if cpus > 1 {
            let sets = shell.text("cat /sys/fs/cgroup/system.slice/cpuset.cpus")?;
            ensure!(
                sets == if cpus == 2 {
                    "0".to_owned()
                } else {
                    format!("0,2-{}", cpus - 1)
                },
                "{sets}"
            );
        }
        Ok(())
    };
    is_tuned(&mut shell)?;

    // A tenth of the node's memory is less than this machine has.
    let spec = serde_json::json!({ "name": "large", "memory": "512 MiB" });
    node.api().create_vm(&serde_json::from_value(spec)?).await?;
    let error = node.api().start_vm("large").await.err().context("it is not started")?;
    ensure!(
        error.to_string().contains("performance.memory_overcommit = 10"),
        "{error}"
    );
    drop(shell);

    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;
    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    let mut shell = node.root_shell()?;
    shell.text("systemctl start corbel-performance.service; systemctl is-active corbel-performance.service")?;
    is_tuned(&mut shell)?;

    node.configure(&before).await?;
    ensure!(shell.text(PAGES)? == "0");
    ensure!(shell.text("cat /sys/kernel/mm/ksm/run; cat /proc/sys/vm/swappiness")? == format!("0\n{swappiness}"));
    // On a machine of one processor there is no such file.
    ensure!(
        shell
            .text("cat /sys/fs/cgroup/system.slice/cpuset.cpus 2>/dev/null; true")?
            .is_empty()
    );
    node.api().start_vm("large").await?;
    Ok(())
}
