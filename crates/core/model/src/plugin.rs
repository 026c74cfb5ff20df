//! What a plugin says of itself: the manifest `plugin.toml` beside its image. Strict, as all that people write; what a plugin is and may
//! do stands in `docs/operator/plugins.md`. Nothing installs one yet.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The version of the manifest that this program reads.
pub const VERSION: i64 = 1;

/// Text that is no manifest, or no value of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// With line and column.
    #[error("{0}")]
    Manifest(String),
    #[error("version {0} of the manifest is not known to this image: it reads version = {VERSION}")]
    Version(i64),
    #[error(
        "{0:?} is not the name of a plugin: give 2 to 32 lower-case letters, digits and '-', beginning with a letter"
    )]
    Name(String),
    #[error("{0:?} is not a version: write it like 1.4.2")]
    Release(String),
    #[error(
        "units: {0:?} is not a unit of this plugin: a service, socket or timer whose name begins with the plugin's"
    )]
    Unit(String),
}

/// The name of a plugin: of its files, its units and its table in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginName(String);

impl PluginName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginName {
    type Err = PluginError;
    fn from_str(text: &str) -> Result<Self, PluginError> {
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('-');
        if clean && begins && (2..=32).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PluginError::Name(text.to_owned()))
        }
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version of three numbers, which are compared one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release([u32; 3]);

impl FromStr for Release {
    type Err = PluginError;
    fn from_str(text: &str) -> Result<Self, PluginError> {
        let bad = || PluginError::Release(text.to_owned());
        let number = |part: &str| part.parse().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
        let numbers: Option<Vec<u32>> = text.split('.').map(number).collect();
        numbers
            .and_then(|numbers| numbers.try_into().ok())
            .map(Self)
            .ok_or_else(bad)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

fn text<'de, D: Deserializer<'de>, T: FromStr<Err = PluginError>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: i64,
    #[serde(deserialize_with = "text")]
    pub name: PluginName,
    /// Of the plugin itself.
    #[serde(deserialize_with = "text")]
    pub release: Release,
    /// One sentence.
    pub about: String,
    pub vendor: String,
    /// The version of the node's API that it speaks; an image that speaks another one does not start it.
    pub api: u32,
    /// What it starts, all with names of its own.
    #[serde(default)]
    pub units: Vec<String>,
    /// Whether it has settings: then `schema.json` beside the manifest is their JSON schema.
    #[serde(default)]
    pub settings: bool,
}

/// Reads a manifest.
///
/// # Errors
/// Whatever is not as it must be, the version of the manifest first: a later one may have other keys.
pub fn parse(text: &str) -> Result<Manifest, PluginError> {
    let manifest = |error: toml::de::Error| PluginError::Manifest(error.to_string().trim().to_owned());
    let table: toml::Table = toml::from_str(text).map_err(manifest)?;
    match table.get("version").and_then(toml::Value::as_integer) {
        Some(version) if version != VERSION => return Err(PluginError::Version(version)),
        _ => {}
    }
    let read: Manifest = toml::from_str(text).map_err(manifest)?;
    let own = |unit: &&String| {
        let rest = unit.strip_prefix(read.name.as_str()).unwrap_or_default();
        let kind = [".service", ".socket", ".timer"]
            .into_iter()
            .find_map(|end| rest.strip_suffix(end));
        kind.is_some_and(|more| {
            let clean = more
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            clean && (more.is_empty() || more.starts_with('-'))
        })
    };
    match read.units.iter().find(|unit| !own(unit)) {
        Some(unit) => Err(PluginError::Unit(unit.clone())),
        None => Ok(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "version = 1\nname = \"ipmi\"\nrelease = \"1.4.2\"\nabout = \"Fans and sensors.\"\nvendor = \"Example\"\napi = 1\n\
        units = [\"ipmi.service\", \"ipmi-poll.timer\"]\nsettings = true\n";

    #[test]
    fn a_manifest_is_read_and_nothing_else_is() {
        let manifest = parse(GOOD).expect("a manifest");
        assert_eq!(
            (manifest.name.as_str(), manifest.release.to_string().as_str()),
            ("ipmi", "1.4.2")
        );
        assert!(manifest.settings && manifest.units.len() == 2);
        for (from, to, problem) in [
            ("version = 1", "version = 2", "version 2 of the manifest"),
            ("version = 1\n", "", "missing field `version`"),
            ("vendor", "vendour", "unknown field `vendour`"),
            ("\"ipmi\"", "\"Ipmi\"", "is not the name of a plugin"),
            ("\"1.4.2\"", "\"1.4\"", "is not a version"),
            ("\"1.4.2\"", "\"1.4.+2\"", "is not a version"),
            ("ipmi.service", "ssh.service", "is not a unit of this plugin"),
            ("ipmi.service", "ipmi/../ssh.service", "is not a unit of this plugin"),
            ("ipmi.service", "ipmi.mount", "is not a unit of this plugin"),
            ("ipmi.service", "ipmitool.service", "is not a unit of this plugin"),
        ] {
            let error = parse(&GOOD.replace(from, to)).expect_err(to).to_string();
            assert!(error.contains(problem), "{to}: {error}");
        }
        let later: Release = "1.10.0".parse().expect("a version");
        assert!(later > manifest.release);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(\\PC|\n){0,80}", name in "\\PC{0,10}") {
            let _ = (parse(&text), name.parse::<PluginName>(), name.parse::<Release>());
            let _ = parse(&GOOD.replace("ipmi", &name));
        }
    }
}
