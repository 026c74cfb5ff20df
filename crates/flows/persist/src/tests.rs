//! On real files below a temporary folder, which stands for a node: an `/etc` over an image's, and `/config`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::{Entry, MOST_BYTES, PersistError, Places, State, Store};

struct Node {
    folder: tempfile::TempDir,
    store: Store,
}

impl Node {
    fn installed() -> Self {
        Self::new(true)
    }

    fn new(installed: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["root/etc", "root/var/lib", "image/etc", "config/persist", "scratch"] {
            fs::create_dir_all(at(name)).expect("made");
        }
        let store = Store::new(Places {
            root: at("root"),
            image: at("image"),
            config: installed.then(|| at("config/persist")),
            scratch: at("scratch"),
        });
        Self { folder, store }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        corbel_sys::write_atomic(&self.at(name), text.as_bytes(), 0o644).expect("written");
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.at(name)).ok()
    }

    /// `/etc` and `/var` are the image's own again.
    fn boots(&self) -> Vec<String> {
        for name in ["etc", "var"] {
            let (live, image) = (self.at("root").join(name), self.at("image").join(name));
            crate::tree::remove(&live).expect("removed");
            fs::create_dir_all(&image).expect("made");
            crate::tree::copy(&image, &live).expect("copied");
        }
        self.store.restore()
    }

    fn keep(&self, path: &str) -> Entry {
        self.store.persist(path).expect(path)
    }

    fn refusal(&self, path: &str) -> String {
        self.store.persist(path).expect_err(path).to_string()
    }

    fn items(&self) -> usize {
        fs::read_dir(self.at("config/persist/items")).map_or(0, Iterator::count)
    }
}

#[test]
fn files_folders_and_links_come_back_with_what_they_are() {
    let node = Node::installed();
    node.write("image/etc/motd", "from the image");
    node.write("root/etc/motd", "mine");
    fs::set_permissions(node.at("root/etc/motd"), fs::Permissions::from_mode(0o640)).expect("changed");
    fs::create_dir_all(node.at("root/var/lib/iscsi/nodes")).expect("made");
    node.write("root/var/lib/iscsi/nodes/one", "1");
    symlink("../elsewhere", node.at("root/etc/link")).expect("made");
    let kept = node.keep("/etc/motd");
    assert_eq!(
        (kept.state, kept.bytes, kept.files, kept.image_changed),
        (State::Kept, 4, 1, false)
    );
    node.keep("/var/lib/iscsi");
    node.keep("/etc/link");

    assert_eq!(node.boots(), Vec::<String>::new());
    assert_eq!(node.read("root/etc/motd").as_deref(), Some("mine"));
    let mode = fs::metadata(node.at("root/etc/motd")).expect("there").mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert_eq!(node.read("root/var/lib/iscsi/nodes/one").as_deref(), Some("1"));
    let link = fs::read_link(node.at("root/etc/link")).expect("a link");
    assert_eq!(link, Path::new("../elsewhere"));
    let listed = node.store.list().expect("listed");
    let paths: Vec<_> = listed.iter().map(|entry| (entry.path.as_str(), entry.state)).collect();
    assert_eq!(
        paths,
        [
            ("/etc/link", State::Kept),
            ("/etc/motd", State::Kept),
            ("/var/lib/iscsi", State::Kept)
        ]
    );
    assert!(fs::read_dir(node.at("root/etc")).expect("etc").all(|file| {
        !file
            .expect("a file")
            .file_name()
            .to_string_lossy()
            .starts_with(".corbel")
    }));
}

/// A newer image may lack the folder that a file was in.
#[test]
fn folders_above_are_made_as_they_were() {
    let node = Node::installed();
    fs::create_dir_all(node.at("root/etc/secret/deep")).expect("made");
    fs::set_permissions(node.at("root/etc/secret"), fs::Permissions::from_mode(0o710)).expect("changed");
    node.write("root/etc/secret/deep/key", "k");
    node.keep("/etc/secret/deep/key");
    assert_eq!(node.boots(), Vec::<String>::new());
    let mode = |name: &str| fs::metadata(node.at(name)).expect("there").mode() & 0o7777;
    assert_eq!((mode("root/etc/secret"), mode("root/etc/secret/deep")), (0o710, 0o755));
    assert_eq!(node.read("root/etc/secret/deep/key").as_deref(), Some("k"));
}

#[test]
fn an_extended_attribute_counts_and_comes_back() {
    let node = Node::installed();
    node.write("root/etc/motd", "mine");
    let set = |value: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::lsetxattr(node.at("root/etc/motd"), "user.corbel", value, flags)
    };
    set(b"one").expect("set");
    node.keep("/etc/motd");
    node.boots();
    let state = || node.store.list().expect("listed")[0].state;
    assert_eq!(state(), State::Kept);
    set(b"two").expect("set");
    assert_eq!(state(), State::Changed);
    node.boots();
    let mut value = [0; 8];
    let length = rustix::fs::lgetxattr(node.at("root/etc/motd"), "user.corbel", &mut value).expect("there");
    assert_eq!(&value[..length], b"one");
}

#[test]
fn a_change_counts_when_it_is_said_again() {
    let node = Node::installed();
    node.write("root/etc/motd", "one");
    node.keep("/etc/motd");
    node.write("root/etc/motd", "two");
    assert_eq!(node.store.list().expect("listed")[0].state, State::Changed);
    node.boots();
    assert_eq!(node.read("root/etc/motd").as_deref(), Some("one"));
    node.write("root/etc/motd", "two");
    node.keep("/etc/motd");
    node.keep("/etc/motd");
    assert_eq!(node.items(), 1, "older copies go");
    node.boots();
    assert_eq!(node.read("root/etc/motd").as_deref(), Some("two"));
    fs::remove_file(node.at("root/etc/motd")).expect("removed");
    assert_eq!(node.store.list().expect("listed")[0].state, State::Missing);
}

#[test]
fn what_is_unpersisted_is_the_images_again_after_a_boot() {
    let node = Node::installed();
    node.write("image/etc/motd", "from the image");
    node.write("root/etc/motd", "mine");
    node.keep("/etc/motd");
    node.store.unpersist("/etc/motd").expect("unpersisted");
    assert_eq!(
        node.read("root/etc/motd").as_deref(),
        Some("mine"),
        "it stays for this boot"
    );
    node.boots();
    assert_eq!(node.read("root/etc/motd").as_deref(), Some("from the image"));
    assert_eq!(node.items(), 0);
    let error = node.store.unpersist("/etc/motd").expect_err("not kept");
    assert_eq!(error.to_string(), "/etc/motd is not persisted");
}

#[test]
fn a_number_is_used_once() {
    let node = Node::installed();
    node.write("root/etc/a", "a");
    node.keep("/etc/a");
    node.store.unpersist("/etc/a").expect("unpersisted");
    node.write("root/etc/b", "b");
    node.keep("/etc/b");
    assert!(node.at("config/persist/items/2").exists() && !node.at("config/persist/items/1").exists());
}

#[test]
fn a_newer_image_is_noticed_and_the_difference_is_shown() {
    let node = Node::installed();
    node.write("image/etc/motd", "first\n");
    node.write("root/etc/motd", "mine\n");
    node.keep("/etc/motd");
    let difference = node.store.difference("/etc/motd").expect("compared");
    assert_eq!(difference, "--- image\n+++ /etc/motd\n@@ -1 +1 @@\n-first\n+mine\n");
    assert!(!node.store.list().expect("listed")[0].image_changed);
    node.write("image/etc/motd", "second\n");
    node.boots();
    assert!(node.store.list().expect("listed")[0].image_changed);
    node.keep("/etc/motd");
    assert!(!node.store.list().expect("listed")[0].image_changed, "it was seen");
    // What the image never had.
    node.write("root/etc/own", "x\n");
    node.keep("/etc/own");
    let difference = node.store.difference("/etc/own").expect("compared");
    assert!(difference.ends_with("@@ -0,0 +1 @@\n+x\n"), "{difference}");
}

#[test]
fn a_stateless_node_says_that_it_keeps_nothing() {
    let node = Node::new(false);
    node.write("root/etc/motd", "mine");
    let sentence = "this node runs without an installed disk, so nothing can be kept: install it, or say what you need in its words or its seed";
    assert_eq!(node.refusal("/etc/motd"), sentence);
    assert!(matches!(
        node.store.unpersist("/etc/motd"),
        Err(PersistError::Stateless)
    ));
    assert_eq!(node.store.list().expect("listed"), []);
    let difference = node.store.difference("/etc/motd").expect_err("nothing is");
    assert_eq!(difference.to_string(), "/etc/motd is not persisted");
    assert_eq!(node.boots(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_kept_is_refused_and_what_was_kept_stays() {
    let node = Node::installed();
    assert_eq!(node.refusal("/etc/none"), "/etc/none: does not exist");
    assert_eq!(node.refusal("/etc/none/at/all"), "/etc/none/at/all: does not exist");
    let socket = std::os::unix::net::UnixListener::bind(node.at("root/etc/socket")).expect("bound");
    assert!(node.refusal("/etc/socket").contains("is a socket"));
    drop(socket);
    let pipe = node.at("root/etc/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("made");
    assert!(node.refusal("/etc/pipe").contains("is a named pipe"));
    fs::create_dir(node.at("root/etc/real")).expect("made");
    node.write("root/etc/real/file", "x");
    symlink("real", node.at("root/etc/way")).expect("made");
    assert_eq!(
        node.refusal("/etc/way/file"),
        "/etc/way/file: goes through a symbolic link: it is /etc/real/file"
    );
    fs::create_dir_all(node.at("root/etc/systemd/network")).expect("made");
    node.write("root/etc/systemd/network/10-corbel-01-ethernet.network", "x");
    assert!(
        node.refusal("/etc/systemd/network")
            .contains("holds 10-corbel-01-ethernet.network")
    );
    node.write("root/etc/large", "small");
    node.keep("/etc/large");
    let large = fs::File::create(node.at("root/etc/large")).expect("made");
    large.set_len(MOST_BYTES + 1).expect("sparse");
    assert!(node.refusal("/etc/large").contains("larger than 16 MiB"));
    node.boots();
    assert_eq!(node.read("root/etc/large").as_deref(), Some("small"));
}

/// After each write of a save, as the disk would be: the older or the newer copy comes back, whole.
#[test]
fn a_save_that_was_broken_off_leaves_the_older_copy() {
    let node = Node::installed();
    node.write("root/etc/motd", "one");
    node.keep("/etc/motd");
    // Broken off while the second copy is made: its folder is there, and no list names it.
    fs::create_dir_all(node.at("config/persist/items/2")).expect("made");
    node.write("config/persist/items/2/content", "tw");
    assert_eq!(node.boots(), Vec::<String>::new());
    assert_eq!(node.read("root/etc/motd").as_deref(), Some("one"));
    assert_eq!(node.items(), 1, "what nobody names is removed");
    // Broken off in the list: the newer of its two copies is torn.
    node.write("root/etc/motd", "two");
    fs::create_dir_all(node.at("config/persist/items/1")).expect("made");
    let [a, b] = ["a", "b"].map(|copy| node.at(&format!("config/persist/list.{copy}.json")));
    let newest = if b.exists() { a } else { b };
    let torn = b"# corbel generation=9 sha256=00\n{\"version\": 1, \"ent";
    corbel_sys::write_atomic(&newest, torn, 0o600).expect("torn");
    node.boots();
    assert_eq!(node.read("root/etc/motd").as_deref(), Some("one"));
    node.write("root/etc/motd", "three");
    node.keep("/etc/motd");
    node.boots();
    assert_eq!(node.read("root/etc/motd").as_deref(), Some("three"));
}

#[test]
fn one_bad_copy_keeps_no_other_from_its_place() {
    let node = Node::installed();
    for name in ["a", "b"] {
        node.write(&format!("root/etc/{name}"), name);
        node.keep(&format!("/etc/{name}"));
    }
    fs::remove_file(node.at("config/persist/items/1/content")).expect("lost");
    let problems = node.boots();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("persisted /etc/a is not in its place: "),
        "{problems:?}"
    );
    assert_eq!(node.read("root/etc/b").as_deref(), Some("b"));
}

#[test]
fn a_list_of_a_newer_version_is_left_alone() {
    let node = Node::installed();
    node.write("root/etc/motd", "one");
    node.keep("/etc/motd");
    let ledger = corbel_sys::ledger::Ledger::new(node.at("config/persist"), "list", "json");
    ledger.save("{\"version\": 2, \"things\": []}\n").expect("saved");
    assert!(node.refusal("/etc/motd").contains("newer version"));
    assert_eq!(node.boots().len(), 1);
    assert_eq!(node.items(), 1, "nothing is tidied away");
}
