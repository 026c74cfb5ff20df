//! corbel-agent: see ARCHITECTURE.md.
