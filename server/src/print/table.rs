//! Columns that fit the width: the widest give way first, and only on a terminal.

use super::{Paint, Screen, clean};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) align_right: bool,
    /// A column whose text may be cut; the others keep their width.
    pub(crate) cut: bool,
}

impl Column {
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { title, align_right: false, cut: true }
    }

    pub(crate) const fn fixed(title: &'static str) -> Self {
        Self { title, align_right: false, cut: false }
    }

    pub(crate) const fn number(title: &'static str) -> Self {
        Self { title, align_right: true, cut: false }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) paint: Paint,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: clean(text.as_ref()), paint: Paint::Plain }
    }

    pub(crate) fn painted(text: impl AsRef<str>, paint: Paint) -> Self {
        Self { text: clean(text.as_ref()), paint }
    }
}

const GAP: usize = 2;
/// A cut column stays at least this wide.
const CUT_MIN: usize = 8;

pub(crate) fn render(columns: &[Column], rows: &[Vec<Cell>], screen: Screen) -> String {
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.width()).max().unwrap_or(0).max(column.title.width()))
        .collect();
    if let Some(width) = screen.width {
        shrink(columns, &mut widths, width);
    }
    let mut out = String::new();
    let titles: Vec<Cell> = columns.iter().map(|column| Cell::painted(column.title, Paint::Dim)).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (at, (column, cell)) in columns.iter().zip(row).enumerate() {
            let text = cut(&cell.text, widths[at]);
            let pad = widths[at].saturating_sub(text.width());
            let last = at + 1 == columns.len();
            if column.align_right {
                line.extend(std::iter::repeat_n(' ', pad));
            }
            line.push_str(&cell.paint.on(&text, screen));
            if !column.align_right && !last {
                line.extend(std::iter::repeat_n(' ', pad));
            }
            if !last {
                line.extend(std::iter::repeat_n(' ', GAP));
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Takes from the widest column that may be cut until the line fits.
fn shrink(columns: &[Column], widths: &mut [usize], width: usize) {
    let gaps = GAP * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let widest = (0..columns.len()).filter(|&at| columns[at].cut && widths[at] > CUT_MIN).max_by_key(|&at| widths[at]);
        let Some(widest) = widest else { return };
        let over = widths.iter().sum::<usize>() + gaps - width;
        // Down to the next widest, so that two long columns share the loss.
        let second = (0..columns.len()).filter(|&at| at != widest && columns[at].cut).map(|at| widths[at]).max().unwrap_or(0);
        let step = over.min(widths[widest].saturating_sub(second.max(CUT_MIN)).max(1));
        widths[widest] -= step;
    }
}

/// At most `width` columns of text, ending in `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width.saturating_sub(1) {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[Column::fixed("ID"), Column::text("NAME"), Column::number("N")];

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![Cell::new("a1"), Cell::new("a long name\x1b[2J of something"), Cell::new("7")],
            vec![Cell::new("b"), Cell::new("短い名前"), Cell::new("12")],
        ]
    }

    #[test]
    fn whole_in_a_pipe_cut_on_a_terminal() {
        let piped = render(COLUMNS, &rows(), Screen { width: None, colour: false });
        assert_eq!(piped, "ID  NAME                           N\na1  a long name [2J of something   7\nb   短い名前                      12\n");
        let narrow = render(COLUMNS, &rows(), Screen { width: Some(20), colour: false });
        for line in narrow.lines() {
            assert!(line.width() <= 20, "{line:?}");
        }
        assert!(narrow.contains("a long name…"), "{narrow}");
    }

    #[test]
    fn cuts_between_characters() {
        let cases = [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("短い名前", 5, "短い…"), ("短い名前", 4, "短…"), ("", 0, "")];
        for (text, width, expect) in cases {
            assert_eq!(cut(text, width), expect);
        }
    }
}
