//! Texts inside other formats: JSON, JSON in JSON strings, form data. Each text is decoded, read on
//! its own with the key that names it, and what is found is led back to the bytes it came from.

mod encode;
mod form;
mod json;
mod unescape;

pub(crate) use encode::{Wrap, decode, encode};
pub(crate) use form::Form;
pub(crate) use json::Json;

/// How a text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As it is.
    #[default]
    Text,
    /// JSON; whatever is not JSON is read as text from there on.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// Something found, in the coordinates of the text that it was found in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found<T> {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) what: T,
    /// What the text around it is wrapped in.
    pub(crate) wrap: Wrap,
}

/// Reads texts as they come and finds things in them.
pub(crate) trait Reader {
    type What: Copy;

    /// A new text begins, which `key` names.
    fn begin(&mut self, key: &str);

    /// Reads on; returns the offset before which nothing is found any more.
    fn push(&mut self, piece: &[u8], end: bool, out: &mut Vec<Found<Self::What>>) -> usize;
}

/// A stream in one of the formats.
pub(crate) enum Layered<R> {
    Text(R),
    Json(Box<Json>, R),
    Form(Box<Form>, R),
}

impl<R: Reader> Layered<R> {
    pub(crate) fn new(format: Format, mut reader: R, key: &str) -> Self {
        reader.begin(key);
        match format {
            Format::Text => Self::Text(reader),
            Format::Json => Self::Json(Box::new(Json::new(key)), reader),
            Format::Form => Self::Form(Box::default(), reader),
        }
    }

    pub(crate) fn push(&mut self, piece: &[u8], end: bool, out: &mut Vec<Found<R::What>>) -> usize {
        match self {
            Self::Text(reader) => reader.push(piece, end, out),
            Self::Json(json, reader) => json.push(reader, piece, end, out),
            Self::Form(form, reader) => form.push(reader, piece, end, out),
        }
    }

    pub(crate) fn reader(&self) -> &R {
        match self {
            Self::Text(reader) | Self::Json(_, reader) | Self::Form(_, reader) => reader,
        }
    }
}
