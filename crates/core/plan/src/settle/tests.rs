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
