//! What a node sends and whom it lets in, on the real image: logs to a real rsyslog by TLS, figures to a real collectd that can decrypt them, both to
//! receivers of ours that see what is on the wire, figures at `/metrics`, and a firewall that shuts its owner out and takes that back.

use anyhow::{Context as _, ensure};
use corbel_e2e::receivers::{FigureReceiver, HOST, SyslogReceiver, encrypted_by, figures};
use corbel_e2e::servers::{CollectdServer, SyslogServer};
use corbel_e2e::{Firmware, Node, Run, Server, until};
use corbel_node_api::{RebootRequest, SlotName};

use super::DISK;
use super::configured::answers;

const PASSWORD: &str = "s3cr#t-of-beam";
/// collectd and exporter together, by the numbers: at most this much memory.
const MOST_COLLECTD_KIB: u64 = 30 << 10;

#[tokio::test]
async fn servers_get_logs_and_figures_and_the_firewall_lets_in_whom_it_shall() -> anyhow::Result<()> {
    let run = Run::from_environment("services")?;
    let plain = SyslogReceiver::start().await?;
    let secure = SyslogServer::start(&run, "logs.example.org")?;
    let ca = secure.authority();
    let collectd = FigureReceiver::start().await?;
    let decrypts = CollectdServer::start(&run, "beam", PASSWORD)?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    let spec = serde_json::json!({ "name": "counted", "memory": "64 MiB" });
    node.api().create_vm(&serde_json::from_value(spec)?).await?;
    node.api().start_vm("counted").await?;

    // Figures are there before anybody configured anything.
    until("figures of the machine", node.limit(60), async || {
        let told = node.api().figures().await.unwrap_or_default();
        let has = told.contains("corbel_vm_cpu_seconds_total{vm=\"counted\"}") && told.ends_with("\n# EOF\n");
        Ok(has.then_some(()))
    })
    .await?;

    let before = node.api().config().await?.document;
    let logging = format!(
        "\n[logging.journal]\nmax_size = \"200 MiB\"\n[[logging.remote]]\nserver = \"{HOST}\"\nport = {}\nprotocol = \"tcp\"\n\
         [[logging.remote]]\nserver = \"{HOST}\"\nport = {}\nprotocol = \"tls\"\npriority = \"err\"\n\
         certificate_name = \"logs.example.org\"\nca = \"\"\"\n{ca}\"\"\"\n",
        plain.port(),
        secure.port()
    );
    let monitoring = format!(
        "[monitoring.collectd]\nserver = \"{HOST}\"\nport = {}\ninterval = \"2 seconds\"\n",
        collectd.port()
    );
    set(&node, &format!("{before}{logging}{monitoring}")).await?;
    let mut shell = node.root_shell()?;
    shell.text("echo corbel-e2e-good | systemd-cat -p info; echo corbel-e2e-bad | systemd-cat -p err")?;
    got(&node, &plain, "corbel-e2e-good").await?;
    got(&node, &plain, "Command line:")
        .await
        .context("what the boot said")?;
    until("the message at the real server", node.limit(60), async || {
        let told = secure
            .messages()
            .iter()
            .any(|message| message.contains("corbel-e2e-bad"));
        Ok(told.then_some(()))
    })
    .await?;
    let secured = secure.messages();
    ensure!(
        !secured.iter().any(|message| message.contains("corbel-e2e-good")),
        "below its priority: {secured:?}"
    );
    ensure!(secured.iter().all(|message| message.contains(" beam ")), "{secured:?}");
    ensure!(shell.text("systemd-analyze cat-config systemd/journald.conf | grep -c SystemMaxUse=209715200")? == "1");

    until("figures in the clear", node.limit(60), async || {
        let packets = collectd.packets();
        let mut told = packets.iter().flat_map(|packet| figures(packet));
        Ok(told
            .any(|figure| figure.host == "beam" && figure.plugin == "virt" && figure.instance == "counted")
            .then_some(()))
    })
    .await?;
    let security = format!("security = \"encrypt\"\nuser = \"beam\"\npassword = \"{PASSWORD}\"\n");
    set(&node, &format!("{before}{logging}{monitoring}{security}")).await?;
    until("encrypted figures", node.limit(60), async || {
        let packets = collectd.packets();
        Ok(packets
            .iter()
            .any(|packet| encrypted_by(packet).as_deref() == Some("beam"))
            .then_some(()))
    })
    .await?;
    let to_the_other = monitoring.replace(&collectd.port().to_string(), &decrypts.port().to_string());
    set(&node, &format!("{before}{logging}{to_the_other}{security}")).await?;
    until("figures that the real server decrypts", node.limit(60), async || {
        let told = decrypts.told_by("beam");
        Ok(told.iter().any(|of| of == "virt-counted").then_some(()))
    })
    .await?;
    ensure!(
        !node.api().config().await?.document.contains(PASSWORD),
        "the password is shown"
    );
    let shown = shell.text("{ corbel config get; corbel config history; cat /run/corbel/settle.json; journalctl --boot --no-pager; } | grep -F s3cr; true")?;
    ensure!(shown.is_empty(), "the password is in {shown}");
    let memory = shell.text("awk '/^Pss:/ { print $2 }' /proc/$(systemctl show -P MainPID collectd)/smaps_rollup")?;
    ensure!(
        memory.parse::<u64>()? <= MOST_COLLECTD_KIB,
        "collectd takes {memory} KiB"
    );

    // Nobody of ours has such an address.
    let shut = "corbel config set firewall.api.sources '[\"198.51.100.0/24\"]' --confirm-seconds 15";
    shell.text(shut)?;
    ensure!(!answers(&node).await, "the node still answers");
    until("the change to be taken back", node.limit(90), async || {
        Ok(answers(&node).await.then_some(()))
    })
    .await?;
    shell.text("corbel config set firewall.api.sources '[\"10.0.2.0/24\"]' --confirm")?;
    ensure!(answers(&node).await, "we are let in");
    ensure!(shell.text("systemctl is-active collectd rsyslog")? == "active\nactive");
    drop(shell);

    let sent = plain.messages().len();
    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;
    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    until("the next boot's messages", node.limit(60), async || {
        let messages = plain.messages();
        let of_boot = messages
            .iter()
            .skip(sent)
            .any(|message| message.contains("Command line:"));
        Ok(of_boot.then_some(()))
    })
    .await?;

    // And nothing of it runs when nobody asks for it.
    set(&node, &format!("{before}\n[monitoring.collectd]\nenabled = false\n")).await?;
    let mut shell = node.root_shell()?;
    let state = shell.run("systemctl is-active collectd rsyslog", node.limit(10))?.text;
    ensure!(state.trim() == "inactive\ninactive", "{state}");
    let error = node.api().figures().await.err().context("no figures")?;
    ensure!(error.to_string().contains("monitoring.collectd.enabled"), "{error}");
    Ok(())
}

/// Makes this the configuration, without a warning.
async fn set(node: &Node, document: &str) -> anyhow::Result<()> {
    let applied = node.configure(document).await?;
    ensure!(applied.plan.warnings.is_empty(), "{applied:?}");
    Ok(())
}

async fn got(node: &Node, receiver: &SyslogReceiver, text: &str) -> anyhow::Result<()> {
    until(&format!("the message {text:?}"), node.limit(60), async || {
        Ok(receiver
            .messages()
            .iter()
            .any(|message| message.contains(text))
            .then_some(()))
    })
    .await
}
