//! corbel-virt-libvirt: see ARCHITECTURE.md.
