//! Tests on the real image. `cargo xtask e2e [NAME]` builds it and runs them one at a time; each boots a machine or two and
//! asks it much, because a boot under emulation costs a minute.

mod boots;
mod damage;
mod installed;
mod suite;
