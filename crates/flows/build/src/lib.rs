//! Building the image: packages → pruned tree → root → boot files → ISO, as cached layers, with typed progress.
//!
//! ```text
//! lock ─ fetch ─┬─ tools tree (unpacked, never installed)
//!               └─ packages layer (tar) ─ base layer (squashfs + kernel + modules) ─┐
//! cargo ─ our binaries ─────────────────────────────────────────────────────────────┴─ root + verity ─ UKI ─ release ─ ISO
//! ```
//!
//! Needs no mount, loop device or KVM. Each layer is keyed by what went into it; a half-made one never has its final name.

mod base;
mod binaries;
mod boot;
mod cache;
mod contents;
mod demo;
mod error;
mod fetch;
mod initrd;
pub mod inspect;
mod iso;
mod keys;
mod loaders;
mod mirror;
mod netboot;
mod next_boot;
mod packages;
mod recipe;
mod release;
mod report;
mod request;
mod resolve;
mod root;
mod run;
mod scratch;
mod sign;
mod tools;

pub use error::BuildError;
pub use request::{BuildRequest, Built};
pub use run::build;
pub use sign::{KeyError, generate_key};
