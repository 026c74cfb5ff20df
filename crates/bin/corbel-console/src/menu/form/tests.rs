use super::super::schema::sections;
use super::*;

/// A form and its document, as a page has them.
struct Page {
    form: Form,
    document: Document,
    password: Option<String>,
}

impl Page {
    fn open(title: &str, text: &str) -> Self {
        let all = sections(&corbel_model::seed::schema().to_string()).expect("the schema");
        let section = all.iter().find(|section| section.title == title).expect(title);
        Self {
            form: Form::of(section),
            document: Document::parse(text).expect("TOML"),
            password: None,
        }
    }

    fn press(&mut self, keys: &[Key]) -> &mut Self {
        for key in keys {
            match self.form.key(*key, &self.document, false) {
                Outcome::Change(change) => assert!(self.document.apply(change)),
                Outcome::Password(_, password) => self.password = Some(password),
                Outcome::Nothing | Outcome::Leave | Outcome::Unknown => {}
            }
            self.form.settle(&self.document);
        }
        self
    }

    fn at(&mut self, label: &str) -> &mut Self {
        let row = self.form.level().fields.iter().position(|field| field.label == label);
        self.form.level_mut().row = row.expect(label);
        self
    }

    fn type_in(&mut self, label: &str, text: &str) -> &mut Self {
        let keys: Vec<Key> = text.chars().map(Key::Char).collect();
        self.at(label)
            .press(&[Key::Enter, Key::Clear])
            .press(&keys)
            .press(&[Key::Enter])
    }
}

#[test]
fn an_entry_in_which_nothing_was_said_is_not_left_behind() {
    let mut page = Page::open("Bridges", "version = 1\n");
    page.press(&[Key::Char('a'), Key::Esc]);
    assert_eq!(page.document.count(&page.form.level().path), 0);
    page.press(&[Key::Char('a')]).type_in("name", "br0").press(&[Key::Esc]);
    assert_eq!(page.document.count(&page.form.level().path), 1);
}

#[test]
fn a_bond_is_made_and_a_member_of_a_bridge_removed() {
    let mut page = Page::open("Bonds", "version = 1\n");
    page.press(&[Key::Enter])
        .type_in("name", "bond0")
        .type_in("members", "eno1, eno2");
    page.at("options mode")
        .press(&[Key::Char(' ')])
        .type_in("options miimon", "50");
    assert_eq!(
        page.document.text(),
        "version = 1\n\n[[network.bond]]\nname = \"bond0\"\nmembers = [\"eno1\", \"eno2\"]\n\n[network.bond.options]\nmode = \"balance-rr\"\nmiimon = 50\n"
    );
    page.press(&[Key::Esc, Key::Char('d'), Key::Char('n')]);
    assert_eq!(page.document.count(&page.form.level().path), 1);
    page.press(&[Key::Char('d'), Key::Char('y')]);
    assert_eq!(page.document.text().trim(), "version = 1");
}

#[test]
fn values_turn_and_are_left_out() {
    let mut page = Page::open("Interfaces", "version = 1\n[[network.interface]]\nmatch = \"eno1\"\n");
    page.press(&[Key::Enter]).at("dhcp4");
    for text in ["dhcp4 = true", "dhcp4 = false", ""] {
        page.press(&[Key::Char(' ')]);
        assert!(page.document.text().contains(text), "{text}");
    }
    assert!(!page.document.text().contains("dhcp4"));
    page.type_in("dns", "[]");
    assert!(page.document.text().contains("dns = []"));
    page.press(&[Key::Char('x')]);
    assert!(!page.document.text().contains("dns"));
    page.press(&[Key::Char('x')]);
    assert!(page.form.error.is_some());
    page.at("routes")
        .press(&[Key::Enter, Key::Enter])
        .type_in("to", "10.0.0.0/8");
    assert_eq!(page.form.levels.len(), 4);
    assert!(
        page.document
            .text()
            .contains("[[network.interface.routes]]\nto = \"10.0.0.0/8\"")
    );
}

#[test]
fn a_number_that_is_none_stays_to_be_mended() {
    let mut page = Page::open("VLANs", "version = 1\n");
    page.press(&[Key::Enter]).type_in("id", "5000");
    assert_eq!(
        page.form.error.as_deref(),
        Some("\"5000\" is not a whole number from 1 to 4094")
    );
    assert!(page.form.edit.is_some());
    page.press(&[Key::Backspace, Key::Enter]);
    assert!(page.document.text().contains("id = 500"));
}

#[test]
fn a_password_is_typed_twice_and_is_never_in_the_document() {
    let mut page = Page::open("Admin", "version = 1\n");
    let typed = |text: &str| text.chars().map(Key::Char).collect::<Vec<_>>();
    page.at("password")
        .press(&[Key::Enter])
        .press(&typed("short"))
        .press(&[Key::Enter]);
    assert!(
        page.form
            .error
            .as_deref()
            .is_some_and(|error| error.contains("too short"))
    );
    page.press(&[Key::Clear])
        .press(&typed("plum-Tr3e"))
        .press(&[Key::Enter]);
    page.press(&typed("plum-Tree")).press(&[Key::Enter]);
    assert!(page.form.error.as_deref().is_some_and(|error| error.contains("differ")));
    for _ in 0..2 {
        page.press(&typed("plum-Tr3e")).press(&[Key::Enter]);
    }
    assert_eq!(page.password.as_deref(), Some("plum-Tr3e"));
    assert_eq!(page.document.text(), "version = 1\n");
    assert!(!format!("{:?}", page.form).contains("plum"));
}

#[test]
fn who_may_only_look_changes_nothing() {
    let mut page = Page::open("Interfaces", "version = 1\n[[network.interface]]\nmatch = \"eno1\"\n");
    for key in [
        Key::Enter,
        Key::Char(' '),
        Key::Char('x'),
        Key::Enter,
        Key::Esc,
        Key::Char('a'),
        Key::Char('d'),
        Key::End,
        Key::Enter,
    ] {
        assert!(
            !matches!(
                page.form.key(key, &page.document, true),
                Outcome::Change(_) | Outcome::Password(..)
            ),
            "{key:?}"
        );
    }
}

#[test]
fn an_entry_is_found_again_by_the_name_that_it_has_now() {
    let mut page = Page::open("Interfaces", "version = 1\n[[network.interface]]\nmatch = \"eno1\"\n");
    page.press(&[Key::Enter]).type_in("match", "eno2");
    page.at("routes")
        .press(&[Key::Enter, Key::Enter])
        .type_in("to", "10.0.0.0/8");
    page.at("via").press(&[Key::Enter, Key::Char('1')]);
    // The same, with another interface and another route before ours.
    page.document = Document::parse(
        "version = 1\n[[network.interface]]\nmatch = \"eno0\"\n[[network.interface]]\nmatch = \"eno2\"\n\
         routes = [{to = \"10.1.0.0/16\"}, {to = \"10.0.0.0/8\"}]\n",
    )
    .expect("TOML");
    page.form.find_again(&page.document);
    assert_eq!((page.form.levels.len(), page.form.edit.is_some()), (4, true));
    page.press(&[Key::Enter]);
    let text = page.document.text();
    assert!(text.contains("{to = \"10.1.0.0/16\"}"), "{text}");
    let route = open_entries(&page.form);
    assert_eq!(route, [Step::At(1), Step::At(1)]);
    // The interface is gone, and its routes with it.
    page.document = Document::parse("version = 1\n[[network.interface]]\nmatch = \"eno0\"\n").expect("TOML");
    page.form.find_again(&page.document);
    assert_eq!(page.form.levels.len(), 1);
}

#[test]
fn an_entry_that_was_just_added_is_the_last_or_gone() {
    let mut page = Page::open("Interfaces", "version = 1\n[[network.interface]]\nmatch = \"eno1\"\n");
    page.press(&[Key::End, Key::Enter]);
    let two = "version = 1\n[[network.interface]]\nmatch = \"eno1\"\n[[network.interface]]\nmatch = \"eno2\"\n";
    let (moved, lost) = page.document.moved_to(two).expect("TOML");
    assert_eq!(lost, 0);
    page.form.find_again(&moved);
    assert_eq!(open_entries(&page.form), [Step::At(2)]);
    // Nobody's entry is named by being the last.
    page.form.find_again(&Document::parse(two).expect("TOML"));
    assert_eq!(page.form.levels.len(), 1);
}

/// The numbers of the entries that are open.
fn open_entries(form: &Form) -> Vec<Step> {
    let path = form.level().path.iter().cloned();
    path.filter(|step| matches!(step, Step::At(_))).collect()
}
