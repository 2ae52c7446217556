//! The data plane's endpoints and the dialect each speaks (data-plane reference §1).

use http::Method;

/// What a path of the data plane asks for. Its name is used by guardrail lists, policies and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant's meaning is its path in `of`")]
pub enum Endpoint {
    ChatComplete,
    Complete,
    Embed,
    CreateModelResponse,
    GetModelResponse,
    DeleteModelResponse,
    ListResponseInputItems,
    Messages,
    CountTokens,
    Rerank,
    Moderate,
    Ocr,
    ImageGenerate,
    ImageEdit,
    ImageVariation,
    CreateSpeech,
    CreateTranscription,
    CreateTranslation,
    UploadFile,
    ListFiles,
    RetrieveFile,
    DeleteFile,
    RetrieveFileContent,
    CreateBatch,
    RetrieveBatch,
    CancelBatch,
    ListBatches,
    BatchOutput,
    CreateFinetune,
    RetrieveFinetune,
    ListFinetunes,
    CancelFinetune,
    ListModels,
    Realtime,
    /// Any other path under `/v1`.
    Proxy,
}

/// The wire form of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's: chat completions, responses, embeddings and the rest.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

impl Endpoint {
    /// The endpoint of a method and the path after `/v1`, which begins with `/`.
    pub fn of(method: &Method, path: &str) -> Self {
        let post = method == Method::POST;
        let get = method == Method::GET;
        let delete = method == Method::DELETE;
        let mut parts = path.trim_matches('/').split('/');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
        match parts {
            [Some("chat"), Some("completions"), None, None] if post => Self::ChatComplete,
            [Some("completions"), None, None, None] if post => Self::Complete,
            [Some("embeddings"), None, None, None] if post => Self::Embed,
            [Some("responses"), None, None, None] if post => Self::CreateModelResponse,
            [Some("responses"), Some(_), None, None] if get => Self::GetModelResponse,
            [Some("responses"), Some(_), None, None] if delete => Self::DeleteModelResponse,
            [Some("responses"), Some(_), Some("input_items"), None] if get => {
                Self::ListResponseInputItems
            }
            [Some("messages"), None, None, None] if post => Self::Messages,
            [Some("messages"), Some("count_tokens"), None, None] if post => Self::CountTokens,
            [Some("rerank"), None, None, None] if post => Self::Rerank,
            [Some("moderations"), None, None, None] if post => Self::Moderate,
            [Some("ocr"), None, None, None] if post => Self::Ocr,
            [Some("images"), Some("generations"), None, None] if post => Self::ImageGenerate,
            [Some("images"), Some("edits"), None, None] if post => Self::ImageEdit,
            [Some("images"), Some("variations"), None, None] if post => Self::ImageVariation,
            [Some("audio"), Some("speech"), None, None] if post => Self::CreateSpeech,
            [Some("audio"), Some("transcriptions"), None, None] if post => {
                Self::CreateTranscription
            }
            [Some("audio"), Some("translations"), None, None] if post => Self::CreateTranslation,
            [Some("files"), None, None, None] if post => Self::UploadFile,
            [Some("files"), None, None, None] if get => Self::ListFiles,
            [Some("files"), Some(_), None, None] if get => Self::RetrieveFile,
            [Some("files"), Some(_), None, None] if delete => Self::DeleteFile,
            [Some("files"), Some(_), Some("content"), None] if get => Self::RetrieveFileContent,
            [Some("batches"), None, None, None] if post => Self::CreateBatch,
            [Some("batches"), None, None, None] if get => Self::ListBatches,
            [Some("batches"), Some(_), None, None] if get => Self::RetrieveBatch,
            [Some("batches"), Some(_), Some("cancel"), None] if post => Self::CancelBatch,
            [Some("batches"), Some(_), Some("output"), None] if get => Self::BatchOutput,
            [Some("fine_tuning"), Some("jobs"), None, None] if post => Self::CreateFinetune,
            [Some("fine_tuning"), Some("jobs"), None, None] if get => Self::ListFinetunes,
            [Some("fine_tuning"), Some("jobs"), Some(_), None] if get => Self::RetrieveFinetune,
            [Some("fine_tuning"), Some("jobs"), Some(_), Some("cancel")] if post => {
                Self::CancelFinetune
            }
            [Some("models"), None, None, None] if get => Self::ListModels,
            [Some("realtime"), None, None, None] if get => Self::Realtime,
            _ => Self::Proxy,
        }
    }

    /// The internal name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChatComplete => "chatComplete",
            Self::Complete => "complete",
            Self::Embed => "embed",
            Self::CreateModelResponse => "createModelResponse",
            Self::GetModelResponse => "getModelResponse",
            Self::DeleteModelResponse => "deleteModelResponse",
            Self::ListResponseInputItems => "listResponseInputItems",
            Self::Messages => "messages",
            Self::CountTokens => "messagesCountTokens",
            Self::Rerank => "rerank",
            Self::Moderate => "moderate",
            Self::Ocr => "ocr",
            Self::ImageGenerate => "imageGenerate",
            Self::ImageEdit => "imageEdit",
            Self::ImageVariation => "imageVariation",
            Self::CreateSpeech => "createSpeech",
            Self::CreateTranscription => "createTranscription",
            Self::CreateTranslation => "createTranslation",
            Self::UploadFile => "uploadFile",
            Self::ListFiles => "listFiles",
            Self::RetrieveFile => "retrieveFile",
            Self::DeleteFile => "deleteFile",
            Self::RetrieveFileContent => "retrieveFileContent",
            Self::CreateBatch => "createBatch",
            Self::RetrieveBatch => "retrieveBatch",
            Self::CancelBatch => "cancelBatch",
            Self::ListBatches => "listBatches",
            Self::BatchOutput => "getBatchOutput",
            Self::CreateFinetune => "createFinetune",
            Self::RetrieveFinetune => "retrieveFinetune",
            Self::ListFinetunes => "listFinetunes",
            Self::CancelFinetune => "cancelFinetune",
            Self::ListModels => "listModels",
            Self::Realtime => "realtime",
            Self::Proxy => "proxy",
        }
    }

    /// The dialect callers of this endpoint speak.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            _ => Dialect::OpenAi,
        }
    }

    /// Whether a call of it makes a model work, now or later. The others manage what is stored, and
    /// cost nothing themselves; of a proxied path nobody knows.
    pub const fn uses_model(self) -> bool {
        matches!(
            self,
            Self::ChatComplete
                | Self::Complete
                | Self::Embed
                | Self::CreateModelResponse
                | Self::Messages
                | Self::Rerank
                | Self::Moderate
                | Self::Ocr
                | Self::ImageGenerate
                | Self::ImageEdit
                | Self::ImageVariation
                | Self::CreateSpeech
                | Self::CreateTranscription
                | Self::CreateTranslation
                | Self::CreateBatch
                | Self::CreateFinetune
                | Self::Realtime
                | Self::Proxy
        )
    }

    /// Whether the path, of a proxied call, leads to what an earlier call stored: cancelling a
    /// response or changing a completion makes no model work, and repeats that call's usage.
    pub fn is_managed_path(self, path: &str) -> bool {
        if self != Self::Proxy {
            return false;
        }
        let mut parts = path.trim_matches('/').split('/');
        matches!(
            [parts.next(), parts.next(), parts.next(), parts.next()],
            [Some("responses"), Some(_), Some("cancel"), None]
                | [Some("chat"), Some("completions"), Some(_), None]
        )
    }

    /// Whether a call of it may bring files or bytes of any kind; the others take JSON only.
    pub const fn takes_upload(self) -> bool {
        matches!(
            self,
            Self::UploadFile
                | Self::ImageEdit
                | Self::ImageVariation
                | Self::CreateTranscription
                | Self::CreateTranslation
                | Self::Proxy
        )
    }

    /// Whether answers run through a model and are understood (usage, errors in the caller's
    /// dialect), rather than proxied untouched.
    pub const fn is_understood(self) -> bool {
        !matches!(self, Self::Proxy | Self::Moderate)
    }
}
