//! A small recipe for tests, written out and loaded as any other.

use corbel_sys::write_atomic;

use super::*;

/// Write the recipe's files below `folder` and load them.
pub(crate) fn recipe(folder: &Path) -> Loaded {
    let folder = folder.join("recipe");
    for (name, text) in [
        (
            "recipe.toml",
            r#"version = 1
[os]
id = "corbel"
name = "Corbel"
pretty_name = "Corbel {version}"
home = "https://corbel.invalid"
suites = ["trixie"]
components = ["main"]
[root]
block_kib = 256
compression = "zstd"
level = 1
[boot]
timeout = 3
words = ["quiet"]
[[boot.entry]]
title = "Run {name} {version}"
words = ["a=1"]
[[boot.entry]]
title = "Rescue"
words = ["rescue"]
[seed]
size_mib = 4
"#,
        ),
        ("packages.toml", "[[package]]\nname = \"bash\"\nwhy = \"a shell\"\n"),
        ("tools.toml", "[[package]]\nname = \"xorriso\"\nwhy = \"the ISO\"\n"),
        (
            "prune.toml",
            "[[drop]]\nwhy = \"documents\"\npaths = [\"usr/share/doc/**\", \"boot/**\", \"var/lib/dpkg/**\"]\n\
             keep = [\"usr/share/doc/*/copyright\"]\n",
        ),
        (
            "modules.toml",
            "[[drop]]\nclass = \"sound\"\nwhy = \"silence\"\npaths = [\"kernel/sound/**\"]\n[initrd]\nalways = [\"loop\"]\n\
             [[initrd.class]]\nwhy = \"disks\"\nmodules = [\"sd_mod\"]\n",
        ),
        (
            "units.toml",
            "default_target = \"multi-user.target\"\n[[enable]]\nunit = \"a.service\"\nwhy = \"from a package\"\n\
             [[enable]]\nunit = \"b@tty1.service\"\nwhy = \"from the overlay\"\n[[mask]]\nunit = \"c.service\"\nwhy = \"unwanted\"\n",
        ),
        (
            "overlay/usr/lib/systemd/system/b@.service",
            "[Service]\n[Install]\nWantedBy=getty.target\n",
        ),
        ("overlay/etc/motd", "ours\n"),
    ] {
        write_atomic(&folder.join(name), text.as_bytes(), 0o644).expect("written");
    }
    load(&folder).expect("the recipe loads")
}

#[test]
fn a_broken_recipe_is_told_with_file_line_and_column() {
    let dir = tempfile::tempdir().expect("a folder");
    recipe(dir.path());
    let folder = dir.path().join("recipe");
    write_atomic(&folder.join("prune.toml"), b"[[drop]]\nwy = \"x\"\n", 0o644).expect("written");
    let error = load(&folder).expect_err("refused");
    let source = std::error::Error::source(&error).expect("a source").to_string();
    let chain = format!("{error}: {source}");
    assert!(chain.contains("prune.toml"), "{chain}");
    assert!(matches!(load(dir.path()), Err(BuildError::NoRecipe { .. })));
    std::fs::remove_file(folder.join("units.toml")).expect("removed");
    assert!(load(&folder).expect_err("refused").to_string().contains("units.toml"));
}
