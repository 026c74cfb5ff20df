//! Words, names, reasons and what stays.

use corbel_model::kernel_dump::KernelDump;
use corbel_model::seed::parse;

use super::*;

#[test]
fn the_image_sets_aside_what_this_table_says() {
    let recipe: toml::Table = toml::from_str(include_str!("../../../../../image/recipe.toml")).expect("the recipe");
    let words = recipe["boot"]["words"].as_array().expect("words");
    let own = words
        .iter()
        .filter_map(|word| word.as_str())
        .find(|word| word.starts_with("crashkernel="));
    assert_eq!(own, Some(crashkernel_word().as_str()));
    assert_eq!(crashkernel_word(), "crashkernel=1536M-64G:256M,64G-:512M");
    for (memory, mib) in [
        (ByteSize::mib(950), 0),
        (ByteSize::mib(1950), 256),
        (ByteSize::gib(62), 512),
        (ByteSize::gib(30), 256),
    ] {
        assert_eq!(set_aside(memory), ByteSize::mib(mib), "{memory}");
    }
}

#[test]
fn the_other_kernel_finds_the_same_root_and_nothing_to_install() {
    let running = "BOOT_IMAGE=/x quiet panic=30 console=ttyS0,115200 crashkernel=1536M-:256M corbel.root=abc corbel.slot=a hugepages=4 nomodeset";
    assert_eq!(
        crash_words(running),
        format!("quiet console=ttyS0,115200 corbel.root=abc corbel.slot=a nomodeset {FOR_THE_DUMP}")
    );
    assert_eq!(crash_words(&crash_words(running)), crash_words(running));
}

#[test]
fn the_last_words_say_why() {
    let sysrq = "[    1.0] boot\n[   99.1] sysrq: Trigger a crash\n[   99.2] Kernel panic - not syncing: sysrq triggered crash\n[   99.3] CPU: 0\n";
    assert_eq!(reason(sysrq), "sysrq triggered crash");
    assert_eq!(
        reason("[   2.0] BUG: kernel NULL pointer dereference, address: 0\n"),
        "BUG: kernel NULL pointer dereference, address: 0"
    );
    assert_eq!(reason("[   2.0] all is well\n"), "the kernel did not say why");
    assert!(reason(&format!("Kernel panic - not syncing: {}", "x".repeat(999))).len() <= 200);
}

#[test]
fn names_are_moments() {
    for (seconds, name) in [
        (0, "19700101T000000Z"),
        (951_782_399, "20000228T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (1_764_180_930, "20251126T181530Z"),
        (4_107_542_400, "21000301T000000Z"),
    ] {
        assert_eq!(name_of(seconds), name);
        assert!(is_name(name));
    }
    for bad in [
        "",
        "20251126T181530",
        "20251126T181530Z.new",
        "../../../../../x",
        "2025112XT181530Z",
        "ä0251126T18153Z",
    ] {
        assert!(!is_name(bad), "{bad}");
    }
}

#[test]
fn the_newest_stay_within_their_bounds() {
    let dumps: Vec<(String, u64)> = [("d", 5), ("c", 3), ("b", 1), ("a", 1)]
        .map(|(name, gib)| (name.to_owned(), gib << 30))
        .into();
    assert_eq!(surplus(&dumps, 3, ByteSize::gib(20)), ["a"]);
    assert_eq!(surplus(&dumps, 9, ByteSize::gib(8)), ["b", "a"]);
    assert_eq!(
        surplus(&dumps, 1, ByteSize::gib(1)),
        ["c", "b", "a"],
        "the newest stays"
    );
}

#[test]
fn an_order_is_read_as_it_is_written() {
    let ssh = "target = \"ssh\"\nlocation = \"corbel@[2001:db8::7]:/srv\"\nport = 2222\nhost_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl x\"\nmemory = \"200 MiB\"\n";
    for lines in [
        "target = \"local\"\nkeep = 5\n",
        "target = \"nfs\"\nlocation = \"dumps.example:/srv\"\n",
        ssh,
    ] {
        let seed = parse(&format!("version = 1\n[kernel_dump]\n{lines}")).expect("a document");
        let order = Order::of(&seed.kernel_dump).expect("an order");
        assert_eq!(
            Order::parse(&format!("# comment\n{}", order.render())).as_ref(),
            Ok(&order)
        );
    }
    assert_eq!(Order::of(&KernelDump::default()), None);
}
