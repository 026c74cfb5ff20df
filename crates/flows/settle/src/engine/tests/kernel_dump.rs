//! Where dumps of the kernel go: tried before it is saved, and the old place kept when the new one cannot be reached.

use super::*;

const ORDER: &str = "/etc/corbel/kernel-dump";

#[test]
fn a_place_is_tried_and_a_boot_makes_the_same() {
    let (node, engine) = node("");
    let applied = engine
        .apply(asked("[kernel_dump]\ntarget = \"local\"\n"))
        .expect("applied");
    assert_eq!(node.ran(), ["corbel dump test", "corbel dump load"]);
    assert!(
        applied.change.warnings[0].contains("at the next start of the node"),
        "{:?}",
        applied.change.warnings
    );
    let before = node.etc();
    node.reboot();
    assert_eq!(node.etc(), before);
    engine.rollback(1, asked("")).expect("rolled back");
    assert_eq!(
        (node.ran(), node.text(ORDER)),
        (vec!["corbel dump unload".to_owned()], None)
    );
}

#[test]
fn the_old_place_stays_when_the_new_one_cannot_be_reached() {
    let (node, engine) = node("[kernel_dump]\ntarget = \"local\"\n");
    let before = node.text(ORDER);
    node.break_what_begins("corbel dump test");
    let document = "[kernel_dump]\ntarget = \"nfs\"\nlocation = \"192.0.2.7:/srv\"\n";
    let error = engine.apply(asked(document)).expect_err("refused").to_string();
    assert!(
        error.contains("try the place where dumps") && error.ends_with("the whole change was taken back"),
        "{error}"
    );
    assert_eq!(
        node.ran(),
        ["corbel dump test", "corbel dump load"],
        "the old place is not tried again"
    );
    assert_eq!(node.text(ORDER), before);
    assert!(before.is_some());
}
