//! What the control plane gets from outside: through the one way out, with its rules.

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use portcullis_control::{Fetch, Fetching};
use portcullis_runtime::egress::{Egress, EgressPolicy, OutboundBody};
use tokio::time::timeout;

/// How long a document may take, from the first byte sent to the last received.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gets documents over an [`Egress`].
pub(crate) struct Outside(pub(crate) Egress);

impl Fetch for Outside {
    fn check(&self, url: &str) -> Result<(), String> {
        let uri = self.0.policy().check_url(url).map_err(|refused| refused.to_string())?;
        // Over plain http anybody on the way could put in another document; inside a network that
        // the operator has allowed, that is the operator's to say.
        let is_public = EgressPolicy::default().check_url(url).is_ok();
        if is_public && uri.scheme_str() != Some("https") {
            return Err("only https URLs can be trusted with this".to_owned());
        }
        Ok(())
    }

    fn check_base(&self, url: &str) -> Result<(), String> {
        self.0.policy().check_base(url).map(|_| ()).map_err(|refused| refused.to_string())
    }

    fn get(&self, url: String, most: usize) -> Fetching {
        let egress = self.0.clone();
        Box::pin(async move {
            let request = Request::get(url).body(OutboundBody::Empty);
            let request = request.map_err(|_| "this is not a URL".to_owned())?;
            let document = async {
                let answer = egress.send(request, PATIENCE).await;
                let answer = answer.map_err(|error| error.to_string())?;
                if answer.status() != StatusCode::OK {
                    return Err(format!("it answered with {}", answer.status()));
                }
                let body = Limited::new(answer.into_body(), most).collect().await;
                let body = body.map_err(|_| format!("it broke off or has more than {most} bytes"));
                Ok(body?.to_bytes().to_vec())
            };
            let late = || format!("it took longer than {} s", PATIENCE.as_secs());
            timeout(PATIENCE, document).await.unwrap_or_else(|_| Err(late()))
        })
    }
}
