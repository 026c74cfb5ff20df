//! `corbel user`: named users of the API. Each is an entry of the document, so that all of it can be done there too; what is here saves
//! making hashes by hand.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use corbel_model::access::{Role, TokenHash};
use corbel_model::seed;
use corbel_model::users::{User, UserName};
use corbel_node_api::ConfigRequest;
use serde_json::{Value, json};

use super::config::{ApplyOptions, refused, request, tell};
use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Context, read_line, read_text};
use crate::table::{self, Column};

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Lists the named users, their roles and what proves who they are; admin is built in and in no list
    List,
    /// Makes a user, and asks for a password where nothing else proves who it is
    Add(AddArgs),
    /// Gives a user another role, password, certificate or token
    Set(SetArgs),
    /// Removes a user, who is refused from the next request on
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[arg(value_name = "NAME", help = "1 to 32 of a-z, 0-9, _ and -, and a letter first")]
    name: UserName,
    #[arg(
        long,
        value_name = "ROLE",
        help = "What the user may do: viewer looks, operator runs machines, admin does all"
    )]
    role: Role,
    #[command(flatten)]
    proofs: Proofs,
    #[command(flatten)]
    options: ApplyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    #[arg(value_name = "NAME")]
    name: UserName,
    /// What the user may do: viewer looks, operator runs machines, admin does all
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// Ask for a new password
    #[arg(long, conflicts_with = "password_from")]
    new_password: bool,
    #[command(flatten)]
    proofs: Proofs,
    #[command(flatten)]
    options: ApplyOptions,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[arg(value_name = "NAME")]
    name: UserName,
    #[command(flatten)]
    options: ApplyOptions,
}

/// What shall prove who the user is.
#[derive(Debug, Args)]
struct Proofs {
    /// Take a new password from the first line of a file
    #[arg(long, value_name = "FILE")]
    password_from: Option<PathBuf>,
    /// The user's client certificate, as a PEM block
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Make a new token and print it this once; the node keeps only its hash
    #[arg(long)]
    make_token: bool,
}

impl Proofs {
    fn is_empty(&self) -> bool {
        self.password_from.is_none() && self.certificate.is_none() && !self.make_token
    }
}

/// Runs one of the commands.
pub(crate) async fn run(command: UserCommand, context: &Context<'_>) -> Result<(), Failure> {
    match command {
        UserCommand::List => list(context).await,
        UserCommand::Add(args) => {
            let change = Change {
                new: true,
                user: args.name,
                role: Some(args.role),
                asks: args.proofs.is_empty(),
                proofs: args.proofs,
            };
            change.make(&args.options, context).await
        }
        UserCommand::Set(args) => {
            if args.role.is_none() && !args.new_password && args.proofs.is_empty() {
                return Err(Failure::usage(
                    "nothing to set: give --role, --new-password, --password-from, --certificate or --make-token",
                ));
            }
            let change = Change {
                new: false,
                user: args.name,
                role: args.role,
                asks: args.new_password,
                proofs: args.proofs,
            };
            change.make(&args.options, context).await
        }
        UserCommand::Delete(args) => {
            let client = context.client()?;
            let config = client.config().await?;
            find(&config.document, &args.name)?;
            let document = seed::unset(&config.document, &format!("users[{}]", args.name)).map_err(refused)?;
            let applied = client
                .apply_config(Some(config.generation), &request(document, &args.options))
                .await?;
            tell(&client, applied, &args.options, context).await
        }
    }
}

/// The users of a document, which is the node's and may be of another version.
fn users(document: &str) -> Result<Vec<User>, Failure> {
    seed::parse(document).map(|seed| seed.users).map_err(refused)
}

fn find(document: &str, user: &UserName) -> Result<(), Failure> {
    match users(document)?.iter().any(|listed| listed.name == *user) {
        true => Ok(()),
        false => Err(Failure::say(
            Exit::NotFound,
            format!("the user {user} does not exist: `corbel user list` shows who does"),
        )),
    }
}

async fn list(context: &Context<'_>) -> Result<(), Failure> {
    let config = context.client()?.config().await?;
    let users = users(&config.document)?;
    let has_password = |user: &User| config.user_passwords_set.iter().any(|name| name == user.name.as_str());
    if context.printer.json {
        let one = |user: &User| {
            json!({
                "name": user.name.as_str(),
                "role": user.role.as_str(),
                "password": has_password(user),
                "certificate": user.fingerprint.as_ref().map(|text| text.as_str()),
                "token": user.token.is_some(),
            })
        };
        let listed: Vec<Value> = users.iter().map(one).collect();
        return context.printer.document(&json!({ "users": listed }));
    }
    let columns = [Column::Text("NAME"), Column::Text("ROLE"), Column::Text("KNOWN BY")];
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            let proofs = [
                ("password", has_password(user)),
                ("certificate", user.fingerprint.is_some()),
                ("token", user.token.is_some()),
            ];
            let proofs: Vec<&str> = proofs.iter().filter(|(_, has)| *has).map(|(proof, _)| *proof).collect();
            let known = match proofs.is_empty() {
                true => "nothing, so nobody can be this user".to_owned(),
                false => proofs.join(", "),
            };
            (None, vec![user.name.to_string(), user.role.as_str().to_owned(), known])
        })
        .collect();
    let empty = "There are no named users; admin is built in. Make one: corbel user add NAME --role operator";
    table::print(context.printer, &columns, &rows, empty)
}

/// A user that is made or changed.
struct Change {
    new: bool,
    user: UserName,
    role: Option<Role>,
    /// For a password.
    asks: bool,
    proofs: Proofs,
}

impl Change {
    async fn make(self, options: &ApplyOptions, context: &Context<'_>) -> Result<(), Failure> {
        let user = &self.user;
        let client = context.client()?;
        let config = client.config().await?;
        match (self.new, find(&config.document, user)) {
            (true, Ok(())) => {
                let message = format!("the user {user} exists already: `corbel user set {user}` changes it");
                return Err(Failure::say(Exit::Refused, message));
            }
            (false, Err(failure)) => return Err(failure),
            _ => {}
        }
        let token = self.proofs.make_token.then(make_token).transpose()?;
        let document = self.written(config.document, token.as_deref())?;
        let password = match &self.proofs.password_from {
            Some(file) => Some(read_line(file)?),
            None if self.asks && !options.dry_run => Some(ask::new_password(
                context.printer,
                user.as_str(),
                "--password-from FILE",
            )?),
            None => None,
        };
        let request = ConfigRequest {
            user_passwords: password
                .map(|password| (user.to_string(), password))
                .into_iter()
                .collect(),
            ..request(document, options)
        };
        let applied = client.apply_config(Some(config.generation), &request).await?;
        let Some(token) = token.filter(|_| !options.dry_run) else {
            return tell(&client, applied, options, context).await;
        };
        let printer = context.printer;
        if printer.json {
            return printer.document(&json!({"user": user.as_str(), "token": token, "generation": applied.generation}));
        }
        tell(&client, applied, options, context).await?;
        printer.talk("the token, which is shown this once; CORBEL_TOKEN and --token-file take it:");
        printer.line(&token)
    }

    /// The document with what is in it of the change.
    fn written(&self, mut document: String, token: Option<&str>) -> Result<String, Failure> {
        let role = self.role.map(|role| ("role", role.as_str().to_owned()));
        let certificate = self.proofs.certificate.as_deref().map(read_text).transpose()?;
        let certificate = certificate.map(|pem| ("certificate", pem));
        let token = token.map(|token| ("token_sha256", TokenHash::of(token).as_str().to_owned()));
        for (key, value) in [role, certificate, token].into_iter().flatten() {
            document = seed::set(&document, &format!("users[{}].{key}", self.user), &value).map_err(refused)?;
        }
        Ok(document)
    }
}

/// 32 bytes of the system's randomness in hexadecimal digits.
fn make_token() -> Result<String, Failure> {
    let mut bytes = [0_u8; 32];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| {
        Failure::new(
            Exit::Failed,
            anyhow::Error::new(error).context("cannot read /dev/urandom"),
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
