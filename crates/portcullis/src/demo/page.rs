//! What the demonstration prints: plain text of at most [`WIDTH`] columns, with colour only where a
//! person looks at a terminal.

use std::io::{self, IsTerminal as _, Stdout, Write as _};

/// Columns of a line, words that are longer by themselves aside.
pub(crate) const WIDTH: usize = 100;

const INDENT: usize = 3;
/// Columns of a field's name.
const NAME: usize = 14;

/// Standard output.
pub(crate) struct Page {
    out: Stdout,
    coloured: bool,
    /// The column that the next piece of a streamed text begins at.
    column: usize,
}

impl Page {
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        let coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { out, coloured, column: 0 }
    }

    /// A paragraph, from the margin.
    pub(crate) fn paragraph(&mut self, text: &str) -> io::Result<()> {
        self.wrapped(text, 0)
    }

    /// The title of a section.
    pub(crate) fn section(&mut self, title: &str) -> io::Result<()> {
        let title = self.bold(title);
        writeln!(self.out, "\n{title}")
    }

    /// The title of one thing in a section.
    pub(crate) fn item(&mut self, title: &str) -> io::Result<()> {
        let title = self.bold(title);
        writeln!(self.out, "\n{:INDENT$}{title}", "")
    }

    /// A named fact.
    pub(crate) fn field(&mut self, name: &str, text: &str) -> io::Result<()> {
        write!(self.out, "{:INDENT$}{name:<NAME$}", "")?;
        let lines = wrap(text, WIDTH - INDENT - NAME);
        for (index, line) in lines.iter().enumerate() {
            let margin = if index == 0 { 0 } else { INDENT + NAME };
            writeln!(self.out, "{:margin$}{line}", "")?;
        }
        Ok(())
    }

    /// A paragraph inside a section.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        self.wrapped(text, INDENT)
    }

    /// A line to be copied, from the margin: Python counts every space.
    pub(crate) fn code(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// A line that is never broken.
    pub(crate) fn verbatim(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{:INDENT$}{text}", "")
    }

    /// The name of a field whose text comes in pieces.
    pub(crate) fn begin(&mut self, name: &str) -> io::Result<()> {
        self.column = INDENT + NAME;
        write!(self.out, "{:INDENT$}{name:<NAME$}", "")?;
        self.out.flush()
    }

    /// A piece of text, shown at once.
    pub(crate) fn piece(&mut self, text: &str) -> io::Result<()> {
        let len = text.chars().count();
        if self.column + len > WIDTH {
            let margin = INDENT + NAME;
            write!(self.out, "\n{:margin$}", "")?;
            self.column = margin;
        }
        self.column += len;
        write!(self.out, "{text}")?;
        self.out.flush()
    }

    /// The end of a text that came in pieces.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    fn wrapped(&mut self, text: &str, margin: usize) -> io::Result<()> {
        for line in wrap(text, WIDTH - margin) {
            writeln!(self.out, "{:margin$}{line}", "")?;
        }
        Ok(())
    }

    fn bold(&self, text: &str) -> String {
        if self.coloured { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Breaks a text between words. There is always a line, be it empty.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut len = 0;
    for word in text.split_whitespace() {
        let word_len = word.chars().count();
        match lines.last_mut() {
            Some(line) if line.is_empty() || len + 1 + word_len <= width => {
                if !line.is_empty() {
                    line.push(' ');
                    len += 1;
                }
                line.push_str(word);
                len += word_len;
            }
            _ => {
                lines.push(word.to_owned());
                len = word_len;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_break_between_words_and_lose_none() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a very-long-word b", 4), ["a", "very-long-word", "b"]);
        assert_eq!(wrap("", 4), [""]);
    }
}
