//! Each rule, once held and once broken.

use std::path::Path;

use super::{Finding, graph::Graph, manifest, paths, source};

/// Metadata as cargo prints it, from `(name, folder, [dependency])`. A dependency is `name`, `name dev` or `foreign:name`.
fn graph(packages: &[(&str, &str, &[&str])]) -> Graph {
    let packages: Vec<_> = packages
        .iter()
        .map(|(name, folder, dependencies)| {
            let dependencies: Vec<_> = dependencies
                .iter()
                .map(|text| match (text.strip_prefix("foreign:"), text.strip_suffix(" dev")) {
                    (Some(name), _) => serde_json::json!({ "name": name, "kind": null }),
                    (_, Some(name)) => serde_json::json!({ "name": name, "kind": "dev", "path": "x" }),
                    _ => serde_json::json!({ "name": text, "kind": null, "path": "x" }),
                })
                .collect();
            serde_json::json!({ "name": name, "manifest_path": format!("/top/{folder}/Cargo.toml"), "dependencies": dependencies })
        })
        .collect();
    Graph::parse(
        &serde_json::json!({ "packages": packages }).to_string(),
        Path::new("/top"),
    )
    .unwrap()
}

fn errors(findings: Vec<Finding>) -> Vec<String> {
    findings
        .into_iter()
        .map(|finding| match finding {
            Finding::Error(text) => text,
            Finding::Warning(text) => format!("warning: {text}"),
        })
        .collect()
}

#[test]
fn arrows_along_the_table_are_fine() {
    let graph = graph(&[
        ("corbel-model", "crates/core/model", &[]),
        ("corbel-sys", "crates/host/sys", &["corbel-model"]),
        (
            "corbel-virt-libvirt",
            "crates/host/virt-libvirt",
            &["corbel-model", "foreign:virt"],
        ),
        ("corbel-build", "crates/flows/build", &["corbel-sys"]),
        ("corbel-client", "crates/api/client", &["corbel-model"]),
        (
            "corbel-node",
            "crates/bin/corbel-node",
            &["corbel-build", "corbel-client", "corbel-virt-libvirt"],
        ),
        ("corbel-e2e", "e2e", &["corbel-client", "corbel-model"]),
        (
            "corbel-powercut",
            "powercut",
            &["corbel-e2e", "corbel-settle", "corbel-sys"],
        ),
        ("xtask", "xtask", &["foreign:clap"]),
        ("corbel-generate", "xtask/generate", &["corbel-client"]),
    ]);
    assert_eq!(errors(graph.check()), Vec::<String>::new());
}

#[test]
fn arrows_against_the_table_are_found() {
    let graph = graph(&[
        ("corbel-model", "crates/core/model", &["corbel-sys", "foreign:tokio"]),
        ("corbel-sys", "crates/host/sys", &[]),
        ("corbel-agent", "crates/flows/agent", &["corbel-client dev"]),
        ("corbel-client", "crates/api/client", &["corbel-agent"]),
        ("corbel-e2e", "e2e", &["corbel-sys"]),
        ("corbel-powercut", "powercut", &["corbel"]),
        ("corbel", "crates/bin/corbel", &[]),
        ("xtask", "xtask", &["corbel-model"]),
        ("corbel-odd", "crates/odd", &[]),
    ]);
    assert_eq!(
        errors(graph.check()),
        [
            "corbel-agent uses corbel-client: flows may not use api",
            "corbel-client uses corbel-agent: api may not use flows",
            "corbel-e2e uses corbel-sys: e2e may not use host",
            "corbel-model uses corbel-sys: core may not use host",
            "corbel-model uses tokio: the core is pure, so this belongs to host",
            "corbel-odd lives in crates/odd, which is no room",
            "corbel-powercut uses corbel: powercut may not use bin",
            "xtask uses corbel-model: xtask may not use core",
        ]
    );
}

#[test]
fn libvirt_is_reached_by_the_daemon_alone() {
    let graph = graph(&[
        ("corbel-virt-libvirt", "crates/host/virt-libvirt", &["foreign:virt-sys"]),
        ("corbel-agent", "crates/flows/agent", &["corbel-virt-libvirt"]),
        ("corbel", "crates/bin/corbel", &["corbel-agent", "foreign:virt"]),
        ("corbel-node", "crates/bin/corbel-node", &["corbel-agent"]),
    ]);
    assert_eq!(
        errors(graph.check()),
        [
            "corbel uses virt: only corbel-virt-libvirt links libvirt",
            "corbel reaches corbel-virt-libvirt, which only corbel-node may",
            "corbel-agent reaches corbel-virt-libvirt, which only corbel-node may",
        ]
    );
}

#[test]
fn the_drawing_lists_rooms_from_the_edges_to_the_core() {
    let graph = graph(&[
        ("corbel-model", "crates/core/model", &[]),
        ("corbel-sys", "crates/host/sys", &["corbel-model"]),
        (
            "corbel-node",
            "crates/bin/corbel-node",
            &["corbel-model", "corbel-sys dev"],
        ),
    ]);
    let drawn = graph.drawing();
    let (_, body) = drawn.split_once('\n').unwrap();
    assert_eq!(
        body,
        "\nbin\n  node           -> model (sys)\n\nhost\n  sys            -> model\n\ncore\n  model\n"
    );
}

#[test]
fn manifests_take_everything_from_the_workspace() {
    let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\ntokio = { workspace = true }\n";
    assert_eq!(errors(manifest::check("a/Cargo.toml", good)), Vec::<String>::new());
    let bad = "[dependencies]\nserde = \"1\"\n[target.'cfg(unix)'.dev-dependencies]\ntokio = { version = \"1\" }\n";
    let found = errors(manifest::check("a/Cargo.toml", bad));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("`[lints] workspace = true`"));
    assert!(found[1].contains("serde must be") && found[2].contains("tokio must be"));
    assert_eq!(errors(manifest::check("a/Cargo.toml", "= 1")).len(), 1);
}

#[test]
fn files_say_what_they_are_for() {
    assert_eq!(
        errors(source::check("crates/api/x/src/lib.rs", "//! Fine.\n")),
        Vec::<String>::new()
    );
    assert_eq!(
        errors(source::check("crates/api/x/src/lib.rs", "fn main() {}\n")).len(),
        1
    );
}

#[test]
fn long_files_are_found_but_tests_and_comments_do_not_count() {
    let file = |lines: usize, comments: usize, tests: usize| {
        let (code, comment, test) = (
            "let x = 1;\n".repeat(lines),
            "// why\n\n".repeat(comments),
            "t();\n".repeat(tests),
        );
        format!("//! For a test.\n{code}{comment}\n#[cfg(test)]\nmod tests {{\n{test}}}\n")
    };
    assert_eq!(
        errors(source::check("e2e/src/x.rs", &file(400, 900, 900))),
        Vec::<String>::new()
    );
    assert!(errors(source::check("e2e/src/x.rs", &file(401, 0, 0)))[0].starts_with("warning: "));
    assert!(errors(source::check("e2e/src/x.rs", &file(601, 0, 0)))[0].contains("601 lines"));
    assert_eq!(
        errors(source::check("e2e/src/x/tests.rs", &file(601, 0, 0))),
        Vec::<String>::new()
    );
}

#[test]
fn a_string_is_no_error_type() {
    let broken = "//! x\npub fn a(b: u8) -> Result<HashMap<u8, (u8, u8)>, String> {}\npub fn c() -> Result<u8, E>;\n";
    let found = errors(source::check("crates/flows/x/src/a.rs", broken));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`pub fn a(b: u8)"));
    let fine = "//! x\npub fn a() -> Result<String, Error> {}\npub fn b() -> Result<String> {}\nfn c() -> Result<u8, String> {}\n";
    assert_eq!(
        errors(source::check("crates/flows/x/src/a.rs", fine)),
        Vec::<String>::new()
    );
}

#[test]
fn the_core_touches_nothing() {
    let text = "//! x\n// std::fs is for host\nuse std::net::IpAddr;\nlet now = Instant::now();\n";
    let found = errors(source::check("crates/core/x/src/a.rs", text));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`Instant::now`"));
}

#[test]
fn paths_in_documents_exist() {
    let exists = |path: &str| ["crates", "crates/core", "docs"].contains(&path);
    let text = "`crates/core/` and `crates/gone` and `/v1/vms`, `text/plain`, `cargo xtask x/y`";
    assert_eq!(
        errors(paths::check("A.md", text, &exists)),
        ["A.md: `crates/gone` does not exist"]
    );
}
