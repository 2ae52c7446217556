//! `portcullis pii`, as it is used in a pipe.

use std::{
    io::Write as _,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};

const TEXT: &str =
    "Grüße: write to jane.doe@example.com or call +1 415 555 0132. My name is Jane Doe.";

fn start(words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("pii")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the command makes of an input.
fn pii(words: &[&str], input: &str) -> Output {
    let mut child = start(words);
    // A command that fails may not read to the end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn succeed(words: &[&str], input: &str) -> String {
    let output = pii(words, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(words: &[&str], input: &str) -> String {
    let output = pii(words, input);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

fn types(spans: &Value) -> Vec<&str> {
    spans["spans"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect()
}

#[test]
fn lines_are_scanned_with_offsets_in_code_points() {
    let lines = format!(
        "{}\n{}\n",
        json!({"id": 7, "lang": "en", "text": TEXT}),
        json!({"id": "b", "text": "nothing"})
    );
    let out = succeed(&["scan", "--jsonl", "-"], &lines);
    assert_eq!(out, succeed(&["scan", "--jsonl", "--json", "-"], &lines));
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["id"], 7);
    assert_eq!(types(&rows[0]), ["EMAIL", "PHONE", "PERSON"]);
    let span = &rows[0]["spans"][0];
    let (start, end) = (span["start"].as_u64().unwrap(), span["end"].as_u64().unwrap());
    let found: String = TEXT.chars().skip(start as usize).take((end - start) as usize).collect();
    assert_eq!(found, "jane.doe@example.com");
    assert!((0.5..=1.0).contains(&span["score"].as_f64().unwrap()));
    assert_eq!(rows[1], json!({"id": "b", "spans": []}));
}

#[test]
fn types_and_thresholds_are_chosen() {
    let one: Value =
        serde_json::from_str(&succeed(&["scan", "--json", "--types", "EMAIL", "-"], TEXT)).unwrap();
    assert_eq!(types(&one), ["EMAIL"]);
    let sure = succeed(&["scan", "--threshold", "PHONE=1", "-"], TEXT);
    assert!(!types(&serde_json::from_str(&sure).unwrap()).contains(&"PHONE"));
    assert!(refused(&["scan", "--types", "MAIL", "-"], TEXT).contains("there is no type MAIL"));
    assert!(refused(&["scan", "--threshold", "2", "-"], TEXT).contains("no number from 0 to 1"));
}

#[test]
fn texts_are_redacted_in_every_mode() {
    let redacted = |mode: &str| {
        succeed(&["redact", "--types", "EMAIL", "--mode", mode, "-"], "to a.b@example.com!")
    };
    assert_eq!(redacted("placeholder").trim_end(), "to {{EMAIL_1}}!");
    assert_eq!(redacted("drop").trim_end(), "to !");
    assert!(!redacted("mask").contains("a.b@"));
    assert!(refused(&["redact", "--mode", "hash", "-"], TEXT).contains("--key-file"));
    let blocked = refused(&["redact", "--mode", "block", "-"], TEXT);
    assert!(blocked.contains("EMAIL") && !blocked.contains("jane"), "{blocked}");
    let json = r#"{"email": "a@b.com", "n": 1}"#;
    let out = succeed(&["redact", "--format", "json", "-"], json);
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap(),
        json!({"email": "{{EMAIL_1}}", "n": 1})
    );
}

#[test]
fn the_types_are_listed() {
    let rows: Value = serde_json::from_str(&succeed(&["types", "--json"], "")).unwrap();
    let rows = rows.as_array().unwrap();
    assert!(rows.len() > 100);
    for row in rows {
        for key in ["type", "title", "validator", "example", "group"] {
            assert!(!row[key].as_str().unwrap().is_empty(), "{row}");
        }
        assert!(row["hold"].as_u64().unwrap() > 0);
    }
    assert!(succeed(&["types"], "").contains("CREDIT_CARD"));
}

#[test]
fn marked_texts_are_measured() {
    let gold = format!(
        "{}\n{}\n",
        json!({"text": "to a@example.com", "spans": [{"start": 3, "end": 16, "type": "EMAIL_ADDRESS"}]}),
        json!({"text": "to nobody", "spans": [{"start": 3, "end": 9, "type": "EMAIL"}]}),
    );
    let figures: Value = serde_json::from_str(&succeed(&["eval", "--json", "-"], &gold)).unwrap();
    assert_eq!(figures["types"]["EMAIL"]["marked"], 2);
    assert_eq!(figures["types"]["EMAIL"]["precision"], 1.0);
    assert_eq!(figures["types"]["EMAIL"]["recall"], 0.5);
    assert!(succeed(&["eval", "-"], &gold).contains("EMAIL"));
}

#[test]
fn what_is_marked_wrongly_is_refused_with_its_place() {
    let said = |spans: Value| {
        refused(&["eval", "-"], &json!({"text": "to a@example.com", "spans": spans}).to_string())
    };
    let span = |start: i64, end: i64| json!([{"start": start, "end": end, "type": "EMAIL"}]);
    assert!(said(span(3, 999)).contains("-:1: span 1 ends at 999, the text has 16 characters"));
    assert!(said(span(-3, 16)).contains("`start` of span 1 is no whole number"));
    assert!(said(span(5, 5)).contains("span 1 is empty"));
    assert!(said(json!([{"end": 5, "type": "EMAIL"}])).contains("span 1 has no `start`"));
    assert!(refused(&["eval", "-"], "\n").contains("no marked text"));
}

#[test]
fn marks_of_other_types_are_named_and_not_counted() {
    let gold = format!(
        "{}\n{}\n",
        json!({"text": "to a@example.com", "spans": [{"start": 3, "end": 16, "type": "EMIAL"}]}),
        json!({"text": "to b@example.com", "spans": [{"start": 3, "end": 16, "type": "EMAIL"}]}),
    );
    let figures: Value = serde_json::from_str(&succeed(&["eval", "--json", "-"], &gold)).unwrap();
    assert_eq!(figures["left_out"], json!({"EMIAL": 1}));
    assert_eq!((&figures["clean"], &figures["touched"]), (&json!(0), &json!(0)));
    assert_eq!(figures["types"]["EMAIL"]["precision"], 1.0);
    assert!(succeed(&["eval", "-"], &gold).contains("1 of type EMIAL"));
}

#[test]
fn what_is_wrong_with_an_input_is_said_without_its_words() {
    let secret = r#"{"id": 1, "text": "jane.doe@example.com"#;
    let said = refused(&["scan", "--jsonl", "-"], secret);
    assert!(said.contains("-:1: not a JSON object") && !said.contains("jane"), "{said}");
    assert!(refused(&["scan", "--jsonl", "-"], "{}\n").contains("has no `text`"));
    assert!(refused(&["scan", "--jsonl", "-"], "{\"text\": \"a\"}\n").contains("has no `id`"));
    assert!(refused(&["scan", "no-such-file"], "").contains("no-such-file"));
}

#[test]
fn a_reader_that_has_seen_enough_hears_no_complaint() {
    let line = format!("{}\n", json!({"id": 1, "text": TEXT}));
    for words in [&["redact", "-"][..], &["scan", "--json", "-"], &["scan", "--jsonl", "-"]] {
        let mut child = start(words);
        drop(child.stdout.take());
        // More than a pipe holds.
        let _ = child.stdin.take().unwrap().write_all(line.repeat(4_000).as_bytes());
        let output = child.wait_with_output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*complaint), (Some(1), ""), "{words:?}");
    }
}
