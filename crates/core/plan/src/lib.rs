//! Decisions as pure functions: what was asked for and what was seen go in, a plan comes out, and somebody else does it.

pub mod config;
pub mod data;
pub mod dump;
pub mod gate;
pub mod install;
pub mod performance;
pub mod security;
pub mod settle;
pub mod slots;
pub mod storage_access;
pub mod support;
