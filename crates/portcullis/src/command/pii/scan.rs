//! `portcullis pii scan`.

use std::io::{self, BufRead as _, BufReader, BufWriter, IsTerminal as _, Read, Write as _};
use std::{fs::File, path::Path};

use portcullis_pii::{Detector, Finding, Scanner};
use serde_json::{Map, Value, json};

use super::CodePoints;
use crate::{cli::PiiScan, failure::Failure, out};

/// The longest line of JSON read, bytes.
const LONGEST_LINE: u64 = 256 << 20;

pub(super) fn run(args: &PiiScan) -> Result<(), Failure> {
    let detector = args.detector.detector()?;
    if args.jsonl {
        return lines(&detector, args);
    }
    let text = super::read(&args.file)?;
    let mut scanner = Scanner::new();
    let findings = scanner.scan_as(&detector, args.format.into(), &text);
    if !args.json && io::stdout().is_terminal() {
        out::line(highlighted(&text, findings));
        return Ok(());
    }
    let mut points = CodePoints::new(&text);
    let spans: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut span = span(finding, &mut points);
            span.insert("checked".to_owned(), finding.evidence.checked.into());
            span.insert("context".to_owned(), finding.evidence.context.into());
            Value::Object(span)
        })
        .collect();
    out::line(json!({ "spans": spans }));
    Ok(())
}

/// One object in, one out, for each line.
fn lines(detector: &Detector, args: &PiiScan) -> Result<(), Failure> {
    let source: Box<dyn Read> = if args.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file);
        Box::new(file.map_err(|error| Failure::new(format!("{}: {error}", args.file.display())))?)
    };
    let mut reader = BufReader::with_capacity(1 << 16, source);
    let mut writer = BufWriter::new(io::stdout().lock());
    let mut scanner = Scanner::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let complain =
            |what: &str| Failure::new(format!("{}:{number}: {what}", args.file.display()));
        // What the parser complains of may quote the text: its place has to do.
        let row: Value = serde_json::from_slice(&line)
            .map_err(|error| complain(&format!("not a JSON object (column {})", error.column())))?;
        let text =
            row.get("text").and_then(Value::as_str).ok_or_else(|| complain("has no `text`"))?;
        let id = row.get("id").filter(|it| !it.is_null());
        let id = id.ok_or_else(|| complain("has no `id`"))?;
        let mut points = CodePoints::new(text);
        let spans: Vec<Value> = scanner
            .scan_as(detector, args.format.into(), text)
            .iter()
            .map(|finding| Value::Object(span(finding, &mut points)))
            .collect();
        let answer = json!({ "id": id, "spans": spans });
        if let Err(failure) = writeln!(writer, "{answer}") {
            out::note(Err(failure));
            return Ok(());
        }
    }
    out::note(writer.flush());
    Ok(())
}

fn span(finding: &Finding, points: &mut CodePoints<'_>) -> Map<String, Value> {
    let mut span = Map::new();
    span.insert("start".to_owned(), points.at(finding.start).into());
    span.insert("end".to_owned(), points.at(finding.end).into());
    span.insert("type".to_owned(), finding.entity.id().into());
    let score = (f64::from(finding.score) * 1e4).round() / 1e4;
    span.insert("score".to_owned(), score.into());
    span
}

/// The text with each finding in reverse video and its type behind it.
fn highlighted(text: &str, findings: &[Finding]) -> String {
    let mut marked = String::with_capacity(text.len() + findings.len() * 32);
    let mut at = 0;
    for finding in findings {
        marked.push_str(&text[at..finding.start]);
        let value = &text[finding.start..finding.end];
        marked.push_str(&format!(
            "\u{1b}[7m{value}\u{1b}[0m\u{1b}[2m {}\u{1b}[0m",
            finding.entity.id()
        ));
        at = finding.end;
    }
    marked.push_str(text[at..].trim_end_matches('\n'));
    marked
}
