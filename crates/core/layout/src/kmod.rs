//! The kernel's module index (modules.dep(5) and `modules.alias` of depmod(8)): which files to load for a device or a
//! name, and in which order.
//!
//! Tolerant of lines it does not understand, as libkmod is: an index is written by depmod, and a line too many must not
//! keep a machine from booting.

use std::collections::{HashMap, HashSet};

/// What depmod wrote, ready for questions.
#[derive(Debug, Clone, Default)]
pub struct ModuleIndex {
    /// Module name → (path below the module directory, names it depends on).
    modules: HashMap<String, (String, Vec<String>)>,
    /// Alias patterns by what stands before their first `:`, so that one device meets the patterns of its bus only.
    aliases: HashMap<String, Vec<(String, String)>>,
}

/// What to load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadOrder {
    /// Paths below the module directory, dependencies first, each once.
    pub paths: Vec<String>,
    /// Wanted names that the index does not have: built into the kernel, or left out.
    pub missing: Vec<String>,
}

impl ModuleIndex {
    /// Reads the texts of `modules.dep` and `modules.alias`.
    pub fn parse(dep: &str, alias: &str) -> Self {
        let mut index = Self::default();
        for line in dep.lines() {
            if let Some((path, needs)) = line.split_once(':') {
                let needs = needs.split_whitespace().map(module_name).collect();
                index.modules.insert(module_name(path), (path.trim().to_owned(), needs));
            }
        }
        for line in alias.lines() {
            let mut words = line.split_whitespace();
            if let (Some("alias"), Some(pattern), Some(module)) = (words.next(), words.next(), words.next()) {
                let entry = (pattern.to_owned(), module_name(module));
                index.aliases.entry(bus(pattern).to_owned()).or_default().push(entry);
            }
        }
        index
    }

    /// Modules whose alias patterns match a device's `modalias`, and that the index has.
    pub fn matching(&self, modalias: &str) -> Vec<&str> {
        let patterns = self.aliases.get(bus(modalias)).map(Vec::as_slice).unwrap_or_default();
        let hits = patterns.iter().filter(|(pattern, module)| {
            self.modules.contains_key(module) && glob_matches(pattern.as_bytes(), modalias.as_bytes())
        });
        hits.map(|(_, module)| module.as_str()).collect()
    }

    /// The files to load for devices and for modules by name (`-` and `_` are the same in names).
    pub fn load_order<'a>(
        &self,
        modaliases: impl IntoIterator<Item = &'a str>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> LoadOrder {
        let mut order = LoadOrder::default();
        let mut seen = HashSet::new();
        for name in names {
            let name = module_name(name);
            if self.modules.contains_key(&name) {
                self.visit(&name, &mut seen, &mut order);
            } else if !order.missing.contains(&name) {
                order.missing.push(name);
            }
        }
        for module in modaliases.into_iter().flat_map(|alias| self.matching(alias)) {
            self.visit(module, &mut seen, &mut order);
        }
        order
    }

    /// depmod lists all dependencies of a module flat, the one that everything else needs last.
    fn visit(&self, name: &str, seen: &mut HashSet<String>, order: &mut LoadOrder) {
        let Some((path, needs)) = self.modules.get(name) else {
            return;
        };
        for module in needs.iter().rev() {
            if let Some((path, _)) = self.modules.get(module)
                && seen.insert(module.clone())
            {
                order.paths.push(path.clone());
            }
        }
        if seen.insert(name.to_owned()) {
            order.paths.push(path.clone());
        }
    }
}

/// `kernel/drivers/md/dm-mod.ko.xz` → `dm_mod`.
pub fn module_name(path: &str) -> String {
    let file = path.trim().rsplit('/').next().unwrap_or_default();
    file.split(".ko").next().unwrap_or_default().replace('-', "_")
}

fn bus(alias: &str) -> &str {
    alias.split(':').next().unwrap_or_default()
}

/// fnmatch(3) without flags, for what depmod writes: `*`, `?`, `[…]` with ranges and `!`.
fn glob_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the present try fails: behind the last `*`, which then swallows one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
        } else if let Some(next) = one(&pattern[p..], text[t]) {
            p += next;
            t += 1;
        } else if let Some((after_star, swallowed)) = retry {
            (p, t) = (after_star, swallowed + 1);
            retry = Some((after_star, swallowed + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// Length of the pattern's first element when it matches `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => {
            let end = pattern.iter().skip(2).position(|b| *b == b']').map(|n| n + 2)?;
            let (negated, class) = match &pattern[1..end] {
                [b'!' | b'^', class @ ..] if !class.is_empty() => (true, class),
                class => (false, class),
            };
            (in_class(class, byte) != negated).then_some(end + 1)
        }
        literal => (*literal == byte).then_some(1),
    }
}

fn in_class(mut class: &[u8], byte: u8) -> bool {
    loop {
        match class {
            [low, b'-', high, rest @ ..] => {
                if (low..=high).contains(&&byte) {
                    return true;
                }
                class = rest;
            }
            [single, rest @ ..] => {
                if *single == byte {
                    return true;
                }
                class = rest;
            }
            [] => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEP: &str = "\
kernel/drivers/scsi/scsi_common.ko:
kernel/drivers/scsi/scsi_mod.ko: kernel/drivers/scsi/scsi_common.ko
kernel/drivers/cdrom/cdrom.ko:
kernel/drivers/scsi/sr_mod.ko: kernel/drivers/cdrom/cdrom.ko kernel/drivers/scsi/scsi_mod.ko kernel/drivers/scsi/scsi_common.ko
kernel/drivers/ata/libata.ko.xz: kernel/drivers/scsi/scsi_mod.ko kernel/drivers/scsi/scsi_common.ko
kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libata.ko.xz kernel/drivers/scsi/scsi_mod.ko kernel/drivers/scsi/scsi_common.ko
kernel/drivers/md/dm-mod.ko:
";
    const ALIAS: &str = "\
# Aliases extracted from modules themselves.
alias pci:v*d*sv*sd*bc01sc06i01* ahci
alias scsi:t-0x05* sr_mod
alias scsi:t-0x04* sr_mod
alias pci:v00001234d* not_in_this_initrd
odd line
";

    #[test]
    fn dependencies_come_first_and_once() {
        let index = ModuleIndex::parse(DEP, ALIAS);
        let devices = [
            "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
            "scsi:t-0x05",
            "pci:v00001234d1",
        ];
        let order = index.load_order(devices, ["dm-mod", "dm_mod", "squashfs"]);
        let names: Vec<_> = order.paths.iter().map(|p| module_name(p)).collect();
        assert_eq!(
            names,
            ["dm_mod", "scsi_common", "scsi_mod", "libata", "ahci", "cdrom", "sr_mod"]
        );
        assert_eq!(order.missing, ["squashfs"]);
        assert!(order.paths.contains(&"kernel/drivers/ata/libata.ko.xz".to_owned()));
    }

    #[test]
    fn patterns_match_as_fnmatch_does() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(
                glob_matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        };
        check("a*c*", "abcd", true);
        check("a*c", "abcd", false);
        check("a*bc", "abbbc", true);
        check("usb:v0403p[0-9]?", "usb:v0403p7x", true);
        check("[!a-c]x", "dx", true);
        check("[!a-c]x", "bx", false);
        check("[]a]", "]", true);
        check("[abc", "a", false);
        check("", "", true);
        check("**", "", true);
        check("?", "", false);
    }

    proptest! {
        #[test]
        fn arbitrary_texts_never_panic(dep in ".{0,200}", alias in "(alias [a-z:*?\\[\\]!-]{0,20} [a-z]{0,4}\n){0,9}", device in "[a-z:!-]{0,20}") {
            let index = ModuleIndex::parse(&dep, &alias);
            let _ = index.load_order([device.as_str()], [dep.as_str()]);
        }

        #[test]
        fn a_literal_matches_itself_alone(text in "[a-zA-Z0-9:]{0,30}") {
            prop_assert!(glob_matches(text.as_bytes(), text.as_bytes()));
            prop_assert!(glob_matches(b"*", text.as_bytes()));
            let longer = format!("{text}x");
            prop_assert!(!glob_matches(text.as_bytes(), longer.as_bytes()));
        }
    }
}
