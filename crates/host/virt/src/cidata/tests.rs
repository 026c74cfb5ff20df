use corbel_model::vm::CloudInit;
use proptest::prelude::*;

use super::{SECTOR, image};

fn number(bytes: &[u8]) -> usize {
    let little = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    let big = u32::from_be_bytes(bytes[4..8].try_into().unwrap());
    assert_eq!(little, big);
    little as usize
}

/// Names and contents of the tree behind the descriptor in `sector`, read as a driver would.
fn files(image: &[u8], sector: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let descriptor = &image[sector * SECTOR..][..SECTOR];
    assert_eq!(&descriptor[1..6], b"CD001");
    assert!(number(&descriptor[80..88]) * SECTOR == image.len());
    let root = number(&descriptor[158..166]);
    let mut directory = &image[root * SECTOR..][..number(&descriptor[166..174])];
    let mut found = Vec::new();
    while directory[0] != 0 {
        let (record, rest) = directory.split_at(directory[0].into());
        let (at, len) = (number(&record[2..10]) * SECTOR, number(&record[10..18]));
        found.push((
            record[33..33 + usize::from(record[32])].to_vec(),
            image[at..at + len].to_vec(),
        ));
        directory = rest;
    }
    assert_eq!((found[0].0.as_slice(), found[1].0.as_slice()), (&[0][..], &[1][..]));
    found.split_off(2)
}

fn joliet(image: &[u8]) -> Vec<(String, Vec<u8>)> {
    let name = |name: Vec<u8>| {
        let units: Vec<_> = name
            .chunks(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        String::from_utf16(&units).unwrap()
    };
    files(image, 17)
        .into_iter()
        .map(|(raw, content)| (name(raw), content))
        .collect()
}

#[test]
fn the_seed_has_the_names_that_cloud_init_looks_for() {
    let documents = CloudInit {
        user_data: "#cloud-config\n".into(),
        ..CloudInit::default()
    };
    let made = image("web", &documents);
    assert_eq!(&made[16 * SECTOR + 40..][..7], b"cidata ");
    let expected = [
        ("meta-data", "instance-id: web\nlocal-hostname: web\n"),
        ("user-data", "#cloud-config\n"),
    ];
    let expected: Vec<_> = expected.map(|(n, c)| (n.to_owned(), c.as_bytes().to_vec())).into();
    assert_eq!(joliet(&made), expected);
    let plain: Vec<_> = files(&made, 16)
        .into_iter()
        .map(|(name, _)| String::from_utf8(name).unwrap())
        .collect();
    assert_eq!(plain, ["META_DATA.;1", "USER_DATA.;1"]);
    assert_eq!(made, image("web", &documents));
}

proptest! {
    #[test]
    fn documents_come_back(user in ".{0,5000}", meta in proptest::option::of(".{0,200}"), net in ".{0,3000}") {
        let documents =
            CloudInit { user_data: user.clone(), meta_data: meta.clone(), network_config: Some(net.clone()) };
        let files = joliet(&image("a", &documents));
        prop_assert_eq!(&files[1], &("network-config".to_owned(), net.into_bytes()));
        prop_assert_eq!(&files[2], &("user-data".to_owned(), user.into_bytes()));
        if let Some(meta) = meta {
            prop_assert_eq!(&files[0].1, &meta.into_bytes());
        }
    }
}
