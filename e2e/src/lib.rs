//! Boots the real image in QEMU and looks at it from outside: by its API, its serial console, its screen and ssh.
//!
//! A test reads like prose: describe a [`MachineSpec`], [`Node::boot`] it, talk to it, let it go. Whatever is waited for has
//! a limit, and every failure names the folder with the logs of that machine. A [`Machine`] that is dropped is gone.

pub mod accel;
pub mod authority;
pub mod demo;
pub mod disk;
pub mod fault;
pub mod file_server;
pub mod identity;
pub mod image;
pub mod installed;
mod listener;
pub mod machine;
pub mod node;
pub mod pages;
pub mod person;
pub mod qmp;
pub mod receivers;
pub mod run;
pub mod screen;
pub mod seed;
pub mod serial;
pub mod server;
pub mod servers;
pub mod shell;
pub mod spec;
pub mod ssh;
pub mod talk;
pub mod wait;
pub mod wire;

pub use accel::Accel;
pub use authority::Signed;
pub use demo::Demo;
pub use disk::Disk;
pub use fault::Fault;
pub use identity::Identity;
pub use image::Image;
pub use machine::Machine;
pub use node::Node;
pub use pages::PAGES;
pub use person::Person;
pub use run::Run;
pub use screen::Screen;
pub use seed::Seed;
pub use server::Server;
pub use shell::RootShell;
pub use spec::{Firmware, MachineSpec, Medium};
pub use wait::until;
pub use wire::{Frame, Wire};
