//! The benchmark's figures.

use std::process::Command;

use crate::step::Outcome;

/// What the benchmark printed.
pub(super) struct Speed {
    pub(super) table: String,
}

/// What is wanted of prose and of a start: what, the bar, and where the figure stands.
const WANTED: [(&str, &str, Place); 5] = [
    ("speed of patterns, prose, MB/s", "≥ 250", Place::Prose(2)),
    ("speed of everything, prose, MB/s", "≥ 40", Place::Prose(3)),
    ("prompt of 2 KB, prose, 99th percentile, µs", "≤ 80", Place::Prose(5)),
    ("start, ms", "≤ 20", Place::Behind("Ready after ")),
    ("memory, MB resident", "≤ 16", Place::Behind("ms; ")),
];

/// Where a figure stands in what the benchmark prints.
enum Place {
    /// In this column of the row for prose.
    Prose(usize),
    /// Behind these words of the last line.
    Behind(&'static str),
}

impl Speed {
    /// Runs the benchmark.
    pub(super) fn measure() -> Outcome<Self> {
        let output = Command::new("cargo")
            .args(["bench", "--quiet", "--package", "portcullis-pii"])
            .output()
            .map_err(|error| format!("cargo bench: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let table: Vec<&str> =
            text.lines().skip_while(|line| !line.starts_with("| Text")).collect();
        if table.is_empty() {
            return Err(format!(
                "cargo bench printed no table:\n{}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        Ok(Self { table: table.join("\n") + "\n" })
    }

    /// What is wanted, what was measured, and the bar.
    pub(super) fn rows(&self) -> Outcome<Vec<(&'static str, String, &'static str)>> {
        let figure = |place: &Place| match place {
            Place::Prose(column) => {
                let row = self.table.lines().find(|line| line.starts_with("| prose |"))?;
                Some(row.split('|').nth(*column)?.trim().to_owned())
            }
            Place::Behind(words) => {
                let (_, rest) = self.table.split_once(words)?;
                Some(rest.split_whitespace().next()?.to_owned())
            }
        };
        WANTED
            .iter()
            .map(|(what, bar, place)| {
                let figure = figure(place).ok_or_else(|| format!("cargo bench: no {what}"))?;
                Ok((*what, figure, *bar))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_table() {
        let table = "| Text | a | b | c | d |\n| --- |\n| prose | 485 | 62 | 35.0 | 60.1 |\n\
                     | code | 1 | 2 | 3 | 4 |\n\nReady after 2.2 ms; 5.2 MB resident.\n";
        let rows = Speed { table: table.to_owned() }.rows().expect("all there");
        let figures: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
        assert_eq!(figures, ["485", "62", "60.1", "2.2", "5.2"]);
        assert!(Speed { table: String::new() }.rows().is_err());
    }
}
