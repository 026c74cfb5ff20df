//! The pages of support bundles and of security.

use corbel_node_api::{
    Bundle, BundleList, BundleRequest, RemovableDisk, SecurityFinding, SecurityGrade, SecurityLevel,
};

use super::*;

pub(super) fn bundles() -> BundleList {
    BundleList {
        bundles: vec![Bundle {
            name: "corbel-support-node1-20261126T181530Z.tar.xz".into(),
            bytes: 812_344,
        }],
        disks: vec![RemovableDisk {
            device: "/dev/sde1".into(),
            file_system: "vfat".into(),
            label: Some("STICK".into()),
            model: None,
            size: 8 << 30,
        }],
    }
}

pub(super) fn security() -> SecurityLevel {
    let finding = |title: &str, state: &str, grade, raise: Option<&str>| SecurityFinding {
        id: title.to_lowercase(),
        title: title.into(),
        state: state.into(),
        grade,
        meaning: format!("What {title} means."),
        raise: raise.map(str::to_owned),
    };
    SecurityLevel {
        summary: "1 of 3 are as good as they can be; could be better: Secure Boot; not known: Kernel lockdown".into(),
        findings: vec![
            finding(
                "Secure Boot",
                "off",
                SecurityGrade::Weak,
                Some("Switch it on in the firmware."),
            ),
            finding("TPM", "version 2", SecurityGrade::Good, None),
            finding("Kernel lockdown", "not known", SecurityGrade::NotKnown, None),
        ],
    }
}

#[test]
fn a_bundle_goes_to_the_disk_that_was_chosen_after_a_question() {
    let mut state = on_page("Support bundle");
    assert_eq!(press(&mut state, &[Key::Enter]), None);
    let shown = as_text(&state, 80, 24);
    assert!(
        shown.contains("Write a bundle to /dev/sde1 (STICK), vfat, 8 GiB?"),
        "{shown}"
    );
    let action = press(&mut state, &[Key::Char('y')]);
    let request = BundleRequest {
        disk: Some("/dev/sde1".into()),
        url: None,
    };
    assert_eq!(action, Some(Action::Call(Call::Bundle(Box::new(request)))));
}

#[test]
fn a_url_is_typed_and_looked_at() {
    let mut state = on_page("Support bundle");
    press(
        &mut state,
        &[Key::Down, Key::Down, Key::Enter, Key::Char('x'), Key::Enter],
    );
    assert!(as_text(&state, 80, 24).contains("Give a URL that begins with"));
    press(&mut state, &[Key::Clear]);
    let typed: Vec<Key> = "https://h/x".chars().map(Key::Char).collect();
    press(&mut state, &typed);
    let action = press(&mut state, &[Key::Enter, Key::Char('y')]);
    let request = BundleRequest {
        disk: None,
        url: Some("https://h/x".into()),
    };
    assert_eq!(action, Some(Action::Call(Call::Bundle(Box::new(request)))));
}

#[test]
fn a_new_list_of_disks_takes_a_question_back() {
    let mut state = on_page("Support bundle");
    press(&mut state, &[Key::Enter]);
    state.on(Event::Reply(Reply::Bundles(Ok(BundleList::default()))));
    assert_eq!(press(&mut state, &[Key::Char('y')]), None);
    let shown = as_text(&state, 80, 24);
    assert!(shown.contains("No USB disk"), "{shown}");
}
