//! corbel-layout: see ARCHITECTURE.md.
