//! attempt, for the output of a batch where the provider's dialect gives it in two steps: the batch
//! names a file, and the file's content is what was asked for.

use bytes::Bytes;
use http_body_util::Empty;
use portcullis_domain::{Fault, FaultKind, Retry};
use portcullis_providers::{
    Endpoint,
    adapter::AskBody,
    catalog::{AdapterKind, Provider},
};
use serde_json::Value;

use crate::{
    Parts,
    closing::Closing,
    header,
    stage::{
        accept::Accepted,
        attempt::{Answered, Step, prepare, send},
        batch_account::{Account, Counted},
        plan::{Target, shown},
        receive::ReceivedBody,
        relay::hold,
    },
};

/// Bytes of a batch's description; real ones have about one thousand.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// There is no body to send in either step.
const NO_BODY: ReceivedBody<Empty<Bytes>> = ReceivedBody::None;

/// Whether the target's dialect has no single request for the output of a batch.
pub(crate) fn takes_two_steps(target: &Target) -> bool {
    matches!(target.provider.kind, AdapterKind::OpenAi | AdapterKind::AzureOpenAi)
}

/// Retrieves the batch, then asks for the content of its output. When the provider does not give the
/// batch, its answer is the call's.
pub(crate) async fn attempt(
    parts: &Parts,
    accepted: &Accepted,
    target: &Target,
    closing: &mut Closing,
) -> Result<Answered, Fault> {
    let path = accepted.path().trim_end_matches('/');
    let path = path.strip_suffix("/output").unwrap_or(path);
    let step = Step { endpoint: Endpoint::RetrieveBatch, path };
    let url = prepare(accepted, target, step, AskBody::None)?.url;
    let mut answered = send(parts, accepted, target, step, NO_BODY, closing).await?;
    if !answered.response.status().is_success() {
        return Ok(answered);
    }
    let provider = target.provider;
    let (head, body) = answered.response.into_parts();
    if header::is_encoded(&head.headers) {
        return Err(unreadable(provider, "it is compressed, which it was not asked to be"));
    }
    answered.reply.head(head.status, &head.headers);
    let nobody = |_: &Bytes| {};
    let batch = hold(parts, body, &mut *answered.reply, provider, MAX_BATCH_BYTES, nobody).await?;
    let batch = read(&batch, provider)?;
    let path = format!("/files/{}/content", output_file(&batch, provider)?);
    let step = Step { endpoint: Endpoint::RetrieveFileContent, path: &path };
    let mut answered = send(parts, accepted, target, step, NO_BODY, closing).await?;
    let cuts_show = !answered.response.body().ends_by_close();
    if let Some(account) = Account::of(&batch, &url, cuts_show, provider, closing) {
        answered.reply = Box::new(Counted::new(answered.reply, account));
    }
    Ok(answered)
}

fn read(batch: &[u8], provider: &Provider) -> Result<Value, Fault> {
    let batch = serde_json::from_slice(batch).ok().filter(Value::is_object);
    batch.ok_or_else(|| unreadable(provider, "it is no JSON object"))
}

/// The id of the file that holds a batch's output.
fn output_file<'a>(batch: &'a Value, provider: &Provider) -> Result<&'a str, Fault> {
    match &batch["output_file_id"] {
        Value::String(id) if is_plain(id) => Ok(id),
        Value::Null => Err(no_output(batch)),
        _ => Err(unreadable(provider, "its 'output_file_id' is not a file's id")),
    }
}

/// Whether an id is one segment of a path as it stands.
fn is_plain(id: &str) -> bool {
    (1..=256).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        && !id.starts_with('.')
}

/// The fault of a batch that has no output, or none yet.
fn no_output(batch: &Value) -> Fault {
    let status = shown(batch["status"].as_str().unwrap_or("unknown"));
    let text = match &batch["error_file_id"] {
        Value::String(errors) => format!(
            "the batch has no output: its status is '{status}', and its errors are in the file \
             '{}'",
            shown(errors)
        ),
        _ if matches!(&*status, "validating" | "in_progress" | "finalizing") => {
            format!("the batch has no output yet: its status is '{status}'")
        }
        _ => format!("the batch has no output: its status is '{status}'"),
    };
    Fault::client(FaultKind::OutputMissing, text)
}

fn unreadable(provider: &Provider, reason: &str) -> Fault {
    let text = format!("the batch as {} describes it cannot be read: {reason}", provider.title);
    Fault::upstream(FaultKind::UpstreamBroken, Retry::Stop, text)
}

#[cfg(test)]
mod tests {
    use portcullis_domain::FaultKind;
    use portcullis_providers::catalog;

    use super::{output_file, read};

    #[test]
    fn only_a_plain_id_becomes_a_path() {
        let openai = catalog::find("openai").unwrap();
        let found = |id: &str| {
            let batch = read(format!(r#"{{"output_file_id":{id}}}"#).as_bytes(), openai).unwrap();
            output_file(&batch, openai).map(str::to_owned).map_err(|fault| fault.kind)
        };
        assert_eq!(found(r#""file-a_1.b""#), Ok("file-a_1.b".to_owned()));
        for id in [r#""..""#, r#""a/b""#, r#""a?b""#, r#""%2e""#, r#""""#, "1", "{}"] {
            assert_eq!(found(id), Err(FaultKind::UpstreamBroken), "{id}");
        }
        assert_eq!(found("null"), Err(FaultKind::OutputMissing));
        assert_eq!(read(b"[]", openai).map_err(|fault| fault.kind), Err(FaultKind::UpstreamBroken));
    }
}
