//! The codes of `data/prices.bin`. The command that writes the file includes this source by path,
//! so reader and writer cannot drift apart. The layout is described in `docs/prices.md`.

/// The file begins with this; the last byte is the version of the layout.
pub(crate) const MAGIC: [u8; 8] = *b"PRICES\0\x01";
/// Bytes of the header: the magic, four section lengths and three origins.
pub(crate) const HEADER_BYTES: usize = 36;
/// Bytes of a provider's entry.
pub(crate) const PROVIDER_BYTES: usize = 8;
/// Bytes of a model's entry.
pub(crate) const MODEL_BYTES: usize = 12;
/// Input tokens above which a price holds; an entry stores the index.
pub(crate) const THRESHOLDS: [u64; 8] =
    [0, 32_000, 100_000, 128_000, 200_000, 256_000, 272_000, 512_000];
/// Image qualities; an entry stores the index. The first is "not distinguished".
pub(crate) const QUALITIES: [&str; 8] =
    ["", "low", "medium", "high", "standard", "hd", "xhigh", "max"];

/// What a price is for. The code in the file is the variant's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// An input token.
    Input,
    /// An output token.
    Output,
    /// An input token read from the provider's cache.
    CacheRead,
    /// An input token written to the provider's cache (five minutes, where lifetimes differ).
    CacheWrite,
    /// An input token written to the cache for an hour.
    CacheWrite1h,
    /// An input token written to the cache for twelve hours.
    CacheWrite12h,
    /// An output token spent on reasoning.
    Reasoning,
    /// An audio token of the input.
    InputAudio,
    /// An audio token of the input, read from cache.
    CachedAudio,
    /// An audio token of the output.
    OutputAudio,
    /// An image token of the input.
    InputImage,
    /// An image token of the output.
    OutputImage,
    /// A minute of audio heard.
    AudioMinute,
    /// A character read aloud.
    Character,
    /// A request, whatever it consumes.
    Request,
    /// A web search with the usual amount of context.
    WebSearch,
    /// A web search with little context, where that costs something else.
    WebSearchLow,
    /// A web search with much context, where that costs something else.
    WebSearchHigh,
    /// A page read.
    Page,
    /// An image made; quality and size follow in the entry.
    Image,
}

impl Class {
    /// All, in the order of their codes.
    pub const ALL: [Self; 20] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::CacheWrite12h,
        Self::Reasoning,
        Self::InputAudio,
        Self::CachedAudio,
        Self::OutputAudio,
        Self::InputImage,
        Self::OutputImage,
        Self::AudioMinute,
        Self::Character,
        Self::Request,
        Self::WebSearch,
        Self::WebSearchLow,
        Self::WebSearchHigh,
        Self::Page,
        Self::Image,
    ];

    /// Whether this is a price of tokens.
    pub const fn is_token(self) -> bool {
        (self as u8) < Self::AudioMinute as u8
    }
}

/// How fast and how surely the provider serves, which has its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ServiceTier {
    /// As usual.
    #[default]
    Standard,
    /// Later, in bulk.
    Batch,
    /// When there is room.
    Flex,
    /// Before others.
    Priority,
    /// On the fastest hardware.
    Ultrafast,
}

impl ServiceTier {
    /// All, in the order of their codes.
    pub const ALL: [Self; 5] =
        [Self::Standard, Self::Batch, Self::Flex, Self::Priority, Self::Ultrafast];
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mode {
    /// The sources do not say.
    Unknown,
    /// Conversation.
    Chat,
    /// Completion of a text.
    Completion,
    /// Served through the responses endpoint only.
    Responses,
    /// Embeddings.
    Embedding,
    /// Making and editing images.
    Image,
    /// Audio to text.
    Transcription,
    /// Text to audio.
    Speech,
    /// Spoken conversation.
    Realtime,
    /// Ranking documents.
    Rerank,
    /// Judging content.
    Moderation,
    /// Reading pages.
    Ocr,
    /// Making videos.
    Video,
}

impl Mode {
    /// All, in the order of their codes.
    pub const ALL: [Self; 13] = [
        Self::Unknown,
        Self::Chat,
        Self::Completion,
        Self::Responses,
        Self::Embedding,
        Self::Image,
        Self::Transcription,
        Self::Speech,
        Self::Realtime,
        Self::Rerank,
        Self::Moderation,
        Self::Ocr,
        Self::Video,
    ];
}
