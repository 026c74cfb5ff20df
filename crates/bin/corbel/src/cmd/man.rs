//! `corbel man`: manual pages (man(7)), one a command, made from the same tree that parses the command line.

use std::path::PathBuf;

use clap::Args;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::exit::{EXIT_HELP, Exit};
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write all pages into this folder, as `share/man/man1` wants them
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the main page, or writes all.
pub(crate) fn run(args: &ManArgs, printer: &Printer) -> Result<(), Failure> {
    let pages = pages();
    let Some(dir) = &args.dir else {
        return pages.first().map_or(Ok(()), |(_, text)| printer.bytes(text));
    };
    for (name, text) in &pages {
        corbel_sys::write_atomic(&dir.join(name), text, 0o644).map_err(|e| Failure::new(Exit::Failed, e))?;
    }
    let sentence = format!("{} pages written to {}", pages.len(), dir.display());
    printer.done(&sentence, &serde_json::json!({"pages": pages.len(), "folder": dir}))
}

/// All pages as file name and text, the main page first.
pub(crate) fn pages() -> Vec<(String, Vec<u8>)> {
    let mut root = crate::command().disable_help_subcommand(true);
    // Resolves the global options and the names of the commands below.
    root.build();
    let mut pages = Vec::new();
    collect(&root, &mut pages);
    pages
}

fn collect(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) {
    let root = pages.is_empty();
    let mut shown = command.clone().after_long_help(None::<&str>);
    if !root {
        // The main page has these; on thirty pages they would hide what each is about.
        shown = shown.mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg });
    }
    let page = Man::new(shown.clone()).manual("Corbel");
    let text = render(&page, &shown, root).expect("writing to memory does not fail");
    pages.push((page.get_filename(), text));
    for sub in visible(command) {
        collect(sub, pages);
    }
}

fn visible(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set())
}

fn render(page: &Man, command: &clap::Command, root: bool) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if visible(command).next().is_some() {
        page.render_subcommands_section(&mut text)?;
    }
    let mut more = Roff::new();
    if root {
        more.control("SH", ["EXIT STATUS"]);
        for line in EXIT_HELP.lines().skip(1) {
            if let Some((number, meaning)) = line.trim().split_once("  ") {
                more.control("TP", []);
                more.text([bold(number)]);
                more.text([roman(meaning)]);
            }
        }
        section(&mut more, "FILES", FILES);
        section(&mut more, "ENVIRONMENT", ENVIRONMENT);
    } else {
        more.control("SH", ["SEE ALSO"]);
        more.text([
            bold("corbel"),
            roman("(1) for the options that all commands share and for the exit status."),
        ]);
    }
    more.to_writer(&mut text)?;
    Ok(text)
}

fn section(roff: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (name, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*meaning)]);
    }
}

const FILES: &[(&str, &str)] = &[
    (
        "$XDG_CONFIG_HOME/corbel/nodes.toml",
        "The nodes that are trusted: for each a table [nodes.HOST] with fingerprint and, if wanted, cert, key and token_file. \
         In ~/.config when the variable is not set.",
    ),
    ("/run/corbel/api.sock", "The node on this machine."),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "CORBEL_NODE, CORBEL_SOCKET, CORBEL_FINGERPRINT, CORBEL_CA, CORBEL_CERT, CORBEL_KEY",
        "Stand for the options of these names. An option beats its variable, and both beat nodes.toml.",
    ),
    ("CORBEL_TOKEN", "The token to show to the node."),
    ("NO_COLOR", "Switches colours off when it is not empty."),
];
