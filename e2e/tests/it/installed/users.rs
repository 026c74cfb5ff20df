//! Named users at the API of an installed node: what each may, from the next request on, and after a power cut too.

use anyhow::{Context as _, bail, ensure};
use corbel_client::{Client, ClientError};
use corbel_e2e::{Node, RootShell};
use corbel_node_api::ErrorKind;

const PASSWORD: &str = "plum-Tr3e!";

/// Makes a viewer, who becomes an operator. `vm` runs.
pub(super) async fn come(node: &Node, shell: &mut RootShell, vm: &str) -> anyhow::Result<()> {
    shell.text(&format!("printf '{PASSWORD}\\n' > /run/password"))?;
    shell.text("corbel user add ada --role viewer --password-from /run/password")?;
    let ada = node.as_user("ada", PASSWORD).await?;
    ensure!(ada.vms().await?.iter().any(|listed| listed.name == vm));
    refused(&ada, vm, ErrorKind::Forbidden).await?;
    let stranger = node.as_user("ada", "plum-tree").await?;
    refused(&stranger, vm, ErrorKind::Unauthorized).await?;
    // It runs already, which an operator is told and a viewer is not.
    shell.text("corbel user set ada --role operator")?;
    refused(&ada, vm, ErrorKind::Conflict).await?;
    let kept = shell.text("grep -l plum-Tr3e /config/*.toml /config/history/* /etc/corbel/* || true")?;
    ensure!(kept.is_empty(), "the password is in {kept}");
    let open = shell.text("stat -c %a /etc/corbel/access.toml /config/secrets.*")?;
    ensure!(open.lines().all(|mode| mode == "600"), "{open}");
    Ok(())
}

/// She is who she was, until she is taken out.
pub(super) async fn go(node: &Node, shell: &mut RootShell, vm: &str) -> anyhow::Result<()> {
    let ada = node.as_user("ada", PASSWORD).await?;
    ensure!(
        ada.vms().await?.iter().any(|listed| listed.name == vm),
        "ada outlived the power cut"
    );
    shell.text("corbel user delete ada")?;
    refused(&ada, vm, ErrorKind::Unauthorized).await?;
    let kept = shell.text("grep -l user_password_hashes /config/secrets.* || true")?;
    ensure!(kept.is_empty(), "the hash of who is gone is still in {kept}");
    Ok(())
}

async fn refused(client: &Client, vm: &str, kind: ErrorKind) -> anyhow::Result<()> {
    match client.start_vm(vm).await {
        Err(ClientError::Api(error)) if error.kind == kind => Ok(()),
        Err(other) => Err(other).with_context(|| format!("not refused as {kind:?}")),
        Ok(_) => bail!("started by whom it should refuse as {kind:?}"),
    }
}
