//! corbel-client: see ARCHITECTURE.md.
