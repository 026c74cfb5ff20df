//! corbel-plan: see ARCHITECTURE.md.
