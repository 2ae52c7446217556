//! `portcullis demo`: what it tells, and that it leaves nothing behind.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use portcullis_testkit::client::post;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

fn demo(temporary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("demo").args(arguments).env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).expect("the directory is there").next().is_none()
}

fn assert_plain_and_narrow(text: &str) {
    assert!(!text.contains('\x1b'), "colour without a terminal");
    let wide = text.lines().find(|line| line.chars().count() > 100);
    assert_eq!(wide, None, "wider than 100 columns");
}

#[test]
fn the_story_tells_what_happened() {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo(temporary.path(), &["--once", "--listen", "127.0.0.1:0"]).output().unwrap();
    let story = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{story}\n{complaints}");
    assert_eq!(complaints, "");
    assert_plain_and_narrow(&story);
    // Lines are wrapped for people; facts are looked for without regard to that.
    let story = story.split_whitespace().collect::<Vec<_>>().join(" ");
    for fact in [
        "answered 200 from openai in",
        "counted 15 tokens in, 34 out, $0.000022650, at the price of gpt-4o-mini",
        "answered 200 from anthropic in",
        "counted 6 tokens in, 34 out, $0.000528000, at the price of claude-sonnet-4-5",
        "streamed I have read your 5 words.",
        "kept counts, times and cost; neither text nor answer",
        "answered 429: ",
        "answered 408 after 2",
        "401 a key with a typo: \"Portkey Error: Invalid API Key. Error Code: 03\"",
        "401 a key that has expired: \"Portkey Error: API Key expired. Error Code: 01\"",
        "403 a key that may only read logs: ",
        "400 a virtual key that nobody has: ",
        "400 a custom host inside the network: ",
        "400 the same, written as a number: ",
        "400 the cloud's metadata service: ",
        "400 a host of the caller's choice for a stored credential: ",
        "403 an application that lists virtual keys: ",
        "None of these calls reached the provider",
        "auditor \"Summarise the merger with Halcyon Freight, which nobody may hear of.\"",
        "application the same log, without content",
        "credential the provider's: nowhere",
        "API key the application's: nowhere",
        "prompt of the first call: nowhere",
        "prompt that was not kept: nowhere",
        "before 200 after 401, ",
    ] {
        assert!(story.contains(fact), "{fact:?} is not in: {story}");
    }
    // A story that is told once hands out no keys.
    assert!(!story.contains("pck_"), "{story}");
    assert!(is_empty(temporary.path()));
}

#[tokio::test]
async fn it_stays_up_on_a_free_port_until_it_is_told_to_stop() {
    let temporary = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let mut process =
        demo(temporary.path(), &["--listen", &listen]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told = String::new();
    for line in lines.by_ref().take_while(|line| !line.contains("press Ctrl-C")) {
        told.push_str(&line);
        told.push('\n');
    }
    assert_plain_and_narrow(&told);
    assert!(told.contains(&format!("{listen} is taken")), "{told}");
    let field = |name: &str| -> &str {
        let line = told.lines().find_map(|line| line.trim_start().strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).unwrap_or_else(|| panic!("{told}"))
    };
    let (base, master) = (field("base URL"), field("master key"));
    let call = post(format!("{base}/messages")).bearer(master).json(&json!({
        "model": "@anthropic-demo/claude-sonnet-4-5", "max_tokens": 100,
        "messages": [{"role": "user", "content": "one two three"}],
    }));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("I have read your 3 words."), "{}", answer.text());

    let pid = Pid::from_child(&process);
    kill_process(pid, Signal::INT).unwrap();
    assert!(process.wait().unwrap().success());
    assert!(is_empty(temporary.path()), "the data directory was left behind");
}
