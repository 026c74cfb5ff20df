//! `corbel config`: the document that the node goes by. Whatever changes it is planned first and says so; who changes it from an older
//! one than the node has is told.

mod arguments;
mod edit;
mod show;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use corbel_client::Client;
use corbel_model::seed;
use corbel_node_api::{ConfigApplied, ConfigRequest, ConfigRollback};

use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Context, read_line};
pub(super) use arguments::ApplyOptions;
use arguments::{
    ApplyArgs, CertificateArgs, DiffArgs, GetArgs, PasswordArgs, RollbackArgs, SetArgs, UnsetArgs, ValidateArgs,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints the document, or one value of it
    Get(GetArgs),
    /// Sets one value, and makes the node so
    Set(SetArgs),
    /// Takes one value out, and makes the node so
    Unset(UnsetArgs),
    /// Opens the document in an editor, and makes the node what is saved
    Edit(ApplyOptions),
    /// Shows what differs between the node's document and a file, or an older one
    Diff(DiffArgs),
    /// Makes the node what a file says
    Apply(ApplyArgs),
    /// Lists the documents of the past
    History,
    /// Makes a document of the past the newest one
    Rollback(RollbackArgs),
    /// Checks a file without asking a node: every key, and whether the network makes sense
    Validate(ValidateArgs),
    /// Keeps the change of the network that waits
    Confirm,
    /// Takes the change of the network that waits back
    Undo,
    /// Prints the JSON schema of the document
    Schema,
    /// Has the node show a certificate of yours, or again one that it makes itself
    Certificate(CertificateArgs),
    /// Gives admin a new password, and warns of a weak one
    Password(PasswordArgs),
}

/// Runs one of the commands.
pub(crate) async fn run(command: ConfigCommand, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    match command {
        ConfigCommand::Validate(args) => return validate(&args.file, context),
        ConfigCommand::Get(args) => return show::get(&args, context).await,
        ConfigCommand::Diff(args) => return show::diff(&args, context).await,
        ConfigCommand::History => return show::history(context).await,
        _ => {}
    }
    let client = context.client()?;
    match command {
        ConfigCommand::Schema => printer.bytes(format!("{}\n", client.config_schema().await?).as_bytes()),
        ConfigCommand::Confirm => {
            let config = client.confirm_config().await?;
            let sentence = format!("kept as generation {}", config.generation);
            printer.done(&sentence, &config)
        }
        ConfigCommand::Undo => {
            let config = client.undo_config().await?;
            printer.done("taken back", &config)
        }
        ConfigCommand::Apply(args) => {
            let document = match args
                .file
                .to_str()
                .filter(|text| text.starts_with("http://") || text.starts_with("https://"))
            {
                Some(url) => fetched(url.to_owned()).await?,
                None => read(&args.file)?,
            };
            apply(&client, document, args.base, args.options, context).await
        }
        ConfigCommand::Set(args) => {
            let config = client.config().await?;
            let value = if args.value == "-" {
                standard_input()?
            } else {
                args.value
            };
            let document = seed::set(&config.document, &args.path, &value).map_err(refused)?;
            apply(&client, document, Some(config.generation), args.options, context).await
        }
        ConfigCommand::Unset(args) => {
            let config = client.config().await?;
            let document = seed::unset(&config.document, &args.path).map_err(refused)?;
            apply(&client, document, Some(config.generation), args.options, context).await
        }
        ConfigCommand::Certificate(args) => {
            let config = client.config().await?;
            let mut document = config.document;
            match &args.certificate {
                Some(file) => document = seed::set(&document, "tls.certificate", &read(file)?).map_err(refused)?,
                // There may be nothing to take out, which is as good.
                None => document = seed::unset(&document, "tls").unwrap_or(document),
            }
            if let Some(file) = &args.key {
                document = seed::set(&document, "tls.private_key", &read(file)?).map_err(refused)?;
            }
            apply(&client, document, Some(config.generation), args.options, context).await
        }
        ConfigCommand::Password(args) => {
            let password = match &args.file {
                Some(file) => read_line(file)?,
                None => ask::new_password(printer, "admin", "--file FILE")?,
            };
            let config = client.config().await?;
            let request = ConfigRequest {
                admin_password: Some(password),
                ..request(config.document, &args.options)
            };
            let applied = client.apply_config(Some(config.generation), &request).await?;
            tell(&client, applied, &args.options, context).await
        }
        ConfigCommand::Edit(options) => {
            let config = client.config().await?;
            match edit::edited(&config.document, printer).await? {
                Some(document) => apply(&client, document, Some(config.generation), options, context).await,
                None => {
                    printer.talk("nothing was changed");
                    Ok(())
                }
            }
        }
        ConfigCommand::Rollback(args) => {
            let config = client.config().await?;
            let request = ConfigRollback {
                generation: args.generation,
                dry_run: args.options.dry_run,
                confirm_seconds: Some(args.options.confirm_seconds),
            };
            let applied = client.rollback_config(Some(config.generation), &request).await?;
            tell(&client, applied, &args.options, context).await
        }
        // Answered above.
        ConfigCommand::Validate(_) | ConfigCommand::Get(_) | ConfigCommand::Diff(_) | ConfigCommand::History => Ok(()),
    }
}

pub(super) fn refused(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Exit::Refused, error)
}

/// Larger documents are refused by the node.
const LIMIT: u64 = 1 << 20;

fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let unreadable = |error| {
        Failure::new(
            Exit::Failed,
            anyhow::Error::new(error).context("cannot read standard input"),
        )
    };
    io::stdin()
        .lock()
        .take(LIMIT)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

/// The text of a file or of standard input.
fn read(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        return standard_input();
    }
    let bytes = corbel_sys::read_limited(path, LIMIT).map_err(|error| Failure::new(Exit::Failed, error))?;
    String::from_utf8(bytes).map_err(|_| Failure::say(Exit::Refused, format!("{} is not UTF-8 text", path.display())))
}

/// The text behind a URL.
async fn fetched(url: String) -> Result<String, Failure> {
    let fetching = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        corbel_fetch::fetch(&url, LIMIT, &mut bytes, &mut |_, _| {}, &corbel_sys::Cancel::new()).map(|_| bytes)
    });
    let fetched = fetching.await.map_err(|error| Failure::new(Exit::Failed, error))?;
    let bytes = fetched.map_err(|error| Failure::new(Exit::Failed, error))?;
    String::from_utf8(bytes).map_err(|_| Failure::say(Exit::Refused, "what came is not UTF-8 text"))
}

fn validate(file: &Path, context: &Context<'_>) -> Result<(), Failure> {
    let text = read(file)?;
    let named = |problem: String| Failure::say(Exit::Refused, format!("{}: {problem}", file.display()));
    let seed = seed::parse(&text).map_err(|error| named(error.to_string()))?;
    let problems: Vec<String> = corbel_plan::config::check(&seed, &[])
        .iter()
        .map(ToString::to_string)
        .collect();
    if !problems.is_empty() {
        return Err(named(problems.join("; ")));
    }
    let document = serde_json::json!({"valid": true});
    context.printer.done(
        "the document is right; whether it fits a machine, `corbel config apply --dry-run` says",
        &document,
    )
}

async fn apply(
    client: &Client,
    document: String,
    base: Option<u64>,
    options: ApplyOptions,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let applied = client.apply_config(base, &request(document, &options)).await?;
    tell(client, applied, &options, context).await
}

pub(super) fn request(document: String, options: &ApplyOptions) -> ConfigRequest {
    ConfigRequest {
        document,
        admin_password: None,
        user_passwords: BTreeMap::new(),
        dry_run: options.dry_run,
        confirm_seconds: Some(options.confirm_seconds),
        comment: options.comment.clone(),
    }
}

/// What was done or would be, and what is left to do.
pub(super) async fn tell(
    client: &Client,
    applied: ConfigApplied,
    options: &ApplyOptions,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let printer = context.printer;
    if options.dry_run {
        return if printer.json {
            printer.document(&applied)
        } else {
            show::plan(printer, &applied.plan, true)
        };
    }
    if !printer.json {
        show::plan(printer, &applied.plan, false)?;
    }
    let Some(pending) = &applied.pending else {
        let sentence = format!("saved as generation {}", applied.generation);
        return printer.done(&sentence, &applied);
    };
    if options.confirm {
        let generation = confirm(client, Duration::from_secs(pending.seconds_left)).await?;
        let sentence = format!("the node answers; kept as generation {generation}");
        return printer.done(
            &sentence,
            &ConfigApplied {
                generation,
                pending: None,
                ..applied
            },
        );
    }
    let sentence = format!(
        "done, and taken back in {} s unless you run: corbel config confirm",
        pending.seconds_left
    );
    printer.done(&sentence, &applied)
}

/// Until the node answers, as long as it waits. An answer of the node is one, also when it says that nothing waits.
async fn confirm(client: &Client, limit: Duration) -> Result<u64, Failure> {
    let trying = async {
        loop {
            match client.confirm_config().await {
                Ok(config) => return Ok(config.generation),
                // Of a certificate that is not known, a second look says the same.
                Err(error) if !error.is_unreachable() => return Err(Failure::from(error)),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    };
    tokio::time::timeout(limit, trying).await.unwrap_or_else(|_| {
        Err(Failure::say(
            Exit::Unreachable,
            "the node does not answer over the new network, and takes it back",
        ))
    })
}
