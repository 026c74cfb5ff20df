//! What an image is made of and what it says of itself: the recipe, the lock file, the manifest, the bill of materials.
//!
//! Pure: text in, values out. Fetching and building are `corbel-build`'s.

pub mod glob;
pub mod lock;
pub mod manifest;
pub mod recipe;
pub mod release;
pub mod sbom;
pub mod units;
pub mod version;
