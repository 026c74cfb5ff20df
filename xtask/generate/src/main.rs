//! corbel-generate: see ARCHITECTURE.md.

fn main() {}
