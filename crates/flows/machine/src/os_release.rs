//! Which version of the image runs: programs are made once and go into images of several versions.

use std::path::Path;

use corbel_sys::read_limited;

const FILE: &str = "/usr/lib/os-release";
const LIMIT: u64 = 64 * 1024;

/// The version of the running image; of this program where the system is none of ours, as on a developer's machine.
pub fn version() -> String {
    let text = read_limited(Path::new(FILE), LIMIT).unwrap_or_default();
    parse(&String::from_utf8_lossy(&text)).unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

/// `VERSION_ID` of a Corbel (os-release(5)).
fn parse(text: &str) -> Option<String> {
    let value = |key: &str| {
        let mut lines = text.lines().rev();
        let value = lines.find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
        Some(value.trim_matches(['"', '\'']).to_owned())
    };
    (value("ID")? == "corbel").then(|| value("VERSION_ID")).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_version_is_told_and_nobody_elses() {
        let ours = "ID=corbel\nID_LIKE=debian\nNAME=\"Corbel\"\nVERSION_ID=0.1.0.1\n";
        assert_eq!(parse(ours).as_deref(), Some("0.1.0.1"));
        assert_eq!(parse("ID='corbel'\nVERSION_ID=\"1.2\"\n").as_deref(), Some("1.2"));
        for none in ["", "ID=corbel\n", "ID=debian\nVERSION_ID=\"13\"\n"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
