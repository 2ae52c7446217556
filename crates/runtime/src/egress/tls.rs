//! TLS towards providers: 1.2 or newer, certificates always verified.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, TrustAnchor, pem::PemObject},
};

/// Certificate authorities trusted besides the public ones.
#[derive(Clone, Default)]
pub struct ExtraCa(Vec<TrustAnchor<'static>>);

/// A text that holds no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum MalformedCa {
    /// The PEM framing is broken.
    #[error("certificate {0} cannot be read as PEM")]
    Pem(usize),
    /// The certificate inside cannot be used as an authority.
    #[error("certificate {0} cannot serve as a certificate authority")]
    Certificate(usize),
    /// There is no certificate.
    #[error("there is no certificate in it (-----BEGIN CERTIFICATE-----)")]
    Empty,
}

impl ExtraCa {
    /// Reads one or more certificates in PEM.
    pub fn parse_pem(pem: &[u8]) -> Result<Self, MalformedCa> {
        let mut anchors = Vec::new();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let number = index + 1;
            let certificate = certificate.map_err(|_| MalformedCa::Pem(number))?;
            let mut store = RootCertStore::empty();
            store.add(certificate).map_err(|_| MalformedCa::Certificate(number))?;
            anchors.append(&mut store.roots);
        }
        if anchors.is_empty() { Err(MalformedCa::Empty) } else { Ok(Self(anchors)) }
    }
}

/// What every TLS connection shares. Built at the first of them: reading 150 authorities does not
/// belong into a start.
pub(super) fn client_config(extra: &ExtraCa) -> Arc<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.roots.extend_from_slice(&extra.0);
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's own suites cover TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The same without HTTP/2, on which no connection changes its protocol.
pub(super) fn http1_only(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
