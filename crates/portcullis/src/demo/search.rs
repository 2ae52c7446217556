//! Looks for a text in every file of a directory, plain and in the encodings it could hide in.

use std::{fs, io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use memchr::memmem;

/// Where a text was looked for, and how often it was there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Files that hold the text in one of its forms.
    pub(crate) hits: u64,
}

/// Reads every file below `directory`.
pub(crate) fn search(directory: &Path, text: &str) -> io::Result<Found> {
    let forms = forms(text.as_bytes());
    let mut found = Found::default();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                directories.push(entry.path());
                continue;
            }
            let content = match fs::read(entry.path()) {
                Ok(content) => content,
                // The instance is running: a segment that was shipped may go at any time.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            found.files += 1;
            found.bytes += content.len() as u64;
            found.hits +=
                u64::from(forms.iter().any(|form| memmem::find(&content, form).is_some()));
        }
    }
    Ok(found)
}

/// The text itself, in both spellings of hexadecimal, and in base64 at each of the three places it
/// can begin in a group, less the characters that its neighbours decide.
fn forms(text: &[u8]) -> Vec<Vec<u8>> {
    let hex = |format: fn(&u8) -> String| text.iter().map(format).collect::<String>().into_bytes();
    let mut forms =
        vec![text.to_vec(), hex(|byte| format!("{byte:02x}")), hex(|byte| format!("{byte:02X}"))];
    for offset in 0..3 {
        let mut padded = vec![0; offset];
        padded.extend_from_slice(text);
        let whole = padded.len() / 3 * 3;
        let encoded = STANDARD_NO_PAD.encode(&padded[..whole]).into_bytes();
        let decided_by_neighbours = [0, 2, 3][offset];
        let form = encoded[decided_by_neighbours..].to_vec();
        let url_safe = form.iter().map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        });
        forms.extend([url_safe.collect(), form]);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_every_form_and_place() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("below");
        fs::create_dir(&below).unwrap();
        let text = "a secret?>~ that hides";
        let hidden = [
            format!("before {text} after").into_bytes(),
            text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
            STANDARD_NO_PAD.encode(text).into_bytes(),
            STANDARD_NO_PAD.encode(format!("x{text}yy")).into_bytes(),
            STANDARD_NO_PAD.encode(format!("xx{text}y")).into_bytes(),
        ];
        for (index, content) in hidden.iter().enumerate() {
            fs::write(below.join(index.to_string()), content).unwrap();
        }
        fs::write(directory.path().join("other"), "a secret that shows").unwrap();
        let found = search(directory.path(), text).unwrap();
        assert_eq!((found.files, found.hits), (6, 5));
        assert_eq!(search(directory.path(), "not there at all").unwrap().hits, 0);
    }
}
