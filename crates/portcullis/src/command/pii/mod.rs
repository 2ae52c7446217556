//! `portcullis pii`: the detection engine from the command line.

mod eval;
mod redact;
mod scan;
mod types;

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use portcullis_pii::{Detector, Entity, Format};

use crate::{
    cli::{PiiCommand, PiiDetector, PiiFormat},
    failure::Failure,
};

/// The largest file read, bytes.
const LARGEST: u64 = 1 << 30;

pub(crate) fn run(command: &PiiCommand) -> Result<(), Failure> {
    match command {
        PiiCommand::Scan(args) => scan::run(args),
        PiiCommand::Redact(args) => redact::run(args),
        PiiCommand::Types { json } => {
            types::run(*json);
            Ok(())
        }
        PiiCommand::Eval(args) => eval::run(args),
    }
}

impl PiiDetector {
    /// Compiles what the options ask for.
    fn detector(&self) -> Result<Detector, Failure> {
        let wanted = self.entities()?;
        let mut builder = Detector::builder();
        if !wanted.is_empty() {
            builder = builder.only(&wanted);
        }
        if self.allow_private_addresses {
            builder = builder.allow_private_addresses();
        }
        for given in &self.threshold {
            let (entities, score) = match given.split_once('=') {
                Some((id, score)) => (vec![entity(id)?], score),
                None => (Entity::all().collect(), given.as_str()),
            };
            let wrong =
                || Failure::new(format!("--threshold {given}: {score} is no number from 0 to 1"));
            let score: f32 = score.parse().map_err(|_| wrong())?;
            for entity in entities {
                builder = builder.threshold(entity, score).map_err(|_| wrong())?;
            }
        }
        builder.build().map_err(|error| Failure::new(error.to_string()))
    }

    /// The types asked for; none for those that are on.
    fn entities(&self) -> Result<Vec<Entity>, Failure> {
        if self.types.iter().any(|id| id == "all") {
            return Ok(Entity::all().filter(|it| *it != Entity::LITERAL).collect());
        }
        self.types.iter().map(|id| entity(id)).collect()
    }
}

fn entity(id: &str) -> Result<Entity, Failure> {
    let unknown =
        || Failure::new(format!("there is no type {id}; `portcullis pii types` lists them"));
    Entity::parse(id.trim()).ok_or_else(unknown)
}

impl From<PiiFormat> for Format {
    fn from(format: PiiFormat) -> Self {
        match format {
            PiiFormat::Text => Self::Text,
            PiiFormat::Json => Self::Json,
            PiiFormat::Form => Self::Form,
        }
    }
}

/// A file, or standard input for `-`, as text. Bytes that are no UTF-8 are replaced.
fn read(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::new(format!("{}: larger than {LARGEST} bytes", path.display())));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Turns byte offsets of a text into code points; the offsets have to rise.
struct CodePoints<'t> {
    text: &'t str,
    bytes: usize,
    count: usize,
}

impl<'t> CodePoints<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, bytes: 0, count: 0 }
    }

    fn at(&mut self, offset: usize) -> usize {
        if offset < self.bytes {
            (self.bytes, self.count) = (0, 0);
        }
        self.count += self.text[self.bytes..offset].chars().count();
        self.bytes = offset;
        self.count
    }
}
