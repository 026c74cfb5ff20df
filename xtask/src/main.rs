//! xtask: see ARCHITECTURE.md.

fn main() {}
