//! corbel-console: see ARCHITECTURE.md.

fn main() {}
