//! A small language for text templates: `(a|b)` chooses, `{slot}` is filled, `\n` ends a line, and a
//! backslash before any other character takes it as it is. Parentheses without a choice in them and
//! braces around anything but a known slot stand for themselves.

use super::dice::Dice;

/// A part of a template.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    Text(String),
    Choice(Vec<Vec<Self>>),
    Slot(String),
}

/// The slots there are; the persons' ones may carry a number.
const SLOTS: &[&str] = &[
    "n", "f", "l", "lf", "ll", "rf", "Rf", "m", "N", "L", "e", "u", "amb", "initial", "city",
    "place", "org", "firm", "street", "addr", "tool", "product", "eponym", "holiday", "work",
    "job", "kin", "day", "month", "year", "date", "time", "ts", "num", "money", "phone", "email",
    "url", "ip", "id", "hash", "user", "word", "words", "Word", "Words", "WORD", "clean", "var",
    "Type", "snake", "CONST",
];

/// The sections of a file of templates with their lines.
pub(crate) fn sections(file: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in file.lines().filter(|line| !line.starts_with("# ") && !line.is_empty()) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) if name.bytes().all(|b| b.is_ascii_lowercase()) => {
                sections.push((name, Vec::new()));
            }
            _ => {
                if let Some((_, lines)) = sections.last_mut() {
                    lines.push(line);
                }
            }
        }
    }
    sections
}

/// Reads a template.
pub(crate) fn parse(template: &str) -> Vec<Part> {
    let mut characters: Vec<char> = template.chars().collect();
    characters.push('\0');
    let mut at = 0;
    let mut parts = sequence(&characters, &mut at, false);
    // A stray closing mark stands for itself.
    while at + 1 < characters.len() {
        parts.push(Part::Text(characters[at].to_string()));
        at += 1;
        parts.extend(sequence(&characters, &mut at, false));
    }
    parts
}

fn sequence(text: &[char], at: &mut usize, nested: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    while *at + 1 < text.len() {
        let character = text[*at];
        match character {
            '\\' => {
                *at += 1;
                plain.push(match text[*at] {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                *at += 1;
            }
            '(' => {
                *at += 1;
                let mut options = vec![sequence(text, at, true)];
                while text[*at] == '|' {
                    *at += 1;
                    options.push(sequence(text, at, true));
                }
                let closed = text[*at] == ')';
                *at += usize::from(closed);
                if options.len() > 1 {
                    flush(&mut parts, &mut plain);
                    parts.push(Part::Choice(options));
                } else {
                    plain.push('(');
                    flush(&mut parts, &mut plain);
                    parts.extend(options.remove(0));
                    plain.push_str(if closed { ")" } else { "" });
                }
            }
            ')' | '|' if nested => break,
            ')' | '|' => {
                plain.push(character);
                *at += 1;
            }
            '{' => {
                let name: String =
                    text[*at + 1..].iter().take_while(|c| c.is_ascii_alphanumeric()).collect();
                let known = SLOTS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit()));
                if known && text[*at + 1 + name.len()] == '}' {
                    flush(&mut parts, &mut plain);
                    *at += name.len() + 2;
                    parts.push(Part::Slot(name));
                } else {
                    plain.push('{');
                    *at += 1;
                }
            }
            _ => {
                plain.push(character);
                *at += 1;
            }
        }
    }
    flush(&mut parts, &mut plain);
    parts
}

fn flush(parts: &mut Vec<Part>, plain: &mut String) {
    if !plain.is_empty() {
        parts.push(Part::Text(std::mem::take(plain)));
    }
}

/// Whether a template has a slot for a person.
pub(crate) fn names(parts: &[Part]) -> bool {
    const PERSONS: &[&str] = &["n", "f", "l", "lf", "ll", "rf", "Rf", "m", "N", "L", "amb"];
    parts.iter().any(|part| match part {
        Part::Text(_) => false,
        Part::Choice(options) => options.iter().any(|option| names(option)),
        Part::Slot(name) => PERSONS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit())),
    })
}

/// One random way through a template: its texts and slots.
pub(crate) fn walk<'a>(parts: &'a [Part], dice: &mut Dice, way: &mut Vec<&'a Part>) {
    for part in parts {
        match part {
            Part::Choice(options) => {
                let option: &Vec<Part> = dice.pick(options);
                walk(option, dice, way);
            }
            _ => way.push(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(template: &str) -> String {
        let parts = parse(template);
        let mut way = Vec::new();
        walk(&parts, &mut Dice::new("test"), &mut way);
        way.iter()
            .map(|part| match part {
                Part::Text(plain) => plain.clone(),
                Part::Slot(name) => format!("<{name}>"),
                Part::Choice(_) => String::new(),
            })
            .collect()
    }

    #[test]
    fn choices_slots_and_marks_that_stand_for_themselves() {
        assert_eq!(spelled("a\\n{n1} (b) {x} | \\(c\\|d\\)"), "a\n<n1> (b) {x} | (c|d)");
        assert_eq!(spelled("(same|same) ((x|x)y|xy)"), "same xy");
        assert_eq!(spelled("open (a"), "open (a");
        assert_eq!(spelled("a) {n"), "a) {n");
    }

    #[test]
    fn sections_hold_their_lines() {
        let found = sections("# note\n[chat]\na\n\n## heading\n[form]\nb\n");
        assert_eq!(found, [("chat", vec!["a", "## heading"]), ("form", vec!["b"])]);
    }
}
