//! Texts that are saved, torn, of another version, and pruned.

use super::*;

const HASH: &str = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";

fn store() -> (tempfile::TempDir, ConfigStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = ConfigStore::new(folder.path());
    (folder, store)
}

fn named(name: &str) -> String {
    format!("version = 1\nhostname = \"{name}\"\n")
}

fn origin() -> Origin {
    Origin {
        at: 1_764_157_000,
        by: "admin".into(),
        why: "a test".into(),
    }
}

fn now(store: &ConfigStore) -> Current {
    store.current().expect("read").expect("there")
}

#[test]
fn what_the_installer_wrote_is_read_and_its_password_moves_out_at_the_first_save() {
    let (folder, store) = store();
    assert_eq!(store.current().expect("read"), None);
    let installed = format!("{}[admin]\npassword_hash = \"{HASH}\"\n", named("a"));
    for _ in 0..2 {
        Ledger::new(folder.path(), "node", "toml")
            .save(&installed)
            .expect("saved");
    }
    let first = now(&store);
    assert_eq!((first.generation, first.text.as_str()), (2, named("a").as_str()));
    assert!(first.secrets.admin_password.is_some());
    let secrets = Secrets {
        collectd_password: "s3cr#t-of-node1".parse().ok(),
        ..first.secrets
    };
    assert_eq!(store.save(&named("b"), &secrets, &origin()).expect("saved"), 3);
    assert_eq!(store.save(&named("c"), &secrets, &origin()).expect("saved"), 4);
    assert_eq!(now(&store).secrets, secrets);
    for entry in fs::read_dir(folder.path()).expect("a folder").flatten() {
        if entry.path().is_file() {
            let text = fs::read_to_string(entry.path()).expect("text");
            let secret = entry.file_name().to_string_lossy().starts_with("secrets");
            assert_eq!(text.contains(HASH), secret, "{}", entry.path().display());
            assert!(secret || !text.contains("s3cr#t"), "{}", entry.path().display());
        }
    }
    let history = store.history().expect("read");
    let generations: Vec<_> = history.iter().map(|entry| entry.generation).collect();
    assert_eq!(generations, [4, 3, 2, 1]);
    assert_eq!((&history[0].origin, history[3].origin.at), (&origin(), 0));
    assert_eq!(store.text(3).expect("read"), Some(named("b")));
    assert!(!store.text(2).expect("read").expect("kept").contains(HASH));
    assert_eq!(store.text(9).expect("read"), None);
}

#[test]
fn a_copy_that_is_torn_at_any_byte_leaves_the_one_before() {
    let (folder, store) = store();
    store
        .save(&named("old"), &Secrets::default(), &origin())
        .expect("saved");
    store
        .save(&named("new"), &Secrets::default(), &origin())
        .expect("saved");
    let newest = folder.path().join("node.b.toml");
    let whole = fs::read(&newest).expect("the copy");
    for length in 0..whole.len() {
        write_atomic(&newest, &whole[..length], 0o600).expect("torn");
        assert_eq!(now(&store).text, named("old"), "{length} bytes");
    }
    // With both copies gone the history has what was saved last.
    write_atomic(&folder.path().join("node.a.toml"), b"torn", 0o600).expect("torn");
    let found = now(&store);
    assert_eq!((found.generation, found.text), (2, named("new")));
    assert!(found.notes[0].starts_with("neither copy of the document is whole"));
    assert_eq!(
        store
            .save(&named("next"), &Secrets::default(), &origin())
            .expect("saved"),
        3
    );
    assert_eq!((now(&store).text, now(&store).notes.len()), (named("next"), 0));
}

#[test]
fn a_document_of_a_newer_slot_is_kept_and_the_last_understood_one_counts() {
    let (folder, store) = store();
    store
        .save(&named("old"), &Secrets::default(), &origin())
        .expect("saved");
    let newer = "version = 2\nnode = { name = \"x\" }\n";
    let ledger = Ledger::new(folder.path(), "node", "toml");
    ledger.save(newer).expect("saved by the newer slot");
    ledger
        .save(&format!("{newer}# again\n"))
        .expect("saved by the newer slot");
    let found = now(&store);
    assert_eq!((found.newest, found.generation, found.text), (3, 1, named("old")));
    assert_eq!(found.notes.len(), 2);
    assert!(
        found.notes[0].contains("another version of Corbel"),
        "{:?}",
        found.notes
    );
    // Changing something here goes over neither text of the newer slot.
    for at in 0..30 {
        store
            .save(&named(&format!("n{at}")), &Secrets::default(), &origin())
            .expect("saved");
    }
    assert_eq!(store.text(2).expect("read").as_deref(), Some(newer));
    let history = store.history().expect("read");
    assert_eq!(history.iter().filter(|entry| entry.understood).count(), HISTORY);
    assert_eq!(history.len(), HISTORY + 2);
}

#[test]
fn nothing_whole_is_an_error_that_names_the_folder() {
    let (folder, store) = store();
    write_atomic(&folder.path().join("node.a.toml"), b"torn", 0o600).expect("torn");
    let error = store.current().expect_err("damaged").to_string();
    assert!(error.starts_with("neither copy of node in "), "{error}");
}

#[test]
fn the_password_of_who_is_gone_is_in_no_file_and_nobodys() {
    let (folder, store) = store();
    let with = format!("{}[[users]]\nname = \"ada\"\nrole = \"viewer\"\n", named("a"));
    let mut secrets = Secrets::default();
    secrets
        .user_passwords
        .insert("ada".into(), HASH.parse().expect("a hash"));
    store.save(&with, &secrets, &origin()).expect("saved");
    assert_eq!(now(&store).secrets, secrets);
    let found = || {
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        let texts = files.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
        texts.filter(|text| text.contains(HASH)).count()
    };
    assert_eq!(found(), 1);

    // A document that has nobody of the name, saved with the hash still beside it: whoever comes later gets no password by it.
    store.save(&named("b"), &secrets, &origin()).expect("saved");
    assert!(now(&store).secrets.user_passwords.is_empty());

    store.save(&with, &secrets, &origin()).expect("saved");
    store.save(&named("c"), &Secrets::default(), &origin()).expect("saved");
    assert_eq!(found(), 0);
    assert!(now(&store).secrets.user_passwords.is_empty());
}

#[test]
fn what_a_power_cut_left_in_the_history_hinders_no_save_and_goes() {
    let (folder, store) = store();
    let secrets = Secrets::default();
    assert_eq!(store.save(&named("a"), &secrets, &origin()).expect("saved"), 1);
    let history = folder.path().join("history");
    let whole = fs::read(history.join("00000001.toml")).expect("kept");
    fs::remove_file(history.join("00000001.toml")).expect("removed");
    for name in [".corbel-x7Yz01", "00000001.toml.bak"] {
        std::io::Write::write_all(&mut fs::File::create(history.join(name)).expect("made"), &whole).expect("written");
    }
    for generation in 2..=30 {
        assert_eq!(store.save(&named("b"), &secrets, &origin()).expect("saved"), generation);
    }
    let names = fs::read_dir(&history).expect("a folder").flatten();
    let mut names: Vec<_> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    assert_eq!((names.len(), names[0].as_str()), (HISTORY + 1, "00000001.toml.bak"));
    assert_eq!(store.history().expect("read").len(), HISTORY);
}

#[test]
fn a_document_that_is_saved_is_saved_whatever_becomes_of_its_history() {
    let (folder, store) = store();
    let secrets = Secrets::default();
    assert_eq!(store.save(&named("a"), &secrets, &origin()).expect("saved"), 1);
    // A folder in the place of the next entry: it cannot be replaced by a file.
    fs::create_dir(folder.path().join("history/00000002.toml")).expect("made");
    assert_eq!(store.save(&named("b"), &secrets, &origin()).expect("saved"), 2);
    assert_eq!(now(&store).text, named("b"));
}
