//! Devices of several paths, as multipathd tells them in JSON (multipathd(8), `show maps json`).

use serde::Deserialize;

/// What was said is not what multipathd says.
#[derive(Debug, thiserror::Error)]
#[error("the answer of multipathd is not understood")]
pub struct MultipathAnswerError(#[from] serde_json::Error);

/// A disk that is reached by several paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MultipathDevice {
    /// Below `/dev/mapper`.
    pub name: String,
    pub wwid: String,
    /// The kernel's name, such as `dm-3`.
    pub kernel_name: String,
    pub vendor: String,
    pub product: String,
    pub paths: Vec<MultipathPath>,
}

/// One of the paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MultipathPath {
    /// The kernel's name, such as `sdb`.
    pub disk: String,
    /// Paths of one group are used together.
    pub group: u64,
    /// What device-mapper thinks of it: `active` or `failed`.
    pub state: String,
    /// What the last check found, such as `ready`, `ghost` or `faulty`.
    pub check: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    maps: Vec<Map>,
}

#[derive(Deserialize)]
struct Map {
    name: String,
    uuid: String,
    #[serde(default)]
    sysfs: String,
    #[serde(default)]
    vend: String,
    #[serde(default)]
    prod: String,
    #[serde(default)]
    path_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    group: u64,
    #[serde(default)]
    paths: Vec<Path>,
}

#[derive(Deserialize)]
struct Path {
    dev: String,
    #[serde(default)]
    dm_st: String,
    #[serde(default)]
    chk_st: String,
}

/// The devices by name.
///
/// # Errors
/// What is no such answer.
pub fn parse_multipath(json: &[u8]) -> Result<Vec<MultipathDevice>, MultipathAnswerError> {
    let answer: Answer = serde_json::from_slice(json)?;
    let devices = answer.maps.into_iter().map(|map| MultipathDevice {
        name: map.name,
        wwid: map.uuid,
        kernel_name: map.sysfs,
        vendor: map.vend.trim().to_owned(),
        product: map.prod.trim().to_owned(),
        paths: map
            .path_groups
            .into_iter()
            .flat_map(|group| {
                group.paths.into_iter().map(move |path| MultipathPath {
                    disk: path.dev,
                    group: group.group,
                    state: path.dm_st,
                    check: path.chk_st,
                })
            })
            .collect(),
    });
    let mut devices: Vec<_> = devices.collect();
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_PATHS: &str = r#"{ "major_version": 0, "minor_version": 1, "maps": [{
        "name" : "3600140512345", "uuid" : "3600140512345", "sysfs" : "dm-3", "failback" : "-", "queueing" : "-", "paths" : 2,
        "dm_st" : "active", "vend" : "LIO-ORG", "prod" : "disk            ", "path_groups": [
        { "selector" : "service-time 0", "pri" : 50, "dm_st" : "active", "group" : 1, "paths": [{
            "dev" : "sdb", "dev_t" : "8:16", "dm_st" : "active", "dev_st" : "running", "chk_st" : "ready", "pri" : 50 }] },
        { "selector" : "service-time 0", "pri" : 10, "dm_st" : "enabled", "group" : 2, "paths": [{
            "dev" : "sdc", "dev_t" : "8:32", "dm_st" : "failed", "dev_st" : "offline", "chk_st" : "faulty", "pri" : 10 }] }] }] }"#;

    #[test]
    fn paths_have_states() {
        let devices = parse_multipath(TWO_PATHS.as_bytes()).expect("an answer");
        let [device] = &devices[..] else { panic!("{devices:?}") };
        assert_eq!((device.kernel_name.as_str(), device.product.as_str()), ("dm-3", "disk"));
        let told: Vec<_> = device
            .paths
            .iter()
            .map(|path| (path.disk.as_str(), path.group, path.check.as_str()))
            .collect();
        assert_eq!(told, [("sdb", 1, "ready"), ("sdc", 2, "faulty")]);
        assert_eq!(parse_multipath(b"{}").expect("none"), []);
        assert!(parse_multipath(b"timeout").is_err());
    }
}
