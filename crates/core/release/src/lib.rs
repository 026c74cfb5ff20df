//! corbel-release: see ARCHITECTURE.md.
