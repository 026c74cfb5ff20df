//! corbel-net: see ARCHITECTURE.md.
