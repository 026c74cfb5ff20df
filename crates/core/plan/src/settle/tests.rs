//! What a boot waits for.

use super::*;

#[test]
fn a_boot_waits_for_no_more_than_it_needs() {
    let need = |text: &str| {
        needs(&Sources {
            command_line: text.into(),
            ..Sources::default()
        })
    };
    assert_eq!(need("hostname=a"), Need::Nothing);
    assert_eq!(need("hostname=a ip=dhcp"), Need::Nothing);
    assert_eq!(
        need("quiet"),
        Need::Interfaces,
        "the host name is made from the first MAC address"
    );
    assert_eq!(
        need("hostname=a BOOTIF=eno1"),
        Need::Interfaces,
        "it may not be there, which is told"
    );
    assert_eq!(need("hostname=a BOOTIF=link"), Need::Carrier);
    assert_eq!(need("hostname=a ip=192.0.2.5/24"), Need::Carrier);
}

/// With nothing else said a boot must never write to a disk: the menu's entries only open the wizard.
#[test]
fn no_entry_of_the_boot_menu_installs_by_itself() {
    let recipe: toml::Table = toml::from_str(include_str!("../../../../../image/recipe.toml")).expect("recipe.toml");
    let texts = |value: &toml::Value| -> String {
        let words = value["words"].as_array().expect("a list");
        words
            .iter()
            .filter_map(toml::Value::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let common = texts(&recipe["boot"]);
    let entries = recipe["boot"]["entry"].as_array().expect("entries");
    assert!(entries.len() >= 7, "{} entries", entries.len());
    let plan = |command_line: String| {
        let sources = Sources {
            command_line,
            ..Sources::default()
        };
        plan_settle(&sources, &[])
    };
    let installs = |plan: &SettlePlan| plan.files.iter().any(|file| file.path == AUTO_INSTALL_FLAG);
    for entry in entries {
        let planned = plan(format!("{common} {}", texts(entry)));
        assert!(!installs(&planned) && planned.warnings.is_empty(), "{entry}: {planned}");
    }
    assert!(installs(&plan(format!(
        "{common} {} storage_init=",
        texts(&entries[0])
    ))));
}
