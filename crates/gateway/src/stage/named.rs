//! What a call names as its target, and in which place (data-plane reference §4).

use portcullis_domain::{Fault, FaultKind};

use crate::{
    client_headers::ClientHeaders,
    header,
    stage::{identify::Identified, inline_config::InlineConfig, plan::unknown_virtual_key},
};

/// What a call names as its target.
pub(crate) enum Named<'a> {
    /// A virtual key of the workspace, by its slug.
    VirtualKey(&'a str),
    /// A provider of the catalogue; the caller brought the credential along.
    Provider(&'a str),
}

/// The model that a call asks for.
pub(crate) struct AskedModel<'a> {
    /// As the caller wrote it.
    text: &'a str,
    /// The virtual key in its `@slug/`, if there is one of that name in the workspace.
    pub(crate) slug: Option<&'a str>,
    /// What to ask the provider for. `@cf/meta/llama` is whole a model's own name where no virtual
    /// key is called `cf`.
    pub(crate) bare: &'a str,
}

impl<'a> AskedModel<'a> {
    pub(crate) fn read(text: &'a str, identified: &Identified) -> Self {
        let known = |(slug, bare): (&'a str, &'a str)| {
            identified.accepted.snapshot.virtual_key(identified.workspace.id, slug)?;
            Some((slug, bare))
        };
        let prefixed = text.strip_prefix('@').and_then(|rest| rest.split_once('/'));
        let prefixed = prefixed.filter(|(_, bare)| !bare.is_empty());
        match prefixed.and_then(known) {
            Some((slug, bare)) => Self { text, slug: Some(slug), bare },
            None => Self { text, slug: None, bare: text },
        }
    }
}

impl<'a> Named<'a> {
    /// The config outranks the headers, and a virtual key in any place outranks a bare provider.
    pub(crate) fn of(
        headers: &'a ClientHeaders,
        config: &'a InlineConfig,
        model: Option<&AskedModel<'a>>,
    ) -> Result<Self, Fault> {
        if let Some(slug) = &config.virtual_key {
            return Ok(Self::virtual_key(slug));
        }
        if let Some(provider) = &config.provider {
            return match provider.strip_prefix('@') {
                Some(slug) => Ok(Self::virtual_key(slug)),
                None => Ok(Self::Provider(provider)),
            };
        }
        let provider = header::provider(headers);
        if let Some(slug) = provider.and_then(|provider| provider.strip_prefix('@')) {
            return Ok(Self::virtual_key(slug));
        }
        if let Some(slug) = header::text(headers, header::VIRTUAL_KEY) {
            return Ok(Self::virtual_key(slug));
        }
        if let Some(slug) = model.and_then(|model| model.slug) {
            return Ok(Self::VirtualKey(slug));
        }
        if let Some(provider) = provider {
            return Ok(Self::Provider(provider));
        }
        if let Some(text) = model.and_then(|model| model.text.strip_prefix('@')) {
            return Err(match text.split_once('/') {
                Some((slug, bare)) if !bare.is_empty() => unknown_virtual_key(slug),
                _ => {
                    let text = "no model is named: write it as '@<virtual key>/<model>'";
                    Fault::client(FaultKind::BadRequest, text)
                }
            });
        }
        let text = "no provider is named: write the model as '@<virtual key>/<model>', or send \
                    'x-portkey-virtual-key: <virtual key>', or 'x-portkey-provider: <name>' with \
                    the provider's own key as 'Authorization: Bearer'";
        Err(Fault::client(FaultKind::BadRequest, text))
    }

    /// `slug`, `@slug` or `slug/anything`.
    fn virtual_key(text: &'a str) -> Self {
        let slug = text.strip_prefix('@').unwrap_or(text);
        Self::VirtualKey(slug.split('/').next().unwrap_or(slug))
    }
}
