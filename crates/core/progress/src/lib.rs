//! corbel-progress: see ARCHITECTURE.md.
