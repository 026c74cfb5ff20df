//! What enabling a systemd unit means as links below `/etc/systemd/system` (systemd.unit(5), section `[Install]`).

/// A symbolic link: where it stands (no leading `/`) and what it points to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    pub path: String,
    pub target: String,
}

/// The links that enable `unit`, whose file (or whose template's file) has the text `text` and stands at `file`.
pub fn enable_links(unit: &str, file: &str, text: &str) -> Vec<Link> {
    let target = format!("/{file}");
    let mut install = false;
    let mut links = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            install = line == "[Install]";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| install) else {
            continue;
        };
        for name in value.split_whitespace() {
            let path = match key.trim() {
                "WantedBy" => format!("etc/systemd/system/{name}.wants/{unit}"),
                "RequiredBy" => format!("etc/systemd/system/{name}.requires/{unit}"),
                "Alias" => format!("etc/systemd/system/{name}"),
                _ => continue,
            };
            links.push(Link {
                path,
                target: target.clone(),
            });
        }
    }
    links
}

/// The name of the file that holds `unit`: itself, or its template (`a@b.service` → `a@.service`).
pub fn unit_file(unit: &str) -> String {
    match (unit.find('@'), unit.rfind('.')) {
        (Some(at), Some(dot)) if at < dot => format!("{}@{}", &unit[..at], &unit[dot..]),
        _ => unit.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn install_sections_become_links() {
        let text = "[Unit]\nWantedBy=no.target\n[Install]\nWantedBy=multi-user.target a.target\nAlias=b.service\nAlso=c.socket\n";
        let links = enable_links("x@tty1.service", "usr/lib/systemd/system/x@.service", text);
        let paths: Vec<_> = links.iter().map(|l| l.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "etc/systemd/system/multi-user.target.wants/x@tty1.service",
                "etc/systemd/system/a.target.wants/x@tty1.service",
                "etc/systemd/system/b.service"
            ]
        );
        assert_eq!(links[0].target, "/usr/lib/systemd/system/x@.service");
        assert_eq!(unit_file("x@tty1.service"), "x@.service");
        assert_eq!(unit_file("x.service"), "x.service");
    }
}
