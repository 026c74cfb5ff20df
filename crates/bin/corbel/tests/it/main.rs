//! The real program against a real server over fakes: whole outputs, exit statuses, hostile answers.

mod change;
mod config;
mod console;
mod exits;
mod help;
mod hostile;
mod image;
mod node;
mod program;
mod show;
mod support;
mod terminal;
mod tls;
mod user;
mod volume;
mod work;
