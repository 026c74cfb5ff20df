//! The only place of xtask that prints: stdout carries results, stderr the talk around them.

/// A line of result, for pipes.
#[allow(clippy::print_stdout)]
pub(crate) fn result(line: &str) {
    println!("{line}");
}

/// A line for the person who watches.
#[allow(clippy::print_stderr)]
pub(crate) fn talk(line: &str) {
    eprintln!("{line}");
}

/// Text without a line end, before an answer is read.
#[allow(clippy::print_stderr)]
pub(crate) fn ask(text: &str) {
    eprint!("{text}");
}

/// Rows as a table with a line under its head: columns are as wide as their widest cell.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().map(|cell| (*cell).to_owned()))];
    lines.push(line(&mut widths.iter().map(|width| "-".repeat(*width))));
    lines.extend(rows.iter().map(|row| line(&mut row.iter().cloned())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["format".to_owned(), "1.0 s".to_owned()],
            vec!["x".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["step", "time"], &rows),
            "step    time\n------  -----\nformat  1.0 s\nx"
        );
    }
}
