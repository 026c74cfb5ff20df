//! corbel-node-sim: see ARCHITECTURE.md.

fn main() {}
