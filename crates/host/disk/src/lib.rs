//! corbel-disk: see ARCHITECTURE.md.
