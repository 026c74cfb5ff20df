//! corbel-e2e: see ARCHITECTURE.md.
