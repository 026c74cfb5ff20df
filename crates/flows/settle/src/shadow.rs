//! One field of shadow(5).

/// `text` with the password of `user` replaced by `hash`, everything else as it was; `None` when the user has no line.
pub(crate) fn with_password(text: &str, user: &str, hash: &str) -> Option<String> {
    let mut found = false;
    let lines: Vec<String> = text
        .lines()
        .map(|line| match line.split_once(':') {
            Some((name, rest)) if name == user => {
                found = true;
                let after = rest.find(':').map_or("", |at| &rest[at..]);
                format!("{name}:{hash}{after}")
            }
            _ => line.to_owned(),
        })
        .collect();
    found.then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_users_password_changes() {
        let before = "root:*:20000:0:99999:7:::\nadmin:!:20000:0:99999:7:::\nadministrator:x:1::::::\n";
        let after = with_password(before, "admin", "$6$a$b").expect("admin is there");
        assert_eq!(
            after,
            "root:*:20000:0:99999:7:::\nadmin:$6$a$b:20000:0:99999:7:::\nadministrator:x:1::::::\n"
        );
        assert_eq!(with_password("root:*:::::::\n", "admin", "x"), None);
        assert_eq!(with_password("admin:!", "admin", "x").as_deref(), Some("admin:x\n"));
    }

    proptest! {
        #[test]
        fn no_line_is_lost(text in "([a-c]{1,3}:[!*x]:[0-9]{0,3}\n){0,6}") {
            let before = format!("admin:!:1\n{text}");
            let after = with_password(&before, "admin", "h").expect("admin is there");
            prop_assert_eq!(after.lines().count(), before.lines().count());
            prop_assert_eq!(after.lines().skip(1).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        }
    }
}
