//! corbel: see ARCHITECTURE.md.

fn main() {}
