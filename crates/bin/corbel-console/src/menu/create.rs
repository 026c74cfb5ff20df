//! A new machine: the few things that most machines differ in. Everything else is `corbel vm create` and the API.

use corbel_node_api::{Network, VmSpec, Volume};
use serde_json::{Value, json};

use super::document::{Document, Step, shown};
use super::form::Form;
use super::schema::{NoSchema, Section, sections};
use crate::wizard::Failure;

/// What a machine has when nobody says more.
const BEGIN: &str =
    "name = \"\"\ncpus = 2\nmemory = \"2 GiB\"\ndisk = \"20 GiB\"\nnetwork = \"default\"\nstart = true\n";

/// The form of a new machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Create {
    pub(crate) form: Form,
    pub(crate) document: Document,
    pub(crate) problem: Option<Failure>,
    /// It was sent, and the answer is not there.
    pub(crate) waits: bool,
}

impl Create {
    pub(crate) fn new() -> Self {
        Self {
            form: Form::of(&section(&[], &[])),
            document: Document::parse(BEGIN).unwrap_or_default(),
            problem: None,
            waits: false,
        }
    }

    /// Offers what the node has.
    pub(crate) fn offer(&mut self, volumes: &[Volume], networks: &[Network]) {
        let networks: Vec<_> = networks.iter().map(|network| network.name.clone()).collect();
        let isos: Vec<_> = volumes
            .iter()
            .filter(|volume| volume.name.ends_with(".iso"))
            .map(|volume| volume.name.clone())
            .collect();
        let (row, edit) = (self.form.level().row, self.form.edit.take());
        self.form = Form::of(&section(&networks, &isos));
        if let Some(level) = self.form.levels.first_mut() {
            level.row = row;
        }
        self.form.edit = edit;
    }

    fn text(&self, key: &str) -> String {
        self.document
            .get(&[Step::Key(key.to_owned())])
            .map(shown)
            .unwrap_or_default()
    }

    pub(crate) fn name(&self) -> String {
        self.text("name")
    }

    /// The machine as the API wants it, and whether it is started then.
    pub(crate) fn request(&self) -> Result<(VmSpec, bool), Failure> {
        let name = self.name();
        let at = |field: &str, message: &str| Failure {
            field: Some(field.to_owned()),
            message: message.to_owned(),
        };
        if name.is_empty() {
            return Err(at("name", "a machine needs a name"));
        }
        let mut disks = Vec::new();
        if !self.text("disk").is_empty() {
            disks.push(json!({"volume": format!("{name}.qcow2"), "size": self.text("disk")}));
        }
        if !self.text("cd").is_empty() {
            disks.push(
                json!({"volume": self.text("cd"), "kind": "cdrom", "bus": "sata", "format": "raw", "read_only": true}),
            );
        }
        if self.text("kernel").is_empty() {
            for (field, label) in [("initrd", "an initrd"), ("kernel_words", "a command line")] {
                if !self.text(field).is_empty() {
                    return Err(at(
                        field,
                        &format!("{label} goes with a kernel, and `kernel` is left out"),
                    ));
                }
            }
        }
        let direct_boot = (!self.text("kernel").is_empty()).then(|| {
            let initrd = Some(self.text("initrd")).filter(|initrd| !initrd.is_empty());
            json!({"kernel": self.text("kernel"), "initrd": initrd, "command_line": self.text("kernel_words")})
        });
        let network = self.text("network");
        let bridge = self.text("bridge");
        let networks: Vec<Value> = match (network.is_empty(), bridge.is_empty()) {
            (_, false) => vec![json!({"bridge": bridge})],
            (false, true) => vec![json!({"nat": network})],
            (true, true) => Vec::new(),
        };
        let firmware = if self.text("uefi") == "yes" { "uefi" } else { "bios" };
        let spec = json!({
            "name": name,
            "cpus": self.text("cpus").parse::<u16>().unwrap_or(1),
            "memory": self.text("memory"),
            "firmware": firmware,
            "disks": disks,
            "networks": networks,
            "autostart": self.text("autostart") == "yes",
            "direct_boot": direct_boot,
        });
        let spec = serde_json::from_value(spec).map_err(|error| Failure {
            field: None,
            message: error.to_string(),
        })?;
        Ok((spec, self.text("start") == "yes"))
    }
}

/// The form's fields, described as those of the configuration are.
fn section(networks: &[String], isos: &[String]) -> Section {
    let words = |about: &str, words: &[String]| {
        let mut field = json!({"type": "string", "description": about});
        if !words.is_empty() {
            field["enum"] = json!(words);
        }
        field
    };
    let yes = |about: &str| json!({"type": "boolean", "description": about});
    let schema = json!({"properties": {"vm": {
        "description": "A new machine. Its disk is made in the pool default.",
        "required": ["name", "cpus", "memory"],
        "properties": {
            "name": {"type": "string", "description": "1 to 63 letters, digits, `.`, `_`, `+` and `-`."},
            "cpus": {"type": "integer", "minimum": 1, "maximum": 255, "description": "Virtual processors."},
            "memory": {"type": "string", "description": "Such as 512 MiB or 4 GiB."},
            "disk": {"type": "string", "description": "The size of its disk, such as 20 GiB. Left out, it has none."},
            "network": words("A network of the node, behind whose address the machine is. Left out, it has none.", networks),
            "bridge": {"type": "string", "description": "A bridge of the node, such as br0: the machine is then on the wire itself. It goes before `network`."},
            "cd": words("A volume with a CD that it starts from, such as an installer. Put one there with `corbel volume upload`.", isos),
            "kernel": {"type": "string", "description": "A volume with a Linux kernel that it starts instead of a disk. Put one there with `corbel volume upload`."},
            "initrd": {"type": "string", "description": "A volume with the kernel's initrd."},
            "kernel_words": {"type": "string", "description": "The kernel's command line, such as console=ttyS0."},
            "uefi": yes("UEFI firmware instead of BIOS."),
            "start": yes("Start it at once."),
            "autostart": yes("Start it with the node."),
        }
    }}});
    let found = sections(&schema.to_string()).and_then(|all| all.into_iter().next().ok_or(NoSchema));
    let mut section = found.unwrap_or_else(|_| Section {
        path: Vec::new(),
        title: String::new(),
        help: String::new(),
        list: false,
        fields: Vec::new().into(),
    });
    // Its document has the fields at the top.
    section.path.clear();
    section.title = "New machine".to_owned();
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::menu::document::Change;

    fn with(changes: &[(&str, toml_edit::Value)]) -> Create {
        let mut create = Create::new();
        for (key, value) in changes {
            assert!(
                create
                    .document
                    .apply(Change::Set(vec![Step::Key((*key).to_owned())], value.clone()))
            );
        }
        create
    }

    #[test]
    fn what_was_typed_is_a_machine() {
        let create = with(&[
            ("name", "web".into()),
            ("cd", "debian.iso".into()),
            ("uefi", true.into()),
        ]);
        let (spec, start) = create.request().expect("a machine");
        assert!(start);
        assert_eq!((spec.name.as_str(), spec.cpus, spec.disks.len()), ("web", 2, 2));
        assert_eq!(spec.disks[0].volume, "web.qcow2");
        assert_eq!(spec.networks[0].nat.as_deref(), Some("default"));
        let bridged = with(&[("name", "web".into()), ("bridge", "br0".into())])
            .request()
            .expect("a machine")
            .0;
        assert_eq!(
            (bridged.networks.len(), bridged.networks[0].bridge.as_deref()),
            (1, Some("br0"))
        );
    }

    #[test]
    fn a_machine_can_start_a_kernel() {
        let words = ("kernel_words", "console=ttyS0".into());
        let create = with(&[("name", "demo".into()), ("kernel", "vmlinuz".into()), words.clone()]);
        let boot = create.request().expect("a machine").0.direct_boot.expect("a kernel");
        assert_eq!((boot.kernel.as_str(), boot.initrd), ("vmlinuz", None));
        assert_eq!(boot.command_line, "console=ttyS0");
        let error = with(&[("name", "demo".into()), words])
            .request()
            .expect_err("no kernel");
        assert_eq!(error.field.as_deref(), Some("kernel_words"));
    }

    #[test]
    fn what_cannot_be_a_machine_says_why() {
        assert_eq!(
            Create::new().request().expect_err("no name").field.as_deref(),
            Some("name")
        );
        let create = with(&[("name", "web".into()), ("memory", "much".into())]);
        assert!(create.request().expect_err("no size").message.contains("much"));
    }
}
