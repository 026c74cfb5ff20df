//! corbel-init: see ARCHITECTURE.md.

fn main() {}
