//! Storage of other machines on the real image: the node logs in at a target that its own kernel serves, sees one disk through two paths, finds it
//! again after a reboot, and forgets it by a rollback. What cannot be reached or let in leaves everything as it was.

use anyhow::{Context as _, bail, ensure};
use corbel_e2e::{Firmware, Node, RootShell, Run, Server, until};
use corbel_node_api::{ConfigRollback, IdentifyRequest, PingRequest, RebootRequest, SlotName};

use super::DISK;

const TARGET: &str = "iqn.2004-10.org.example:disks";
const INITIATOR: &str = "iqn.2004-10.org.example:beam";
pub(super) const PASSWORD: &str = "s3cr#t-of-beam";

/// A piece of memory as a unit of the kernel's own target, by configfs (kernel documentation, target/tcm_mod_builder): two
/// portals, and one initiator that has to prove itself.
fn target() -> Vec<String> {
    const DIR: &str = "/sys/kernel/config/target";
    let core = format!("{DIR}/core/rd_mcp_0/disk");
    let group = format!("{DIR}/iscsi/{TARGET}/tpgt_1");
    let acl = format!("{group}/acls/{INITIATOR}");
    vec![
        "modprobe -a target_core_mod iscsi_target_mod".into(),
        "mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config".into(),
        format!("mkdir -p {core}"),
        format!("echo rd_pages=4096 > {core}/control"),
        format!("echo e2e-0001 > {core}/wwn/vpd_unit_serial"),
        format!("echo 1 > {core}/enable"),
        format!("mkdir -p {DIR}/iscsi && mkdir -p {group}"),
        format!("mkdir {group}/np/127.0.0.1:3260 {group}/np/127.0.0.2:3260"),
        format!("mkdir {group}/lun/lun_0 && ln -s {core} {group}/lun/lun_0/disk"),
        format!("echo 1 > {group}/attrib/authentication"),
        format!("mkdir {acl} && echo -n node1 > {acl}/auth/userid && echo -n '{PASSWORD}' > {acl}/auth/password"),
        format!("mkdir {acl}/lun_0 && ln -s {group}/lun/lun_0 {acl}/lun_0/disk"),
        format!("echo 1 > {group}/enable"),
    ]
}

pub(super) fn serve(shell: &mut RootShell) -> anyhow::Result<()> {
    for command in target() {
        shell.text(&command).with_context(|| command.clone())?;
    }
    Ok(())
}

pub(super) fn section(portals: &str, password: Option<&str>) -> String {
    let password = password.map(|password| format!("chap_password = \"{password}\"\n"));
    format!(
        "[storage_access.iscsi]\ninitiator = \"{INITIATOR}\"\n[[storage_access.iscsi.target]]\nname = \"{TARGET}\"\nportals = [{portals}]\n\
         chap_user = \"node1\"\n{}",
        password.unwrap_or_default()
    )
}

#[tokio::test]
async fn a_target_is_there_through_two_paths_and_after_a_reboot() -> anyhow::Result<()> {
    let run = Run::from_environment("storage-access")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    let mut shell = node.root_shell()?;
    ensure!(
        shell
            .run("systemctl is-active iscsid multipathd rpcbind", node.limit(10))?
            .text
            .trim()
            == "inactive\ninactive\ninactive",
        "nothing runs when nobody asks for it"
    );
    let before = node.api().config().await?;
    serve(&mut shell)?;

    let refused = async |section: String| -> anyhow::Result<String> {
        match node.configure(&format!("{}\n{section}", before.document)).await {
            Ok(_) => bail!("it was not refused"),
            Err(error) => Ok(format!("{error:#}")),
        }
    };
    let away = refused(section("\"127.0.0.1:3999\"", Some(PASSWORD))).await?;
    ensure!(away.contains("the portal 127.0.0.1:3999 cannot be reached"), "{away}");
    let wrong = refused(section("\"127.0.0.1\"", Some("wrong-password"))).await?;
    ensure!(wrong.contains("chap_user or chap_password is not right"), "{wrong}");
    let export = "[[storage_access.nfs.mount]]\nname = \"nas\"\nserver = \"127.0.0.1\"\npath = \"/srv\"\n";
    let away = refused(export.into()).await?;
    ensure!(away.contains("the NFS server 127.0.0.1 cannot be reached"), "{away}");
    ensure!(node.api().config().await?.generation == before.generation);
    ensure!(node.api().iscsi().await?.sessions.is_empty());

    node.configure(&format!(
        "{}\n{}",
        before.document,
        section("\"127.0.0.1\"", Some(PASSWORD))
    ))
    .await?;
    logged_in(&node, 1).await?;
    let info = node.api().iscsi().await?;
    ensure!(info.initiator.as_deref() == Some(INITIATOR), "{info:?}");
    let shown = shell.text("{ corbel config get; corbel config history; journalctl --boot --no-pager; cat /proc/[0-9]*/cmdline; } | grep -a 's3[c]r'; true")?;
    ensure!(shown.is_empty(), "the password is in {shown}");

    // The password stays though the document does not say it any more.
    let both = section("\"127.0.0.1\", \"127.0.0.2\"", None) + "[storage_access.multipath]\nenabled = true\n";
    node.configure(&format!("{}\n{both}", before.document)).await?;
    logged_in(&node, 2).await?;
    two_paths(&node).await?;
    diagnostics(&node).await?;
    drop(shell);

    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;
    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    let mut shell = node.root_shell()?;
    ensure!(node.api().iscsi().await?.sessions.is_empty(), "nobody serves yet");
    serve(&mut shell)?;
    logged_in(&node, 2).await?;
    two_paths(&node).await?;

    // Multipath is let go of before its paths are.
    shell.text("multipath -F")?;
    let back = ConfigRollback {
        generation: Some(before.generation),
        confirm_seconds: Some(0),
        ..ConfigRollback::default()
    };
    let now = node.api().config().await?.generation;
    node.api().rollback_config(Some(now), &back).await?;
    let left = node.api().iscsi().await?.sessions;
    ensure!(left.is_empty(), "{left:?}");
    ensure!(
        shell
            .run("systemctl is-active iscsid multipathd", node.limit(10))?
            .text
            .trim()
            == "inactive\ninactive"
    );
    Ok(())
}

/// What an operator looks at when something is wrong.
async fn diagnostics(node: &Node) -> anyhow::Result<()> {
    for host in ["127.0.0.1", "::1", "localhost"] {
        let request = PingRequest {
            host: host.into(),
            count: 2,
        };
        let echoes = node.api().ping(&request).await?.echoes;
        let answered = echoes.iter().filter(|echo| echo.microseconds.is_some()).count();
        ensure!(answered == 2, "{host}: {echoes:?}");
    }
    let nobody = PingRequest {
        host: "198.51.100.77".into(),
        count: 1,
    };
    let echoes = node.api().ping(&nobody).await?.echoes;
    ensure!(echoes.iter().all(|echo| echo.problem.is_some()), "{echoes:?}");
    // Whether there is one is the emulator's; that it is told is ours.
    node.api().iommu().await?;
    ensure!(node.api().plugins().await?.plugins.is_empty());
    let links = node.api().links().await?.links;
    let link = links.iter().find(|link| link.physical).context("a card")?;
    let request = IdentifyRequest { seconds: 1 };
    if let Err(error) = node.api().identify_link(&link.name, &request).await {
        ensure!(error.to_string().contains("cannot let its lamps blink"), "{error}");
    }
    Ok(())
}

async fn logged_in(node: &Node, count: usize) -> anyhow::Result<()> {
    until(
        &format!("{count} sessions with their disks"),
        node.limit(90),
        async || {
            let sessions = node.api().iscsi().await?.sessions;
            let good = sessions
                .iter()
                .filter(|session| session.state == "LOGGED_IN" && !session.disks.is_empty());
            Ok((good.count() == count && sessions.len() == count).then_some(()))
        },
    )
    .await
}

async fn two_paths(node: &Node) -> anyhow::Result<()> {
    until("one disk through two paths", node.limit(90), async || {
        let list = node.api().multipath().await?;
        let two = list.devices.iter().any(|device| {
            let ready = device.paths.iter().filter(|path| path.check == "ready").count();
            ready == 2
        });
        Ok(two.then_some(()))
    })
    .await
}
