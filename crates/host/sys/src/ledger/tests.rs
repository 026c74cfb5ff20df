//! Copies that are whole, torn, swapped and missing.

use super::*;

fn ledger() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::new(folder.path(), "node", "toml");
    (folder, ledger)
}

#[test]
fn a_save_goes_over_the_older_copy() {
    let (folder, ledger) = ledger();
    assert_eq!(ledger.load().expect("nothing yet"), None);
    for (number, text) in ["one\n", "two\n", "three\n"].into_iter().enumerate() {
        assert_eq!(ledger.save(text).expect("saved"), number as u64 + 1);
        assert_eq!(ledger.load().expect("read").expect("there").text, text);
    }
    let first = fs::read_to_string(folder.path().join("node.a.toml")).expect("a copy");
    assert!(first.starts_with("# corbel generation=3 sha256="), "{first}");
    let second = fs::read_to_string(folder.path().join("node.b.toml")).expect("a copy");
    assert!(second.ends_with("\ntwo\n"), "{second}");
}

#[test]
fn every_cut_of_the_newest_copy_leaves_the_one_before() {
    let old = render_copy(7, "old = 1\n");
    let new = render_copy(8, "new = 22\n");
    for length in 0..new.len() {
        let (index, found) = newest([Some(&new.as_bytes()[..length]), Some(old.as_bytes())]).expect("one is whole");
        assert_eq!((index, found.generation, found.text.as_str()), (1, 7, "old = 1\n"));
    }
    let (index, found) = newest([Some(new.as_bytes()), Some(old.as_bytes())]).expect("both are whole");
    assert_eq!((index, found.generation), (0, 8));
}

#[test]
fn a_flipped_bit_or_a_foreign_file_is_not_whole() {
    let copy = render_copy(1, "a = 1\n").into_bytes();
    for at in 0..copy.len() {
        let mut damaged = copy.clone();
        damaged[at] ^= 1;
        // A changed generation is the one thing that the sum does not cover; it stays readable text.
        let in_generation = at == HEAD.len();
        assert_eq!(parse_copy(&damaged).is_some(), in_generation, "byte {at}");
    }
    assert_eq!(parse_copy(b"a = 1\n"), None);
}

#[test]
fn two_damaged_copies_are_an_error_and_not_an_empty_ledger() {
    let (folder, ledger) = ledger();
    write_atomic(&folder.path().join("node.b.toml"), b"torn", 0o600).expect("written");
    assert!(matches!(ledger.load(), Err(LedgerError::Damaged { .. })));
    ledger.save("again\n").expect("saved over");
    assert_eq!(ledger.load().expect("read").expect("there").text, "again\n");
    ledger.remove().expect("removed");
    assert_eq!(ledger.load().expect("nothing"), None);
}
