//! Names that people type. Each has its own type, so that a volume cannot be passed where a machine is wanted.

use std::fmt;
use std::str::FromStr;

/// A name that breaks its rule. `kind` says what was being named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("{kind} name is empty: give 1 to {max} characters")]
    Empty { kind: &'static str, max: usize },
    /// Longer than the rule allows.
    #[error("{kind} name has {len} characters: at most {max} are allowed")]
    TooLong { kind: &'static str, len: usize, max: usize },
    /// A character outside the allowed set, or in a place where it may not stand.
    #[error("{kind} name {name:?} has {found:?} at position {position}: {rule}")]
    BadCharacter {
        kind: &'static str,
        name: String,
        found: char,
        position: usize,
        rule: &'static str,
    },
}

const OBJECT_RULE: &str = "use letters, digits, '.', '_', '+' and '-', and begin with a letter or a digit";

/// The rule that machines, volumes and networks share: what is safe as a libvirt name, a file name and a URL segment.
fn check_object(kind: &'static str, name: &str, max: usize) -> Result<(), NameError> {
    let len = name.chars().count();
    if len == 0 {
        return Err(NameError::Empty { kind, max });
    }
    if len > max {
        return Err(NameError::TooLong { kind, len, max });
    }
    for (position, found) in name.chars().enumerate() {
        let inner = position > 0 && matches!(found, '.' | '_' | '-' | '+');
        if !(found.is_ascii_alphanumeric() || inner) {
            return Err(NameError::BadCharacter {
                kind,
                name: name.to_owned(),
                found,
                position: position + 1,
                rule: OBJECT_RULE,
            });
        }
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(name).map(|()| Self(name.to_owned()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// A virtual machine's name, 1 to 63 characters.
    VmName,
    |name| check_object("VM", name, 63)
);
name_type!(
    /// A storage pool's name, 1 to 63 characters.
    PoolName,
    |name| check_object("pool", name, 63)
);
name_type!(
    /// A libvirt network's or a host bridge's name. Bridges are interfaces: 15 characters at most (`IFNAMSIZ`, netdevice(7)).
    NetworkName,
    |name| check_object("network", name, 50)
);
name_type!(
    /// The name of a keymap below `/usr/share/keymaps`, without `.kmap.gz` (loadkeys(1)), 1 to 40 characters.
    Keymap,
    |name| check_object("keyboard layout", name, 40)
);
name_type!(
    /// A host name: labels of RFC 1123, 253 characters in all.
    HostName,
    check_host
);

/// A volume's name: that of its file, 1 to 127 characters, and for a volume outside the pool `default` that of the pool and
/// a slash before it: `web.qcow2`, `data2/web.qcow2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeName(String);

impl VolumeName {
    /// The pool of a volume whose name has no slash.
    pub const DEFAULT_POOL: &str = "default";

    /// The name as people write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The pool that it is in.
    pub fn pool(&self) -> &str {
        Self::split(&self.0).0
    }

    /// Its name within the pool, which is a file name.
    pub fn file(&self) -> &str {
        Self::split(&self.0).1
    }

    /// Pool and file name of `name`, which need not keep the rules: other programs make volumes too.
    pub fn split(name: &str) -> (&str, &str) {
        name.split_once('/').unwrap_or((Self::DEFAULT_POOL, name))
    }

    /// The inverse of [`VolumeName::split`].
    pub fn join(pool: &str, file: &str) -> String {
        if pool == Self::DEFAULT_POOL {
            file.to_owned()
        } else {
            format!("{pool}/{file}")
        }
    }
}

impl FromStr for VolumeName {
    type Err = NameError;
    fn from_str(name: &str) -> Result<Self, NameError> {
        let (pool, file) = Self::split(name);
        check_object("pool", pool, 63)?;
        check_object("volume", file, 127)?;
        Ok(Self(Self::join(pool, file)))
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HostName {
    /// Why a node cannot be called so itself; `None` where it can. What it calls others may be longer. Continues the name's key to a sentence.
    pub fn problem_as_own(&self) -> Option<String> {
        /// `__NEW_UTS_LEN` of Linux, see sethostname(2).
        const LONGEST: usize = 64;
        let length = self.as_str().len();
        (length > LONGEST)
            .then(|| format!("has {length} characters, and Linux takes {LONGEST} for its own: give a shorter one"))
    }
}

fn check_host(name: &str) -> Result<(), NameError> {
    const KIND: &str = "host";
    const RULE: &str = "labels of letters, digits and inner '-', 1 to 63 characters each, joined by '.'";
    if name.is_empty() {
        return Err(NameError::Empty { kind: KIND, max: 253 });
    }
    if name.len() > 253 {
        return Err(NameError::TooLong {
            kind: KIND,
            len: name.chars().count(),
            max: 253,
        });
    }
    let mut start = 0;
    for label in name.split('.') {
        let bad = |position: usize, found: char| NameError::BadCharacter {
            kind: KIND,
            name: name.to_owned(),
            found,
            position: position + 1,
            rule: RULE,
        };
        if label.is_empty() {
            return Err(bad(start, '.'));
        }
        if let Some((at, found)) = label.char_indices().find(|(at, c)| {
            !(c.is_ascii_alphanumeric() || (*c == '-' && *at > 0 && *at + 1 < label.len())) || *at >= 63
        }) {
            return Err(bad(start + at, found));
        }
        start += label.len() + 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_that_breaks_the_rule_says_where() {
        let error = "web server".parse::<VmName>().expect_err("a blank is not allowed");
        assert_eq!(
            error.to_string(),
            format!("VM name \"web server\" has ' ' at position 4: {OBJECT_RULE}")
        );
        assert!("".parse::<VmName>().is_err());
        assert!("../etc".parse::<VolumeName>().is_err());
        assert!("-x".parse::<NetworkName>().is_err());
        assert!("a".repeat(64).parse::<VmName>().is_err());
    }

    #[test]
    fn a_volume_is_a_file_in_a_pool() {
        let name = |text: &str| text.parse::<VolumeName>();
        for (text, written, pool, file) in [
            ("web.qcow2", "web.qcow2", "default", "web.qcow2"),
            ("default/web.qcow2", "web.qcow2", "default", "web.qcow2"),
            ("data2/web.qcow2", "data2/web.qcow2", "data2", "web.qcow2"),
        ] {
            let name = name(text).expect(text);
            assert_eq!((name.as_str(), name.pool(), name.file()), (written, pool, file));
        }
        for bad in ["a/b/c", "/web", "data2/", "../web", "data2/../web", "data2/.web"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn host_names_follow_rfc_1123() {
        for good in ["a", "node-1", "node1.example.org", "1st"] {
            assert!(good.parse::<HostName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "a..b", "-a", "a-", "a_b", "a.-b", "ä"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics_and_none_can_leave_its_folder(text in ".{0,300}") {
            if let Ok(name) = text.parse::<VolumeName>() {
                prop_assert!(!name.file().contains('/') && !name.file().starts_with('.'));
                prop_assert!(!name.pool().contains('/') && !name.pool().starts_with('.'));
                prop_assert_eq!(VolumeName::join(name.pool(), name.file()), name.as_str());
            }
            let _ = text.parse::<HostName>();
        }
    }
}
