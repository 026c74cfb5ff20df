//! Reads libvirt's XML. What comes from a person is checked for size, depth and a DTD before a tree is made of it.

use corbel_model::vm::{DiskKind, Firmware, OnReboot, VmDisk, VmNic};
use corbel_model::{ByteSize, VolumeName};
use roxmltree::{Document, Node};

use super::resources::{ParsedNetwork, ParsedVolume};
use crate::VirtError;

/// The largest document that is read, in bytes. A real domain has some ten thousand.
pub const MAX_XML: usize = 1 << 20;
/// libvirt's own documents are 7 deep; metadata of others may go further.
const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 256;

/// The parts of a domain that the node shows or decides by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedDomain {
    pub name: String,
    pub uuid: Option<String>,
    /// `kvm`, `qemu`, …
    pub accelerator: String,
    pub cpus: u32,
    pub memory: ByteSize,
    pub firmware: Firmware,
    pub disks: Vec<ParsedDisk>,
    pub nics: Vec<VmNic>,
    pub kernel: Option<String>,
    pub initrd: Option<String>,
    /// Line of the name's element, for a message about it.
    pub name_line: u32,
}

/// A disk, and the pool when it is named as a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedDisk {
    pub disk: VmDisk,
    pub pool: Option<String>,
}

impl ParsedDomain {
    /// Whether a disk, the kernel or the initrd is this file, named by path or as the volume (see [`VolumeName`]).
    pub fn uses(&self, path: &str, volume: &str) -> bool {
        let boot = [&self.kernel, &self.initrd];
        boot.into_iter().flatten().any(|file| file == path) || self.disks.iter().any(|d| d.is(path, volume))
    }
}

impl ParsedDisk {
    /// Whether this is the file `path`, which is `volume`.
    pub fn is(&self, path: &str, volume: &str) -> bool {
        match (&self.disk.source, self.pool.as_deref()) {
            (Some(source), None) => source == path,
            (Some(source), Some(_)) => VolumeName::split(volume) == VolumeName::split(source),
            (None, _) => false,
        }
    }
}

fn invalid(problem: String) -> VirtError {
    VirtError::Invalid {
        field: "xml".into(),
        problem,
    }
}

/// Linear in the text and without recursion, so that nothing a caller sends costs more than reading it once: the tree
/// parser behind it compares attributes pairwise.
fn refuse_hostile(xml: &str) -> Result<(), VirtError> {
    if xml.len() > MAX_XML {
        return Err(invalid(format!("has {} bytes: at most {MAX_XML} are read", xml.len())));
    }
    let mut rest = xml;
    let mut depth = 0_usize;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let end = if let Some(comment) = rest.strip_prefix("<!--") {
            comment.find("-->").map(|at| at + 7)
        } else if rest.starts_with("<![CDATA[") {
            rest.find("]]>").map(|at| at + 3)
        } else if rest.starts_with("<?") {
            rest.find("?>").map(|at| at + 2)
        } else if rest.starts_with("<!") {
            return Err(invalid(
                "has a document type declaration: leave out <!DOCTYPE> and its entities".into(),
            ));
        } else if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
            rest.find('>').map(|at| at + 1)
        } else {
            let end = end_of_tag(rest)?;
            depth += usize::from(end.is_some_and(|end| !rest[..end].ends_with("/>")));
            end
        };
        if depth > MAX_DEPTH {
            return Err(invalid(format!(
                "nests elements more than {MAX_DEPTH} deep: no libvirt document does"
            )));
        }
        match end {
            Some(end) => rest = &rest[end..],
            None => break, // The tree parser says where it is cut off.
        }
    }
    Ok(())
}

fn end_of_tag(tag: &str) -> Result<Option<usize>, VirtError> {
    let mut quote = None;
    let mut attributes = 0;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Ok(Some(at + 1)),
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'=') => attributes += 1,
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        if attributes > MAX_ATTRIBUTES {
            return Err(invalid(format!(
                "has an element with more than {MAX_ATTRIBUTES} attributes"
            )));
        }
    }
    Ok(None)
}

fn document(xml: &str) -> Result<Document<'_>, VirtError> {
    refuse_hostile(xml)?;
    Document::parse(xml).map_err(|error| {
        let mut problem: String = error.to_string().chars().take(300).collect();
        problem.retain(|c| !c.is_control());
        invalid(format!("is not well formed: {problem}"))
    })
}

fn root<'a, 'i>(doc: &'a Document<'i>, name: &'static str) -> Result<Node<'a, 'i>, VirtError> {
    let root = doc.root_element();
    if root.has_tag_name(name) {
        return Ok(root);
    }
    let found: String = root.tag_name().name().chars().take(40).collect();
    Err(invalid(format!(
        "begins with <{found}>: a document that begins with <{name}> is wanted"
    )))
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    child(node, name)
        .and_then(|child| child.text())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn line(node: Node<'_, '_>) -> u32 {
    node.document().text_pos_at(node.range().start).row
}

fn at(node: Node<'_, '_>, problem: impl std::fmt::Display) -> VirtError {
    invalid(format!("line {}, <{}>: {problem}", line(node), node.tag_name().name()))
}

/// What our element in a domain's `metadata` says; a document without one, or that cannot be read, has the default.
pub fn on_reboot(xml: &str) -> OnReboot {
    let Ok(doc) = document(xml) else {
        return OnReboot::default();
    };
    let word = child(doc.root_element(), "metadata")
        .and_then(|metadata| {
            let ours = (super::NAMESPACE, "node");
            metadata.children().find(|child| child.has_tag_name(ours))
        })
        .and_then(|ours| ours.attribute("on-reboot"));
    match word {
        Some("save") => OnReboot::Save,
        _ => OnReboot::ShutDown,
    }
}

fn needed<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Result<(Node<'a, 'i>, String), VirtError> {
    let found = child(node, name).ok_or_else(|| at(node, format_args!("has no <{name}>, which is needed")))?;
    let text = text(node, name).ok_or_else(|| at(found, "is empty, a value is needed"))?;
    Ok((found, text))
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// libvirt's scaled integers: the default unit is KiB, `KB` is 1000 and `K` is 1024.
fn scaled(node: Node<'_, '_>, text: &str, default: &str) -> Result<ByteSize, VirtError> {
    let number: u64 = text.parse().map_err(|_| {
        at(
            node,
            format_args!("{:?} is not a whole number of {default}", short(text)),
        )
    })?;
    let unit = node.attribute("unit").unwrap_or(default);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "b" | "bytes" | "byte" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1000 * 1000,
        "m" | "mib" => 1 << 20,
        "gb" => 1000 * 1000 * 1000,
        "g" | "gib" => 1 << 30,
        "tb" => 1000 * 1000 * 1000 * 1000,
        "t" | "tib" => 1 << 40,
        "p" | "pib" => 1 << 50,
        _ => {
            return Err(at(
                node,
                format_args!("unit {:?} is not known: use KiB, MiB or GiB", short(unit)),
            ));
        }
    };
    number
        .checked_mul(factor)
        .map(ByteSize)
        .ok_or_else(|| at(node, "is more than 16 EiB"))
}

/// Reads a domain.
///
/// # Errors
/// [`VirtError::Invalid`] with field `xml`, the line and the element.
pub fn parse_domain(xml: &str) -> Result<ParsedDomain, VirtError> {
    let doc = document(xml)?;
    let domain = root(&doc, "domain")?;
    let (name_node, name) = needed(domain, "name")?;
    let (memory_node, memory) = needed(domain, "memory")?;
    let accelerator = domain
        .attribute("type")
        .ok_or_else(|| at(domain, "has no attribute type, such as type='kvm'"))?
        .to_owned();
    let cpus = match child(domain, "vcpu") {
        None => 1,
        Some(vcpu) => {
            let count = vcpu.attribute("current").or(vcpu.text()).unwrap_or_default().trim();
            let cpus = count.parse().ok().filter(|n| *n > 0);
            cpus.ok_or_else(|| {
                at(
                    vcpu,
                    format_args!("{:?} is not a number of CPUs, 1 or more", short(count)),
                )
            })?
        }
    };
    let os = child(domain, "os");
    let efi = os.is_some_and(|os| {
        os.attribute("firmware") == Some("efi")
            || child(os, "loader").is_some_and(|loader| loader.attribute("type") == Some("pflash"))
    });
    let devices = child(domain, "devices");
    let each = |name: &'static str| {
        devices
            .into_iter()
            .flat_map(move |devices| devices.children().filter(move |node| node.has_tag_name(name)))
    };
    Ok(ParsedDomain {
        name,
        uuid: text(domain, "uuid"),
        accelerator,
        cpus,
        memory: scaled(memory_node, &memory, "KiB")?,
        firmware: if efi { Firmware::Uefi } else { Firmware::Bios },
        disks: each("disk").filter_map(disk).collect(),
        nics: each("interface").map(nic).collect(),
        kernel: os.and_then(|os| text(os, "kernel")),
        initrd: os.and_then(|os| text(os, "initrd")),
        name_line: line(name_node),
    })
}

/// `None` for floppies and LUNs passed through whole, which the node has no word for.
fn disk(node: Node<'_, '_>) -> Option<ParsedDisk> {
    let kind = match node.attribute("device").unwrap_or("disk") {
        "disk" => DiskKind::Disk,
        "cdrom" => DiskKind::Cdrom,
        _ => return None,
    };
    let source = child(node, "source");
    let pool = source.and_then(|source| source.attribute("pool")).map(str::to_owned);
    let source = source.and_then(|source| match source.attribute("volume") {
        Some(volume) => Some(format!("{}/{volume}", pool.as_deref().unwrap_or_default())),
        None => ["file", "dev", "name", "dir"]
            .into_iter()
            .find_map(|a| source.attribute(a))
            .map(str::to_owned),
    });
    let target = child(node, "target")
        .and_then(|target| target.attribute("dev"))
        .unwrap_or_default()
        .to_owned();
    let read_only = child(node, "readonly").is_some();
    Some(ParsedDisk {
        disk: VmDisk {
            target,
            source,
            kind,
            read_only,
        },
        pool,
    })
}

fn nic(node: Node<'_, '_>) -> VmNic {
    let attribute = |element: &str, name: &str| child(node, element).and_then(|c| c.attribute(name)).map(str::to_owned);
    let source = ["network", "bridge", "dev", "path"]
        .into_iter()
        .find_map(|name| attribute("source", name));
    VmNic {
        mac: attribute("mac", "address").unwrap_or_default(),
        kind: node.attribute("type").unwrap_or("unknown").to_owned(),
        source,
    }
}

/// The directory of a pool of type `dir`.
///
/// # Errors
/// The document is not a pool or has no target.
pub fn parse_pool_path(xml: &str) -> Result<String, VirtError> {
    let doc = document(xml)?;
    let pool = root(&doc, "pool")?;
    let target = child(pool, "target").ok_or_else(|| at(pool, "has no <target>"))?;
    Ok(needed(target, "path")?.1)
}

/// What a volume's document says.
///
/// # Errors
/// The document is not a volume.
pub fn parse_volume(xml: &str) -> Result<ParsedVolume, VirtError> {
    let doc = document(xml)?;
    let volume = root(&doc, "volume")?;
    let size = |name| {
        let (node, text) = needed(volume, name)?;
        scaled(node, &text, "bytes")
    };
    let target = child(volume, "target");
    let format = target
        .and_then(|target| child(target, "format"))
        .and_then(|format| format.attribute("type"));
    Ok(ParsedVolume {
        name: needed(volume, "name")?.1,
        path: target.and_then(|target| text(target, "path")).unwrap_or_default(),
        capacity: size("capacity")?,
        allocation: size("allocation").unwrap_or_default(),
        format: format.unwrap_or("raw").to_owned(),
    })
}

/// What a network's document says.
///
/// # Errors
/// The document is not a network.
pub fn parse_network(xml: &str) -> Result<ParsedNetwork, VirtError> {
    let doc = document(xml)?;
    let network = root(&doc, "network")?;
    let forward = child(network, "forward");
    let mode = forward.map_or("isolated", |forward| forward.attribute("mode").unwrap_or("nat"));
    let bridge = child(network, "bridge").and_then(|bridge| bridge.attribute("name"));
    Ok(ParsedNetwork {
        name: needed(network, "name")?.1,
        mode: mode.to_owned(),
        bridge: bridge.map(str::to_owned),
    })
}
