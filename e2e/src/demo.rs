//! The demo guest in a node: a kernel and an initrd that the image's build made, which say something that only they can say.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use corbel_client::Client;
use corbel_node_api::{DirectBoot, VmDetail, VmSpec};

use crate::{Image, Node};

/// The guest's name in the node.
pub const NAME: &str = "demo";
const KERNEL: &str = "demo-kernel";
const INITRD: &str = "demo-initrd";
/// The guest's last line before it waits; from then on it obeys the power button.
const READY: &str = "corbel-demo: ready";
const MIB: u64 = 1 << 20;

/// A demo guest that was started.
#[derive(Debug)]
pub struct Demo {
    /// What the guest printed until it said its sentence.
    pub said: String,
    /// How the node describes it.
    pub vm: VmDetail,
}

impl Demo {
    /// Uploads, creates and starts the guest, and waits until it has printed the reverse of `nonce`, which only a kernel
    /// that got our command line can know.
    ///
    /// # Errors
    /// When one of these fails or the guest stays silent.
    pub async fn run(node: &Node, image: &Image, nonce: &str) -> anyhow::Result<Self> {
        Self::run_with(node, image, nonce, |_| ()).await
    }

    /// The same after `change` has seen the guest's specification.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_with(
        node: &Node,
        image: &Image,
        nonce: &str,
        change: impl FnOnce(&mut VmSpec),
    ) -> anyhow::Result<Self> {
        upload(node, image).await?;
        let mut spec = spec(nonce)?;
        change(&mut spec);
        node.api().create_vm(&spec).await.context("cannot create the demo VM")?;
        Self::start(node, nonce).await
    }

    /// Starts a guest that was created before.
    ///
    /// # Errors
    /// When it does not start or stays silent.
    pub async fn start(node: &Node, nonce: &str) -> anyhow::Result<Self> {
        node.api().start_vm(NAME).await.context("cannot start the demo VM")?;
        let said = listen(node.api(), NAME, &[&sentence(nonce), READY], node.limit(60)).await?;
        let vm = node.api().vm(NAME).await.context("cannot look at the demo VM")?;
        Ok(Self { said, vm })
    }
}

/// What the guest says when it was given this nonce.
pub fn sentence(nonce: &str) -> String {
    let reversed: String = nonce.chars().rev().collect();
    format!("corbel-demo: hello from inside the guest, nonce={reversed}")
}

fn spec(nonce: &str) -> anyhow::Result<VmSpec> {
    // By JSON, as any program outside would do it.
    let direct_boot = DirectBoot {
        kernel: KERNEL.to_owned(),
        initrd: Some(INITRD.to_owned()),
        command_line: format!("console=ttyS0 quiet nonce={nonce}"),
    };
    let spec = serde_json::json!({ "name": NAME, "memory": "128 MiB", "direct_boot": direct_boot });
    Ok(serde_json::from_value(spec)?)
}

/// Uploads the guest's kernel and initrd, and gives the names of their volumes.
///
/// # Errors
/// When the image has none, or the node does not take them.
pub async fn upload(node: &Node, image: &Image) -> anyhow::Result<[&'static str; 2]> {
    upload_file(node.api(), KERNEL, &image.demo_guest("kernel")?).await?;
    upload_file(node.api(), INITRD, &image.demo_guest("initrd")?).await?;
    Ok([KERNEL, INITRD])
}

async fn upload_file(api: &Client, name: &str, file: &Path) -> anyhow::Result<()> {
    let source = tokio::fs::File::open(file)
        .await
        .with_context(|| format!("cannot open {}", file.display()))?;
    let size = source.metadata().await?.len();
    let uploaded = api.upload_volume(name, size, source, |_| {}).await;
    uploaded.with_context(|| format!("cannot upload {} ({} MiB)", file.display(), size / MIB))?;
    Ok(())
}

/// Reads the guest's serial console through the API until it has printed a whole line with each of `texts`, and fails with what was printed.
async fn listen(api: &Client, name: &str, texts: &[&str], limit: Duration) -> anyhow::Result<String> {
    let mut console = api
        .console(name)
        .await
        .with_context(|| format!("cannot open the console of {name}"))?;
    let mut printed = String::new();
    let listening = async {
        while !texts.iter().all(|text| has_line_with(&printed, text)) {
            match console
                .output
                .next()
                .await
                .with_context(|| format!("the console of {name} broke"))?
            {
                Some(bytes) => printed.push_str(&String::from_utf8_lossy(&bytes)),
                None => bail!("the console of {name} ended; it printed {printed:?}"),
            }
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(limit, listening).await {
        Ok(result) => result.map(|()| printed),
        Err(_) => bail!(
            "{name} did not print {texts:?} in {} s; it printed {printed:?}",
            limit.as_secs()
        ),
    }
}

/// Whether the line that `text` is in has ended: what is shown to a person is not cut.
fn has_line_with(printed: &str, text: &str) -> bool {
    printed
        .split_once(text)
        .is_some_and(|(_, behind)| behind.contains('\n'))
}
