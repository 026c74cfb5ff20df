use super::*;
use crate::seed;
use proptest::prelude::*;

fn words(text: &str) -> Words {
    Words::parse([text])
}

fn vol(value: &str) -> SizeRequest {
    parse_storage_vol(value).expect(value)
}

fn refused(body: &str) -> String {
    seed::parse(&format!("version = 1\n[install]\n{body}\n"))
        .expect_err(body)
        .to_string()
}

#[test]
fn storage_init_names_the_boot_disk_first() {
    let found = parse_storage_init("/dev/sda,scsi:A1,usb;/dev/sd[c-e],cciss").expect("good");
    assert_eq!(found.boot, DeviceMatch::path("/dev/sda"));
    assert_eq!(found.data.len(), 4);
    assert_eq!(
        (found.data[0].bus, found.data[0].serial.as_ref().map(Pattern::as_str)),
        (Some(Bus::Scsi), Some("A1"))
    );
    assert!(found.data[0].names_outright() && !found.data[1].names_outright() && !found.data[2].names_outright());
    assert_eq!(parse_storage_init(""), Ok(StorageInit::default()));
    assert!(parse_storage_init("").expect("good").boot.says_nothing());
    let all = parse_storage_init("scsi:ALL").expect("good");
    assert_eq!((all.boot.all, all.data.len(), all.data[0].all), (false, 1, true));
    for bad in [
        "sda",
        "/dev/",
        "/dev/../etc/passwd",
        "a;b;c",
        "scsi:ALL,/dev/sda",
        "floppy:1",
    ] {
        assert_eq!(parse_storage_init(bad).expect_err(bad).field, "storage_init");
    }
}

#[test]
fn storage_vol_has_two_forms() {
    let sizes = vol("512:2048:1024:256:4096:-1:0:0");
    assert_eq!(
        (sizes.esp, sizes.swap),
        (Some(ByteSize::mib(512)), Some(ByteSize::mib(2048)))
    );
    assert_eq!(
        (sizes.root, sizes.config),
        (Some(ByteSize::mib(1024)), Some(ByteSize::mib(256)))
    );
    assert_eq!(
        (sizes.log, sizes.data),
        (Some(ByteSize::mib(4096)), Some(DataRequest::Rest))
    );
    assert_eq!(vol("::::2048::"), vol("2048,Logging"));
    assert_eq!(vol("0,Data").data, Some(DataRequest::None));
    assert_eq!(
        vol("256,EFI:10240,Data").data,
        Some(DataRequest::Size(ByteSize::gib(10)))
    );
    assert_eq!(
        vol(""),
        SizeRequest {
            raise: true,
            ..SizeRequest::default()
        }
    );
    for (bad, problem) in [
        ("x", "Boot is \"x\": give a number of MB"),
        ("-2", "Boot is -2: give a number of MB"),
        (
            "5,Home",
            "\"Home\" is not a volume: there are EFI, Boot, Swap, Root, Config, Logging, Data, Swap2 and Data2",
        ),
        (
            "-5,Data",
            "Data is -5: give a number of MB, or -1 for the rest of the disk",
        ),
        (
            "1:2:3:4:5:6:7:8:9",
            "has more than eight sizes: write BOOT:SWAP:ROOT:CONFIG:LOGGING:DATA:SWAP2:DATA2",
        ),
    ] {
        assert_eq!(parse_storage_vol(bad).expect_err(bad).problem, problem);
    }
}

#[test]
fn patterns_are_those_of_a_shell() {
    for (pattern, text, expected) in [
        ("/dev/sd?", "/dev/sda", true),
        ("/dev/sd?", "/dev/sda1", false),
        ("/dev/sd[a-c]", "/dev/sdb", true),
        ("/dev/sd[!a-c]", "/dev/sdb", false),
        ("/dev/disk/by-id/*QEMU*", "/dev/disk/by-id/ata-QEMU_1", true),
        ("Model [1]", "Model [1]", true),
        ("[x", "[x", true),
        ("*", "", true),
        ("", "", true),
        ("a*b*c", "axxbyyc", true),
    ] {
        assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
    }
}

#[test]
fn a_disk_must_be_all_that_was_said() {
    let paths = ["/dev/sda".to_owned(), "/dev/disk/by-id/ata-A_1".to_owned()];
    let serials = ["1".to_owned(), "A_1".to_owned()];
    let disk = Identity {
        paths: &paths,
        bus: Some(Bus::Ata),
        serials: &serials,
        wwn: Some("0x5000"),
        model: Some("A"),
        bytes: 10 << 30,
    };
    let meant = DeviceMatch {
        path: Some(Pattern::new("/dev/disk/by-id/ata-*")),
        bus: Some(Bus::Ata),
        serial: Some(Pattern::new("A_1")),
        wwn: Some(Pattern::new("0x5*")),
        model: Some(Pattern::new("A")),
        at_least: Some(ByteSize::gib(10)),
        at_most: Some(ByteSize::gib(10)),
        all: false,
    };
    assert!(meant.matches(&disk) && DeviceMatch::default().matches(&disk));
    assert!(!meant.matches(&Identity { bytes: 1, ..disk }));
    assert!(!meant.matches(&Identity { wwn: None, ..disk }));
    assert!(!meant.matches(&Identity { bus: None, ..disk }));
    assert_eq!(DeviceMatch::path("/dev/sda").to_string(), "/dev/sda");
    assert_eq!(
        parse_device("usb:A1").expect("good").to_string(),
        "a disk on usb with serial number A1"
    );
}

#[test]
fn words_about_disks_have_the_ancestors_names() {
    let found = words("install ovirt_init=/dev/sda ovirt_vol=::::: wipe_fakeraid reboot_delay=5 corbel.keep-data=0");
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert_eq!(found.install.action(), Some(Action::Install));
    assert_eq!(
        (
            found.install.wipe_fakeraid,
            found.install.keep_data,
            found.install.reboot_delay
        ),
        (Some(true), Some(false), Some(5))
    );
    for (text, action) in [
        ("upgrade", Some(Action::Upgrade)),
        ("local_boot=local", Some(Action::Upgrade)),
        ("ovirt_local_boot=no install=0", None),
        ("firstboot upgrade install", Some(Action::Reinstall)),
        ("reinstall=no", None),
        ("ovirt_firstboot=0", None),
        ("uninstall install", Some(Action::Uninstall)),
        ("quiet", None),
    ] {
        assert_eq!(words(text).install.action(), action, "{text}");
    }
    let trigger = words("local_boot_trigger=https://pxe.example/done?host=@HOSTNAME@")
        .install
        .local_boot_trigger;
    assert_eq!(trigger.as_deref(), Some("https://pxe.example/done?host=@HOSTNAME@"));
}

#[test]
fn nothing_is_installed_on_a_guess() {
    for (text, field) in [
        ("install storage_init=sda", "storage_init"),
        ("storage_init=/dev/sda storage_vol=1,2,3", "storage_vol"),
        ("storage_init=/dev/sda wipe_fakeraid=perhaps", "wipe_fakeraid"),
        ("storage_init=/dev/sda reboot_delay=soon", "reboot_delay"),
        (
            "storage_init=/dev/sda local_boot_trigger=file:///etc/shadow",
            "local_boot_trigger",
        ),
    ] {
        let found = words(text);
        assert_eq!(found.warnings.len(), 1, "{text}: the boot goes on and says so");
        assert_eq!(InstallRequest::unattended(&found, None).expect_err(text).field, field);
    }
    assert_eq!(
        InstallRequest::unattended(&words("install"), None),
        Ok(None),
        "no disk was named"
    );
}

#[test]
fn the_table_of_a_document_is_read_whole() {
    let text = "version = 1\n[install]\nmode = \"reinstall\"\nboot = { serial = \"S1\", bus = \"nvme\", at_least = \"8G\" }\n\
                data = [\"/dev/sdb\", { wwn = \"0x5*\", all = true }]\nsizes = { swap = \"4 GiB\", data = \"rest\" }\n\
                keep_data = false\nwipe_fakeraid = true\nwords = \"console=ttyS0 quiet\"\nreboot_delay = 3\n";
    let answers = seed::parse(text).expect("good").install.expect("there");
    let request = &answers.request;
    assert_eq!(
        (request.mode, request.keep_data, request.wipe_fakeraid),
        (Mode::Reinstall, false, true)
    );
    assert!(request.boot.names_outright() && !request.data[1].names_outright());
    assert_eq!((request.data.len(), request.data[1].all), (2, true));
    assert_eq!(
        (request.sizes.swap, request.sizes.data),
        (Some(ByteSize::gib(4)), Some(DataRequest::Rest))
    );
    assert_eq!((request.words.len(), answers.reboot_delay), (2, Some(3)));

    let over = words("storage_init=/dev/vda corbel.keep_data wipe_fakeraid=no install");
    let request = InstallRequest::unattended(&over, Some(&answers))
        .expect("good")
        .expect("a disk");
    assert_eq!(request.boot, DeviceMatch::path("/dev/vda"));
    assert_eq!(
        (request.mode, request.keep_data, request.wipe_fakeraid),
        (Mode::Install, true, false)
    );
    assert!(request.data.is_empty());
}

#[test]
fn a_mistake_in_the_table_names_its_key() {
    assert!(refused("boot = \"/dev/sda\"\nbot = 1").contains("unknown field `bot`"));
    assert!(refused("boot = { seriel = \"1\" }").contains("seriel"));
    assert!(refused("boot = \"sda\"").contains("(install.boot)"));
    assert!(refused("").contains("boot"), "{}", refused(""));
    assert!(refused("boot = \"/dev/sda\"\nmode = \"wipe\"").contains("install.mode"));
    assert!(refused("boot = \"/dev/sda\"\nsizes = { root = \"large\" }").contains("not a size"));
    assert!(refused("boot = \"/dev/sda\"\nwords = \"corbel.slot=a\"").contains("install.words"));
    assert!(refused("boot = \"/dev/sda\"\nwords = 'a\"b'").contains("quotes"));
    assert!(refused("boot = { path = \"scsi\" }").contains("/dev"));
    assert!(refused("boot = { bus = \"isa\" }").contains("not a bus"));
}

proptest! {
    #[test]
    fn no_value_panics(value in "\\PC{0,60}", structured in "(/dev/|scsi|usb|ALL|[,;:*\\[\\]?!-]|sd[a-c]|[0-9]{1,20}|Data|Boot){0,12}") {
        for text in [&value, &structured] {
            let _ = parse_storage_init(text);
            let _ = parse_storage_vol(text);
            let _ = parse_device(text).map(|found| (found.to_string(), found.matches(&Identity::default())));
            let _ = Pattern::new(text.clone()).matches(&value);
            let _ = seed::parse(&format!("version = 1\n[install]\nboot = {text}\n"));
        }
    }

    #[test]
    fn an_exact_pattern_stands_for_itself_alone(text in "[a-zA-Z0-9/_. -]{0,20}", other in "[a-zA-Z0-9/_. -]{0,20}") {
        let pattern = Pattern::new(text.clone());
        prop_assert!(pattern.is_exact() && pattern.matches(&text));
        prop_assert_eq!(pattern.matches(&other), text == other);
    }
}
