//! The NoCloud seed of cloud-init: an ISO 9660 image labelled `cidata` that holds `user-data`, `meta-data` and
//! `network-config`.
//!
//! ECMA-119 with Joliet, because ISO 9660's own names have neither lower case nor `-`; Linux and cloud-init read the
//! Joliet tree. Dates are fixed, so the same documents give the same bytes.

use corbel_model::vm::CloudInit;

const SECTOR: usize = 2048;
/// 16 sectors system area, three descriptors, four path tables, two directories.
const FIRST_FILE: usize = 25;
const ROOT: usize = 23;
const JOLIET_ROOT: usize = 24;
const LABEL: &str = "cidata";

struct File<'a> {
    name: &'static str,
    /// The name in the plain tree, which no cloud-init looks at.
    plain: &'static str,
    sector: usize,
    content: &'a [u8],
}

/// The image for machine `name`. Without `meta_data` the machine's name becomes instance id and host name.
pub fn image(name: &str, documents: &CloudInit) -> Vec<u8> {
    let default_meta = format!("instance-id: {name}\nlocal-hostname: {name}\n");
    let meta = documents.meta_data.as_deref().unwrap_or(&default_meta);
    // In the order of their names, as 9.3 wants it.
    let parts = [
        ("meta-data", "META_DATA.;1", Some(meta)),
        ("network-config", "NETWORK_.;1", documents.network_config.as_deref()),
        ("user-data", "USER_DATA.;1", Some(documents.user_data.as_str())),
    ];
    let mut files = Vec::new();
    let mut sector = FIRST_FILE;
    for (name, plain, content) in parts {
        if let Some(content) = content.map(str::as_bytes) {
            files.push(File {
                name,
                plain,
                sector,
                content,
            });
            sector += content.len().div_ceil(SECTOR);
        }
    }
    // Readers look ahead of the end; mkisofs leaves room for the same reason.
    let sectors = sector + 16;

    let mut image = vec![0_u8; sectors * SECTOR];
    let mut put = |sector: usize, bytes: &[u8]| image[sector * SECTOR..][..bytes.len()].copy_from_slice(bytes);
    put(16, &descriptor(false, sectors));
    put(17, &descriptor(true, sectors));
    put(18, &[&[255][..], b"CD001", &[1]].concat());
    for (at, root, big) in [
        (19, ROOT, false),
        (20, ROOT, true),
        (21, JOLIET_ROOT, false),
        (22, JOLIET_ROOT, true),
    ] {
        put(at, &path_table(root, big));
    }
    put(ROOT, &directory(ROOT, &files, |file| file.plain.as_bytes().to_vec()));
    put(JOLIET_ROOT, &directory(JOLIET_ROOT, &files, |file| ucs2(file.name)));
    for file in &files {
        put(file.sector, file.content);
    }
    image
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// A number in both byte orders (7.3.3). Callers' documents are at most megabytes, so it fits.
fn both32(n: usize) -> [u8; 8] {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    let mut out = [0; 8];
    out[..4].copy_from_slice(&n.to_le_bytes());
    out[4..].copy_from_slice(&n.to_be_bytes());
    out
}

/// A primary (8.4) or, for Joliet, a supplementary (8.5) volume descriptor.
fn descriptor(joliet: bool, sectors: usize) -> Vec<u8> {
    let mut d = vec![0_u8; SECTOR];
    let mut text = |at: usize, len: usize, value: &str| {
        let value = if joliet { ucs2(value) } else { value.as_bytes().to_vec() };
        let blank: &[u8] = if joliet { &[0, b' '] } else { b" " };
        for (i, byte) in d[at..at + len].iter_mut().enumerate() {
            *byte = value.get(i).copied().unwrap_or(blank[i % blank.len()]);
        }
    };
    text(8, 32, "");
    text(40, 32, LABEL);
    for (at, len) in [
        (190, 128),
        (318, 128),
        (446, 128),
        (574, 128),
        (702, 37),
        (739, 37),
        (776, 37),
    ] {
        text(at, len, "");
    }
    d[0] = if joliet { 2 } else { 1 };
    d[1..6].copy_from_slice(b"CD001");
    d[6] = 1;
    d[80..88].copy_from_slice(&both32(sectors));
    if joliet {
        d[88..91].copy_from_slice(b"%/E"); // UCS-2 level 3
    }
    d[120..124].copy_from_slice(&[1, 0, 0, 1]);
    d[124..128].copy_from_slice(&[1, 0, 0, 1]);
    d[128..132].copy_from_slice(&[0, 8, 8, 0]); // 2048 in both orders
    d[132..140].copy_from_slice(&both32(10));
    let (little, big, root) = if joliet {
        (21_u32, 22_u32, JOLIET_ROOT)
    } else {
        (19, 20, ROOT)
    };
    d[140..144].copy_from_slice(&little.to_le_bytes());
    d[148..152].copy_from_slice(&big.to_be_bytes());
    d[156..190].copy_from_slice(&record(&[0], root, SECTOR, true));
    for at in [813, 830, 847, 864] {
        d[at..at + 16].fill(b'0'); // "not specified" (8.4.26.1)
    }
    d[881] = 1;
    d
}

/// The table of the one directory there is (9.4).
fn path_table(root: usize, big: bool) -> Vec<u8> {
    let root = u32::try_from(root).unwrap_or(0);
    let (at, parent) = if big {
        (root.to_be_bytes(), [0, 1])
    } else {
        (root.to_le_bytes(), [1, 0])
    };
    [&[1, 0][..], &at, &parent, &[0, 0]].concat()
}

fn directory(own: usize, files: &[File<'_>], name: impl Fn(&File<'_>) -> Vec<u8>) -> Vec<u8> {
    let mut out = record(&[0], own, SECTOR, true);
    out.extend(record(&[1], own, SECTOR, true));
    for file in files {
        out.extend(record(&name(file), file.sector, file.content.len(), false));
    }
    out
}

/// A directory record (9.1), padded to an even length.
fn record(name: &[u8], sector: usize, len: usize, directory: bool) -> Vec<u8> {
    let pad = usize::from(name.len().is_multiple_of(2));
    let total = 33 + name.len() + pad;
    let mut out = Vec::with_capacity(total);
    out.extend([u8::try_from(total).unwrap_or(u8::MAX), 0]);
    out.extend(both32(sector));
    out.extend(both32(len));
    out.extend([80, 1, 1, 0, 0, 0, 0]); // 1980-01-01, the earliest that every file system has
    out.extend([if directory { 2 } else { 0 }, 0, 0, 1, 0, 0, 1]);
    out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    out.extend(name);
    out.resize(total, 0);
    out
}

#[cfg(test)]
mod tests;
