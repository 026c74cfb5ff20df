//! What the connection arguments mean: flag before environment before the file of known nodes before the local socket.
//! Decided in one place ([`ConnectionArgs::resolve`]), without touching a file.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use corbel_client::{Client, Credentials, Fingerprint, RemoteHost, ServerTrust};
use corbel_node_api::SOCKET_PATH;

use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::nodes::{KnownNodes, shortest};
use crate::printer::Printer;

/// Tokens, certificates and keys are small; a device or a disk image is a mistake.
const SECRET_MAX: u64 = 1 << 20;

/// Which node, and who is asking, as typed or as set in the environment.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The node to talk to; without it, this machine [env: CORBEL_NODE]
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    pub(crate) node: Option<RemoteHost>,

    /// Socket of the node on this machine [env: CORBEL_SOCKET]
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "node")]
    pub(crate) socket: Option<PathBuf>,

    /// Trust the certificate with this fingerprint, as the node's console shows it
    #[arg(
        long,
        global = true,
        value_name = "sha256:HEX",
        env = "CORBEL_FINGERPRINT",
        hide_env_values = true
    )]
    pub(crate) fingerprint: Option<Fingerprint>,

    /// Trust certificates of these authorities (PEM)
    #[arg(long, global = true, value_name = "FILE", env = "CORBEL_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,

    /// Client certificate that the node knows (PEM)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CORBEL_CERT",
        hide_env_values = true
    )]
    pub(crate) cert: Option<PathBuf>,

    /// Key of the client certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", env = "CORBEL_KEY", hide_env_values = true)]
    pub(crate) key: Option<PathBuf>,

    /// File with the token to show to the node [env: CORBEL_TOKEN holds the token itself]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// The user whose password is given or asked for, admin when left out [env: CORBEL_USER]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "token_file")]
    pub(crate) user: Option<String>,

    /// File with the password of the user
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "token_file")]
    pub(crate) password_file: Option<PathBuf>,

    /// Ask for the password of the user
    #[arg(long, global = true, conflicts_with_all = ["token_file", "password_file"])]
    pub(crate) ask_password: bool,
}

/// The user whose password it is where nobody said another.
const USER: &str = "admin";

/// The arguments as meant.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    Local(PathBuf),
    Remote {
        remote: RemoteHost,
        trust: Trust,
        identity: Option<(PathBuf, PathBuf)>,
        secret: Option<Secret>,
    },
}

#[derive(Debug, PartialEq, Eq)]
enum Trust {
    Pinned(Fingerprint),
    Authority(PathBuf),
}

#[derive(Debug, PartialEq, Eq)]
enum Secret {
    TokenFile(PathBuf),
    Token(String),
    PasswordFile { user: String, file: PathBuf },
    AskPassword { user: String },
}

/// What the environment says. The two places of a node are here and not with clap, so that a flag for the one beats a
/// variable for the other.
#[derive(Debug, Default)]
struct Environment {
    node: Option<String>,
    socket: Option<PathBuf>,
    token: Option<String>,
    user: Option<String>,
}

impl Environment {
    fn read() -> Self {
        let text = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            node: text("CORBEL_NODE"),
            socket: text("CORBEL_SOCKET").map(Into::into),
            token: text("CORBEL_TOKEN"),
            user: text("CORBEL_USER"),
        }
    }
}

impl ConnectionArgs {
    /// The node that is meant, or the socket.
    fn place(&self, environment: &Environment) -> Result<Result<RemoteHost, PathBuf>, Failure> {
        if let Some(remote) = &self.node {
            return Ok(Ok(remote.clone()));
        }
        if let Some(socket) = self.socket.as_ref().or(environment.socket.as_ref()) {
            return Ok(Err(socket.clone()));
        }
        match &environment.node {
            Some(text) => match text.parse::<RemoteHost>() {
                Ok(remote) => Ok(Ok(remote)),
                Err(error) => Err(Failure::new(
                    Exit::Usage,
                    anyhow::Error::new(error).context("CORBEL_NODE"),
                )),
            },
            None => Ok(Err(SOCKET_PATH.into())),
        }
    }

    /// Decides. `nodes` is asked only for a node from afar: who talks to the own machine needs no home folder.
    fn resolve(
        &self,
        nodes: impl FnOnce() -> Result<KnownNodes, Failure>,
        environment: Environment,
    ) -> Result<Meant, Failure> {
        let remote = match self.place(&environment)? {
            Ok(remote) => remote,
            Err(socket) => return Ok(Meant::Local(socket)),
        };
        let (remote, nodes, token) = (&remote, nodes()?, environment.token);
        let known = nodes.get(remote);
        let trust = match (&self.fingerprint, &self.ca, known) {
            (Some(_), Some(_), _) => return Err(Failure::usage("give one of --fingerprint and --ca, not both")),
            (Some(fingerprint), None, _) => Trust::Pinned(*fingerprint),
            (None, Some(file), _) => Trust::Authority(file.clone()),
            (None, None, Some(known)) => Trust::Pinned(known.fingerprint.parse().map_err(|error| {
                let error = anyhow::Error::new::<corbel_client::FingerprintError>(error);
                Failure::new(
                    Exit::Failed,
                    error.context(format!("{} in the file of known nodes", shortest(remote))),
                )
            })?),
            (None, None, None) => {
                let host = shortest(remote);
                return Err(Failure::say(Exit::Unreachable, format!("{host} is not trusted yet"))
                    .hint(format!("run: corbel node trust {host}")));
            }
        };
        let cert = self.cert.clone().or_else(|| known.and_then(|node| node.cert.clone()));
        let key = self.key.clone().or_else(|| known.and_then(|node| node.key.clone()));
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err(Failure::usage("--cert needs --key, the file with its key")),
            (None, Some(_)) => return Err(Failure::usage("--key needs --cert, the file with its certificate")),
        };
        let user = self.user.clone().or(environment.user).unwrap_or(USER.to_owned());
        let secret = if let Some(file) = &self.token_file {
            Some(Secret::TokenFile(file.clone()))
        } else if let Some(file) = &self.password_file {
            Some(Secret::PasswordFile {
                user,
                file: file.clone(),
            })
        } else if self.ask_password || self.user.is_some() {
            Some(Secret::AskPassword { user })
        } else if let Some(token) = token {
            Some(Secret::Token(token))
        } else {
            known.and_then(|node| node.token_file.clone()).map(Secret::TokenFile)
        };
        Ok(Meant::Remote {
            remote: remote.clone(),
            trust,
            identity,
            secret,
        })
    }
}

/// What every command that talks to a node is given.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) connection: ConnectionArgs,
    pub(crate) printer: &'a Printer,
}

impl<'a> Context<'a> {
    pub(crate) fn new(connection: ConnectionArgs, printer: &'a Printer) -> Self {
        Self { connection, printer }
    }

    /// The client of the node that is meant. Reads the files that say who is asking.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        match self.connection.resolve(KnownNodes::load, Environment::read())? {
            Meant::Local(path) => Ok(Client::local(path)),
            Meant::Remote {
                remote,
                trust,
                identity,
                secret,
            } => {
                let trust = match trust {
                    Trust::Pinned(fingerprint) => ServerTrust::Pinned(fingerprint),
                    Trust::Authority(file) => ServerTrust::Authority(read(&file)?),
                };
                let mut client = Client::remote(remote, trust)?;
                if let Some((cert, key)) = identity {
                    client = client.with_identity(read(&cert)?, read(&key)?)?;
                }
                if let Some(secret) = secret {
                    client = client.with_credentials(&self.credentials(secret)?)?;
                }
                Ok(client)
            }
        }
    }

    fn credentials(&self, secret: Secret) -> Result<Credentials, Failure> {
        Ok(match secret {
            Secret::Token(token) => Credentials::Bearer(token.trim().to_owned()),
            Secret::TokenFile(file) => Credentials::Bearer(read_line(&file)?),
            Secret::PasswordFile { user, file } => Credentials::Basic {
                user,
                password: read_line(&file)?,
            },
            Secret::AskPassword { user } => {
                let password = ask::password(self.printer, &user, "--password-file FILE")?;
                Credentials::Basic { user, password }
            }
        })
    }
}

/// A small file as it is.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    corbel_sys::read_limited(file, SECRET_MAX).map_err(|e| Failure::new(Exit::Failed, e))
}

/// A small file as text.
pub(crate) fn read_text(file: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(read(file)?).with_context(|| format!("{} is not UTF-8", file.display()));
    text.map_err(|e| Failure::new(Exit::Failed, e))
}

/// The first line of a file: editors end it with a line end that is not part of the secret.
pub(crate) fn read_line(file: &Path) -> Result<String, Failure> {
    let text = read_text(file)?;
    match text.lines().next().map(str::trim_end).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(Failure::say(
            Exit::Failed,
            format!("{} has an empty first line", file.display()),
        )),
    }
}

#[cfg(test)]
mod tests;
