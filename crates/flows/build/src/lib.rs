//! corbel-build: see ARCHITECTURE.md.
