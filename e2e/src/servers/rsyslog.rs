//! rsyslog as a server of syslog over TLS: each message is a line of a file.

use std::path::PathBuf;

use super::{Process, home};
use crate::{Run, Signed, machine::free_ports, run::keep};

/// Receives until it is dropped.
#[derive(Debug)]
pub struct SyslogServer {
    _process: Process,
    messages: PathBuf,
    port: u16,
    authority: String,
}

impl SyslogServer {
    /// Has a certificate for this name.
    ///
    /// # Errors
    /// When the program is not there or does not start.
    pub fn start(run: &Run, name: &str) -> anyhow::Result<Self> {
        let folder = run.machine_folder()?.canonicalize()?;
        let signed = Signed::new(name)?;
        let [port, _] = free_ports()?;
        for (file, text) in [
            ("ca.pem", &signed.authority),
            ("own.pem", &signed.certificate.pem()),
            ("own.key", &signed.key.serialize_pem()),
        ] {
            keep(&folder.join(file), text)?;
        }
        let here = folder.display();
        // rsyslog's documentation of imtcp and of the netstream driver ossl.
        let configuration = format!(
            "global(workDirectory=\"{here}\" defaultNetstreamDriver=\"ossl\" defaultNetstreamDriverCAFile=\"{here}/ca.pem\" \
             defaultNetstreamDriverCertFile=\"{here}/own.pem\" defaultNetstreamDriverKeyFile=\"{here}/own.key\")\n\
             module(load=\"imtcp\" streamDriver.name=\"ossl\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             action(type=\"omfile\" file=\"{here}/messages\")\n"
        );
        let (file, modules) = (
            folder.join("rsyslog.conf"),
            home()?.join("tree/usr/lib/x86_64-linux-gnu/rsyslog"),
        );
        keep(&file, &configuration)?;
        let process = Process::start(
            "rsyslogd",
            &[
                "-n".as_ref(),
                "-f".as_ref(),
                file.as_os_str(),
                "-i".as_ref(),
                folder.join("rsyslog.pid").as_os_str(),
                "-M".as_ref(),
                modules.as_os_str(),
            ],
            &folder,
        )?;
        Ok(Self {
            _process: process,
            messages: folder.join("messages"),
            port,
            authority: signed.authority,
        })
    }

    /// The port that a node connects to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that has signed the server's, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What came so far, a line each.
    pub fn messages(&self) -> Vec<String> {
        let text = std::fs::read(&self.messages).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }
}
