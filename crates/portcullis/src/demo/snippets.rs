//! What to try while the demonstration stays up.

use crate::{
    demo::{Page, Stage},
    failure::Failure,
};

/// Prints address, keys and ready-made calls. The keys are this temporary instance's own.
pub(crate) fn invite(stage: &Stage, page: &mut Page) -> Result<(), Failure> {
    let base = stage.url("/v1");
    let key = stage.application.danger_expose();
    page.section("Your turn")?;
    page.field("base URL", &base)?;
    page.field("application", &format!("{key} (may call models)"))?;
    page.field("master key", &format!("{} (may do anything)", stage.master.danger_expose()))?;
    if let Some(metrics) = stage.node.metrics_address() {
        page.field("metrics", &format!("http://{metrics}/metrics"))?;
    }
    let curl = [
        format!("curl {base}/chat/completions \\"),
        format!("  -H 'Authorization: Bearer {key}' \\"),
        "  -H 'Content-Type: application/json' \\".to_owned(),
        "  -d '{\"model\": \"@openai-demo/gpt-4o-mini\", \"stream\": true,".to_owned(),
        "       \"messages\": [{\"role\": \"user\", \"content\": \"Who are you?\"}]}'".to_owned(),
    ];
    let python = [
        "from openai import OpenAI".to_owned(),
        "client = OpenAI(".to_owned(),
        format!("    base_url=\"{base}\","),
        format!("    api_key=\"{key}\")"),
        "answer = client.chat.completions.create(".to_owned(),
        "    model=\"@anthropic-demo/claude-sonnet-4-5\", max_tokens=100,".to_owned(),
        "    messages=[{\"role\": \"user\", \"content\": \"Who are you?\"}])".to_owned(),
        "print(answer.choices[0].message.content)".to_owned(),
    ];
    let javascript = [
        "import OpenAI from 'openai';".to_owned(),
        "const client = new OpenAI({".to_owned(),
        format!("  baseURL: '{base}',"),
        format!("  apiKey: '{key}' }});"),
        "const answer = await client.chat.completions.create({".to_owned(),
        "  model: '@openai-demo/gpt-4o-mini',".to_owned(),
        "  messages: [{ role: 'user', content: 'Who are you?' }] });".to_owned(),
        "console.log(answer.choices[0].message.content);".to_owned(),
    ];
    let logs = [
        format!("curl '{base}/logs?limit=3' \\"),
        format!("  -H 'x-portkey-api-key: {}'", stage.master.danger_expose()),
    ];
    show(page, "curl, streamed", &curl)?;
    show(page, "Python", &python)?;
    show(page, "JavaScript", &javascript)?;
    show(page, "What was recorded of it", &logs)?;
    page.section("It stays up until you press Ctrl-C.")?;
    Ok(())
}

fn show(page: &mut Page, title: &str, lines: &[String]) -> Result<(), Failure> {
    page.item(title)?;
    for line in lines {
        page.code(line)?;
    }
    Ok(())
}
