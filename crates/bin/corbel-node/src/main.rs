//! corbel-node: see ARCHITECTURE.md.

fn main() {}
