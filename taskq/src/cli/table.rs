//! Tables for people: aligned columns, two spaces between them, no frames.

use super::style::Style;

/// Which side of its column a cell stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: impl Into<Vec<(&'static str, Align)>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Leaves out columns that are empty in every row, from `first` on.
    pub(crate) fn without_empty(mut self, first: usize) -> Self {
        let rows = &self.rows;
        let keep: Vec<bool> = (0..self.columns.len())
            .map(|index| index < first || rows.iter().any(|row| !row[index].is_empty()))
            .collect();
        let mut kept = keep.iter();
        self.columns.retain(|_| kept.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut kept = keep.iter();
            row.retain(|_| kept.next().copied().unwrap_or(true));
        }
        self
    }

    /// The text, headings dimmed, no space at the ends of lines.
    pub(crate) fn render(&self, style: Style) -> String {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, (heading, _))| {
                let cells = self.rows.iter().map(|row| width(&row[index]));
                cells.max().unwrap_or(0).max(width(heading))
            })
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for ((cell, width_of), (_, align)) in cells.zip(&widths).zip(&self.columns) {
                let pad = " ".repeat(width_of - width(cell).min(*width_of));
                match align {
                    Align::Left => text.extend([cell, &pad]),
                    Align::Right => text.extend([&pad, cell]),
                }
                text.push_str("  ");
            }
            text.truncate(text.trim_end().len());
            text
        };
        let mut lines = vec![style.dim(&line(&mut self.columns.iter().map(|(heading, _)| *heading)))];
        lines.extend(self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
        lines.join("\n")
    }
}

/// Columns a text takes on a terminal, near enough: no control characters come here.
fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new([("queue", Align::Left), ("ready", Align::Right)]);
        table.row(["celery", "12"]);
        table.row(["grün", "3"]);
        assert_eq!(table.render(Style::PLAIN), "queue   ready\ncelery     12\ngrün        3");
    }
}
