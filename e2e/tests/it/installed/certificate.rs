//! A certificate of one's own on an installed node: who knows its authority gets in by name and keeps it, one that nobody confirms is taken back,
//! and it outlives a power cut.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use corbel_client::{Client, ServerTrust, fetch_fingerprint};
use corbel_e2e::{Firmware, Node, Run, Server, Signed, until};
use corbel_node_api::{ConfigRequest, SlotName};

use super::DISK;

/// Where QEMU forwards the API of the node.
const HOST: &str = "127.0.0.1";
const COUNTDOWN: u32 = 15;

#[tokio::test]
async fn it_is_kept_by_who_knows_its_authority_and_taken_back_otherwise() -> anyhow::Result<()> {
    let run = Run::from_environment("certificate")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    let made = shown(&node).await?;
    let before = node.api().config().await?;
    let with = |signed: &Signed| ConfigRequest {
        document: format!(
            "{}\n[tls]\ncertificate = \"\"\"\n{}\"\"\"\nprivate_key = \"\"\"\n{}\"\"\"\n",
            before.document,
            signed.certificate.pem(),
            signed.key.serialize_pem()
        ),
        confirm_seconds: Some(COUNTDOWN),
        ..ConfigRequest::default()
    };

    // Whoever cannot check the new one cannot confirm it either.
    let lost = Signed::new(HOST)?;
    let applied = node.api().apply_config(Some(before.generation), &with(&lost)).await?;
    ensure!(applied.pending.is_some(), "{applied:?}");
    ensure!(shown(&node).await? != made, "the new certificate is not shown");
    ensure!(
        node.api().node().await.is_err(),
        "another certificate is taken for the pinned one"
    );
    until("the certificate to be taken back", node.limit(60), async || {
        Ok((shown(&node).await? == made).then_some(()))
    })
    .await?;
    ensure!(node.api().config().await?.document == before.document);

    let signed = Signed::new(HOST)?;
    node.api().apply_config(Some(before.generation), &with(&signed)).await?;
    let known = by_authority(&node, &signed.authority)?;
    let kept = known.confirm_config().await.context("confirming by name")?;
    ensure!(
        kept.pending.is_none() && kept.document.contains("BEGIN CERTIFICATE"),
        "{kept:?}"
    );
    ensure!(!kept.document.contains("PRIVATE KEY"), "the key is shown");
    let stranger = by_authority(&node, &lost.authority)?;
    ensure!(
        stranger.node().await.is_err(),
        "an authority that has not signed it is enough"
    );

    // The power fails.
    drop(node);
    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    let known = by_authority(&node, &signed.authority)?;
    known.node().await.context("by name, after the power was cut")?;

    let mut shell = node.root_shell()?;
    let modes = shell.text("stat -c %a /etc/corbel/tls.pem /config/secrets.*")?;
    ensure!(modes.lines().all(|mode| mode == "600"), "{modes}");
    shell.text("corbel config certificate --own --confirm-seconds 0")?;
    ensure!(
        shown(&node).await? == made,
        "the node's own certificate is another one now"
    );
    Ok(())
}

async fn shown(node: &Node) -> anyhow::Result<String> {
    let fingerprint = fetch_fingerprint(&node.remote(), Duration::from_secs(10)).await?;
    Ok(fingerprint.to_string())
}

fn by_authority(node: &Node, authority: &str) -> anyhow::Result<Client> {
    let client = Client::remote(node.remote(), ServerTrust::Authority(authority.into()))?;
    let identity = node.identity();
    Ok(client.with_identity(identity.certificate().into(), identity.key().into())?)
}
