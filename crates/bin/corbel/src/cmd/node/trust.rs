//! `corbel node trust`: shows a node's fingerprint, asks, and writes it down. Nothing is trusted by first use alone.

use std::time::Duration;

use clap::Args;
use corbel_client::{Endpoint, Fingerprint, RemoteHost, fetch_fingerprint};
use serde_json::json;

use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::nodes::{KnownNodes, shortest};
use crate::settings::Context;

#[derive(Debug, Args)]
#[command(after_long_help = "\
Compare the fingerprint with the one that the node's console shows. When it is known beforehand, give it by --fingerprint: \
then nobody is asked, and another certificate is refused.")]
pub(crate) struct TrustArgs {
    /// The node
    #[arg(value_name = "HOST[:PORT]")]
    host: RemoteHost,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Trust it although another certificate was trusted before
    #[arg(long)]
    replace: bool,
}

/// The longest wait for the node's certificate.
const LIMIT: Duration = Duration::from_secs(10);

/// Trusts a node.
pub(super) async fn run(args: &TrustArgs, context: &Context<'_>) -> Result<(), Failure> {
    let (printer, host) = (context.printer, shortest(&args.host));
    let mut nodes = KnownNodes::load()?;
    let actual = fetch_fingerprint(&args.host, LIMIT).await?;
    let endpoint = Endpoint::Remote(args.host.clone());

    let before = nodes.get(&args.host).map(|node| node.fingerprint.clone());
    let same = before
        .as_ref()
        .is_some_and(|text| text.parse::<Fingerprint>().is_ok_and(|known| known == actual));
    if let Some(expected) = context.connection.fingerprint
        && expected != actual
    {
        return Err(Failure::say(
            Exit::Unreachable,
            format!("{endpoint} shows certificate {actual}, but {expected} was expected: it is not trusted"),
        ));
    }
    if !same {
        if let Some(before) = before
            && !args.replace
        {
            let message = format!("{endpoint} shows certificate {actual}, but {before} is trusted");
            let advice =
                "if its certificate changed for a reason, compare it with the node's console and add --replace";
            return Err(Failure::say(Exit::Unreachable, message).hint(advice));
        }
        if context.connection.fingerprint.is_none() && !args.yes {
            printer.talk(&format!(
                "{endpoint} shows this certificate:\n\n  {actual}\n\nCompare it with the fingerprint on the node's console."
            ));
            ask::confirm(
                printer,
                &format!("Trust {host}?"),
                "--yes, or the --fingerprint that is expected",
            )
            .await?;
        }
        nodes.trust(&args.host, actual);
    }
    let path = nodes.save()?;
    let document = json!({"node": host, "fingerprint": actual.to_string(), "file": path});
    let sentence = if same {
        format!("{host} was trusted before, with the same certificate {actual}")
    } else {
        format!(
            "{host} is trusted with certificate {actual}, written to {}",
            path.display()
        )
    };
    printer.done(&sentence, &document)
}
