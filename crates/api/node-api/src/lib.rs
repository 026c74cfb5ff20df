//! corbel-node-api: see ARCHITECTURE.md.
