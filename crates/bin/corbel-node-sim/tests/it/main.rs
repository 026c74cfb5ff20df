//! The whole API against the sim: the real server and agent over the fakes, reached as clients reach a node.

// Clippy sees the fixtures of an integration test as ordinary code.
#![allow(clippy::unwrap_used)]

mod access;
mod client;
mod config;
mod figures;
mod hostile;
mod limits;
mod node;
mod openapi;
mod process;
mod reach;
mod schema;
mod support;
mod upload;
mod work;
