//! Plain tables for the terminal.

use std::fmt::Write as _;

/// Lays `rows` out in columns as wide as their widest cell, under `header`.
pub(crate) fn render<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = header.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut line = |cells: [&str; N]| {
        let mut row = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            // Writing to a String can't fail.
            let _ = write!(row, "{cell:width$}  ");
        }
        text.push_str(row.trim_end());
        text.push('\n');
    };
    line(header);
    let rules = widths.map(|width| "-".repeat(width));
    line(std::array::from_fn(|i| rules[i].as_str()));
    for row in rows {
        line(std::array::from_fn(|i| row[i].as_str()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = render(["a", "step"], &[["1".into(), "x".into()], ["wide".into(), "é".into()]]);
        assert_eq!(text, "a     step\n----  ----\n1     x\nwide  é\n");
    }
}
