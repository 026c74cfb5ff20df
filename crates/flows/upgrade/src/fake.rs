//! A node in memory, apart from its configuration, which is a temporary folder.
