//! Tables for people: columns without lines, as wide as the terminal, headings bold. Also sizes and lists of facts.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table};
use corbel_model::ByteSize;

use crate::failure::Failure;
use crate::printer::{Printer, Tone};

/// A column: its heading, and whether it holds numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    Text(&'static str),
    Number(&'static str),
}

/// A row and the colour of its meaning.
pub(crate) type Row = (Option<Tone>, Vec<String>);

/// Prints rows below headings; without rows a sentence is said instead, and nothing is printed.
pub(crate) fn print(printer: &Printer, columns: &[Column], rows: &[Row], empty: &str) -> Result<(), Failure> {
    if rows.is_empty() {
        printer.talk(empty);
        return Ok(());
    }
    let lines = render(columns, rows, printer.width);
    // A long cell takes more than one line; then lines and rows no longer match and stay plain.
    let match_rows = lines.len() == rows.len() + 1;
    for (i, line) in lines.iter().enumerate() {
        let tone = match i {
            0 => Some(Tone::Heading),
            i if match_rows => rows[i - 1].0,
            _ => None,
        };
        match tone {
            Some(tone) => printer.line(&printer.paint(tone, line))?,
            None => printer.line(line)?,
        }
    }
    Ok(())
}

fn render(columns: &[Column], rows: &[Row], width: Option<u16>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(columns.iter().map(|column| match column {
        Column::Text(heading) | Column::Number(heading) => *heading,
    }));
    for (_, row) in rows {
        table.add_row(row.iter().map(|text| Cell::new(tame(text))));
    }
    for (i, column) in columns.iter().enumerate() {
        if let Some(settings) = table.column_mut(i) {
            let last = i + 1 == columns.len();
            settings.set_padding((0, if last { 0 } else { 2 }));
            if !last {
                // Names and numbers are copied from here; only the last column is broken where the terminal ends.
                settings.set_constraint(ColumnConstraint::ContentWidth);
            }
            if matches!(column, Column::Number(_)) {
                settings.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Prints names and values, one a line. A value of several lines continues below itself.
pub(crate) fn facts(printer: &Printer, facts: &[(&str, String)]) -> Result<(), Failure> {
    let widest = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in facts {
        for (i, line) in value.lines().enumerate() {
            let name = if i == 0 { *name } else { "" };
            let padded = format!("{name:widest$}");
            printer.line(&format!("{}  {}", printer.paint(Tone::Heading, &padded), tame(line)))?;
        }
    }
    Ok(())
}

/// Names come from whoever defined them: control characters must not reach the terminal.
pub(crate) fn tame(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A size as people read it.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

/// Yes or no.
pub(crate) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// A time span as people read it: the two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        vec![
            (None, vec!["web".into(), "running".into(), "2".into()]),
            (None, vec!["a-much-longer-name".into(), "off".into(), "16".into()]),
        ]
    }

    const COLUMNS: [Column; 3] = [Column::Text("NAME"), Column::Text("STATE"), Column::Number("CPUS")];

    #[test]
    fn columns_line_up_without_borders() {
        let lines = render(&COLUMNS, &rows(), None);
        assert_eq!(
            lines,
            [
                "NAME                STATE    CPUS",
                "web                 running     2",
                "a-much-longer-name  off        16"
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_is_kept() {
        let columns = [Column::Text("NAME"), Column::Text("PATH")];
        let rows = [(None, vec!["a-long-name".into(), "/a/very/long/path".into()])];
        assert_eq!(
            render(&columns, &rows, Some(22)),
            ["NAME         PATH", "a-long-name  /a/very/l", "             ong/path"]
        );
    }

    #[test]
    fn names_cannot_drive_the_terminal() {
        assert_eq!(tame("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }

    #[test]
    fn spans_have_two_units() {
        assert_eq!(
            [5, 65, 3700, 90_000].map(span),
            ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]
        );
    }
}
