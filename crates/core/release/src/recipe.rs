//! The recipe: the TOML files of `image/`, strict, each with the reason for every line.

use serde::Deserialize;

/// A recipe file that cannot be used. The source carries line and column.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("{file} cannot be read as a recipe")]
    Parse {
        file: &'static str,
        source: Box<toml::de::Error>,
    },
    #[error("{file}: {problem}")]
    Rule { file: &'static str, problem: String },
}

/// `recipe.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub version: u32,
    pub os: Os,
    pub root: Root,
    pub boot: Boot,
    pub seed: Seed,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Os {
    pub id: String,
    pub name: String,
    pub pretty_name: String,
    pub home: String,
    /// The first is the default.
    pub suites: Vec<String>,
    pub components: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    pub block_kib: u32,
    pub compression: String,
    pub level: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// Seconds.
    pub timeout: u32,
    pub words: Vec<String>,
    pub entry: Vec<BootEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootEntry {
    pub title: String,
    pub words: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    pub size_mib: u32,
}

/// `packages.toml` and `tools.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    pub package: Vec<Package>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    pub name: String,
    pub why: String,
}

/// `prune.toml`, and the `drop` part of `modules.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    pub drop: Vec<Drop>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    pub why: String,
    #[serde(default)]
    pub class: Option<String>,
    pub paths: Vec<String>,
    #[serde(default)]
    pub keep: Vec<String>,
}

/// `modules.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modules {
    pub drop: Vec<Drop>,
    pub initrd: InitrdModules,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitrdModules {
    pub always: Vec<String>,
    pub class: Vec<InitrdClass>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitrdClass {
    pub why: String,
    pub modules: Vec<String>,
}

/// `units.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    pub default_target: String,
    pub enable: Vec<Unit>,
    pub mask: Vec<Unit>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    pub unit: String,
    pub why: String,
}

fn parse<T: serde::de::DeserializeOwned>(file: &'static str, text: &str) -> Result<T, RecipeError> {
    toml::from_str(text).map_err(|source| RecipeError::Parse {
        file,
        source: Box::new(source),
    })
}

fn reasons<'a>(file: &'static str, entries: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), RecipeError> {
    for (what, why) in entries {
        if why.trim().is_empty() {
            return Err(RecipeError::Rule {
                file,
                problem: format!("{what} has no reason: say why it is there"),
            });
        }
    }
    Ok(())
}

/// Parse `recipe.toml`.
pub fn parse_recipe(text: &str) -> Result<Recipe, RecipeError> {
    const FILE: &str = "recipe.toml";
    let recipe: Recipe = parse(FILE, text)?;
    let rule = |problem: String| RecipeError::Rule { file: FILE, problem };
    if recipe.version != 1 {
        return Err(rule(format!(
            "version is {}: this builder reads version 1",
            recipe.version
        )));
    }
    if recipe.os.suites.is_empty() || recipe.boot.entry.is_empty() {
        return Err(rule("os.suites and boot.entry need at least one entry each".into()));
    }
    if !recipe.root.block_kib.is_power_of_two() || !(4..=1024).contains(&recipe.root.block_kib) {
        return Err(rule(format!(
            "root.block_kib is {}: give a power of two from 4 to 1024",
            recipe.root.block_kib
        )));
    }
    if !(1..=64).contains(&recipe.seed.size_mib) {
        return Err(rule(format!("seed.size_mib is {}: give 1 to 64", recipe.seed.size_mib)));
    }
    Ok(recipe)
}

/// Parse `packages.toml` or `tools.toml`; `file` is for messages.
pub fn parse_packages(file: &'static str, text: &str) -> Result<Packages, RecipeError> {
    let packages: Packages = parse(file, text)?;
    reasons(file, packages.package.iter().map(|p| (p.name.as_str(), p.why.as_str())))?;
    for package in &packages.package {
        // deb-control(5): at least two of these characters, beginning with a letter or digit.
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
        if package.name.len() < 2 || !package.name.chars().all(good) || package.name.starts_with(['+', '-', '.']) {
            return Err(RecipeError::Rule {
                file,
                problem: format!("{:?} is not a package name", package.name),
            });
        }
    }
    Ok(packages)
}

/// Parse `prune.toml`.
pub fn parse_prune(text: &str) -> Result<Prune, RecipeError> {
    const FILE: &str = "prune.toml";
    let prune: Prune = parse(FILE, text)?;
    reasons(
        FILE,
        prune
            .drop
            .iter()
            .map(|d| (d.paths.first().map_or("an empty entry", String::as_str), d.why.as_str())),
    )?;
    Ok(prune)
}

/// Parse `modules.toml`.
pub fn parse_modules(text: &str) -> Result<Modules, RecipeError> {
    const FILE: &str = "modules.toml";
    let modules: Modules = parse(FILE, text)?;
    reasons(
        FILE,
        modules
            .drop
            .iter()
            .map(|d| (d.class.as_deref().unwrap_or("an entry"), d.why.as_str())),
    )?;
    reasons(
        FILE,
        modules.initrd.class.iter().map(|c| ("an initrd class", c.why.as_str())),
    )?;
    Ok(modules)
}

/// Parse `units.toml`.
pub fn parse_units(text: &str) -> Result<Units, RecipeError> {
    const FILE: &str = "units.toml";
    let units: Units = parse(FILE, text)?;
    reasons(
        FILE,
        units
            .enable
            .iter()
            .chain(&units.mask)
            .map(|u| (u.unit.as_str(), u.why.as_str())),
    )?;
    Ok(units)
}

/// Whether any of `drops` takes `path` out.
pub fn is_dropped(drops: &[Drop], path: &str) -> bool {
    drops.iter().any(|drop| {
        drop.paths.iter().any(|p| crate::glob::matches(p, path))
            && !drop.keep.iter().any(|k| crate::glob::matches(k, path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_recipe_of_the_house_is_well_formed() {
        parse_recipe(include_str!("../../../../image/recipe.toml")).expect("recipe.toml");
        parse_packages("packages.toml", include_str!("../../../../image/packages.toml")).expect("packages.toml");
        parse_packages("tools.toml", include_str!("../../../../image/tools.toml")).expect("tools.toml");
        parse_prune(include_str!("../../../../image/prune.toml")).expect("prune.toml");
        parse_modules(include_str!("../../../../image/modules.toml")).expect("modules.toml");
        parse_units(include_str!("../../../../image/units.toml")).expect("units.toml");
    }

    #[test]
    fn network_storage_and_platform_drivers_are_never_dropped() {
        let modules = parse_modules(include_str!("../../../../image/modules.toml")).expect("modules.toml");
        for path in [
            "kernel/drivers/net/ethernet/intel/ice/ice.ko.xz",
            "kernel/drivers/net/ethernet/broadcom/bnxt/bnxt_en.ko.xz",
            "kernel/drivers/net/usb/r8152.ko.xz",
            "kernel/drivers/net/bonding/bonding.ko.xz",
            "kernel/drivers/scsi/qla2xxx/qla2xxx.ko.xz",
            "kernel/drivers/scsi/lpfc/lpfc.ko.xz",
            "kernel/drivers/ata/ahci.ko.xz",
            "kernel/drivers/nvme/host/nvme.ko.xz",
            "kernel/drivers/md/dm-multipath.ko.xz",
            "kernel/drivers/infiniband/hw/mlx5/mlx5_ib.ko.xz",
            "kernel/drivers/platform/x86/dell/dell-smbios.ko.xz",
            "kernel/drivers/char/ipmi/ipmi_si.ko.xz",
            "kernel/drivers/gpu/drm/ast/ast.ko.xz",
            "kernel/drivers/gpu/drm/mgag200/mgag200.ko.xz",
            "kernel/arch/x86/kvm/kvm-amd.ko.xz",
            "kernel/drivers/vfio/pci/vfio-pci.ko.xz",
        ] {
            assert!(!is_dropped(&modules.drop, path), "{path} must stay");
        }
        assert!(is_dropped(&modules.drop, "kernel/sound/core/snd.ko.xz"));
    }

    #[test]
    fn a_line_without_a_reason_is_refused_by_name() {
        let error =
            parse_packages("packages.toml", "[[package]]\nname = \"bash\"\nwhy = \" \"\n").expect_err("no reason");
        assert_eq!(
            error.to_string(),
            "packages.toml: bash has no reason: say why it is there"
        );
        let error =
            parse_packages("packages.toml", "[[package]]\nname = \"Bash;rm\"\nwhy = \"x\"\n").expect_err("bad name");
        assert!(error.to_string().contains("Bash;rm"));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,200}") {
            let _ = parse_recipe(&text);
            let _ = parse_modules(&text);
            let _ = parse_units(&text);
        }
    }
}
