//! corbel-serve: see ARCHITECTURE.md.
