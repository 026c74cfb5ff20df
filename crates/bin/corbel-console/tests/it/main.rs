//! The console as a person meets it: the program in a terminal, keys in, a screen out, against the sim's server.

mod install;
mod mouse;
mod node;
mod terminal;
