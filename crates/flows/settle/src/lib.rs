//! corbel-settle: see ARCHITECTURE.md.
