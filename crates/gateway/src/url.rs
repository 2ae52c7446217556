//! Addresses as they may be recorded.

use http::Uri;

use crate::trace::plain;

/// A client's address: values of the query that could be secrets or content do not show.
pub(crate) fn masked_url(path: &str, query: Option<&str>) -> String {
    let mut url = plain(path, 1021);
    url.insert_str(0, "/v1");
    masked_query(&mut url, query);
    url
}

/// Where a request goes, without what a URL may hold of secrets.
pub(crate) fn plain_url(url: &Uri) -> String {
    let mut text = format!("{}://", url.scheme_str().unwrap_or_default());
    text.push_str(url.host().unwrap_or_default());
    if let Some(port) = url.port() {
        text.push(':');
        text.push_str(port.as_str());
    }
    text.push_str(url.path());
    masked_query(&mut text, url.query());
    text
}

/// Appends the query with the values masked that could be secrets or content.
fn masked_query(url: &mut String, query: Option<&str>) {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    for (index, (name, value)) in pairs.enumerate().take(32) {
        let open = matches!(name, "model" | "limit" | "order" | "after" | "before" | "purpose");
        url.push(if index == 0 { '?' } else { '&' });
        url.push_str(&plain(name, 64));
        url.push('=');
        url.push_str(&plain(if open { value } else { "********" }, 128));
    }
}
