//! The SDK's HTTP client: the project's own way out, so that its rules hold for every address.

use std::{fmt, time::Duration};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    shared::IntoShared as _,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use portcullis_runtime::egress::{Egress, EgressError, EgressErrorKind, OutboundBody};

use crate::rest::{FIRST_BYTE, MAX_ANSWER};

/// A client that sends through `egress`.
pub(super) fn client(egress: Egress) -> SharedHttpClient {
    Through { egress, first_byte: FIRST_BYTE }.into_shared()
}

#[derive(Clone)]
struct Through {
    egress: Egress,
    first_byte: Duration,
}

impl fmt::Debug for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Through")
    }
}

impl HttpClient for Through {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // The chain of credentials asks for short times where there may be nobody to answer.
        let asked = settings.connect_timeout().into_iter().chain(settings.read_timeout());
        let asked: Duration = asked.sum();
        let first_byte = if asked.is_zero() { self.first_byte } else { asked };
        Self { egress: self.egress.clone(), first_byte }.into_shared()
    }
}

impl HttpConnector for Through {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (egress, first_byte) = (self.egress.clone(), self.first_byte);
        HttpConnectorFuture::new(async move { exchange(&egress, first_byte, request).await })
    }
}

async fn exchange(
    egress: &Egress,
    first_byte: Duration,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let user = |error: &dyn fmt::Display| ConnectorError::user(error.to_string().into());
    let request = request.try_into_http1x().map_err(|error| user(&error))?;
    let (parts, body) = request.into_parts();
    // Requests of these services are small and in memory.
    let bytes = match body.bytes() {
        Some(bytes) => Bytes::copy_from_slice(bytes),
        None => body.collect().await.map_err(|error| user(&error))?.to_bytes(),
    };
    let request = http::Request::from_parts(parts, OutboundBody::from(bytes));
    let answer = egress.send(request, first_byte).await.map_err(connector_error)?;
    let (parts, body) = answer.into_parts();
    let bytes = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| match error
        .downcast::<EgressError>(
    ) {
        Ok(error) => connector_error(*error),
        Err(error) => ConnectorError::other(error, None),
    })?;
    let answer = http::Response::from_parts(parts, SdkBody::from(bytes.to_bytes()));
    answer.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))
}

fn connector_error(error: EgressError) -> ConnectorError {
    match error.kind {
        EgressErrorKind::Timeout => ConnectorError::timeout(error.into()),
        EgressErrorKind::Refused(_) => ConnectorError::user(error.into()),
        EgressErrorKind::Unreachable | EgressErrorKind::Broken => ConnectorError::io(error.into()),
    }
}
