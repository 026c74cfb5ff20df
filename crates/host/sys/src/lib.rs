//! corbel-sys: see ARCHITECTURE.md.
