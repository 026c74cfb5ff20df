//! The bill of materials as SPDX 2.3 JSON (spdx.github.io/spdx-spec/v2.3): Debian packages with the checksum of their file, Rust
//! crates with the checksum from `Cargo.lock`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::manifest::Manifest;

/// One crate of `Cargo.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Crate {
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub checksum: Option<String>,
}

/// Parse the crates out of `Cargo.lock`.
pub fn parse_cargo_lock(text: &str) -> Result<Vec<Crate>, toml::de::Error> {
    #[derive(Deserialize)]
    struct CargoLock {
        #[serde(default)]
        package: Vec<Crate>,
    }
    Ok(toml::from_str::<CargoLock>(text)?.package)
}

/// Render the document. `created` is RFC 3339 in UTC.
pub fn render_spdx(manifest: &Manifest, crates: &[Crate], created: &str) -> Value {
    let id = |kind: &str, name: &str, version: &str| {
        let plain: String = format!("{name}-{version}")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .collect();
        format!("SPDXRef-{kind}-{plain}")
    };
    let package = |kind: &str, name: &str, version: &str, sha256: Option<&str>, purl: String| {
        let mut value = json!({
            "SPDXID": id(kind, name, version),
            "name": name,
            "versionInfo": version,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": false,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
        });
        if let Some(sha256) = sha256 {
            value["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": sha256}]);
        }
        value
    };
    // purl-spec: '+' and ':' of Debian versions are percent-encoded.
    let escape = |text: &str| text.replace('+', "%2B").replace(':', "%3A");
    let debian = manifest.packages.iter().map(|p| {
        let purl = format!(
            "pkg:deb/debian/{}@{}?arch={}",
            escape(&p.name),
            escape(&p.version),
            manifest.architecture
        );
        package("deb", &p.name, &p.version, Some(&p.sha256), purl)
    });
    let rust = crates.iter().map(|c| {
        package(
            "cargo",
            &c.name,
            &c.version,
            c.checksum.as_deref(),
            format!("pkg:cargo/{}@{}", c.name, escape(&c.version)),
        )
    });
    let packages: Vec<Value> = debian.chain(rust).collect();
    let describes: Vec<Value> = packages
        .iter()
        .map(|p| json!({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": p["SPDXID"]}))
        .collect();
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("{}-{}-{}", manifest.name, manifest.version, manifest.architecture),
        "documentNamespace": format!("https://corbel.invalid/spdx/{}-{}-{}", manifest.name, manifest.version, manifest.epoch),
        "creationInfo": {"created": created, "creators": [format!("Tool: corbel-{}", manifest.version)]},
        "packages": packages,
        "relationships": describes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::ManifestPackage;

    #[test]
    fn every_package_is_described_once() {
        let manifest = Manifest {
            name: "corbel".into(),
            version: "1".into(),
            suite: "trixie".into(),
            architecture: "amd64".into(),
            epoch: 0,
            kernel: "6".into(),
            packages: vec![ManifestPackage {
                name: "g++".into(),
                version: "1:2+3".into(),
                sha256: "aa".into(),
                installed: 1,
            }],
            parts: vec![],
            root_hash: None,
            entries: vec![],
        };
        let crates = parse_cargo_lock(
            "version = 4\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = \"x\"\nchecksum = \"bb\"\n",
        )
        .expect("a lock file");
        let document = render_spdx(&manifest, &crates, "1970-01-01T00:00:00Z");
        assert_eq!(document["packages"].as_array().map(Vec::len), Some(2));
        assert_eq!(document["relationships"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            document["packages"][0]["externalRefs"][0]["referenceLocator"],
            "pkg:deb/debian/g%2B%2B@1%3A2%2B3?arch=amd64"
        );
    }
}
