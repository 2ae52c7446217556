//! The key management services that guard data keys, other than the local key file.
//!
//! One slice, [`PROVIDERS`]: what a service is told, what it is called and what it does stand
//! together in one file, and the admin API, its documentation and the contract test read them from
//! there. This crate is a leaf: only the binary uses it, so that the AWS SDK is compiled and linked
//! where it is needed only.
//!
//! Every byte leaves through [`portcullis_runtime::egress::Egress`], the AWS SDK's too
//! (`aws/http.rs`), so that an address which somebody writes into a connection is checked where it is
//! dialled. The one exception to the block on metadata services is for this process's own identity
//! on its cloud: `Surroundings::own`, which no connection's settings can direct.
//!
//! # Adding a KMS
//!
//! `src/<name>.rs` with an [`Entry`] and a client that implements [`Kms`], and one line in
//! [`PROVIDERS`]. Bind every pair of the context, name the key on every unwrap, sort failures with
//! care (`portcullis_vault::KmsFailure` says which drop keys at once), never repeat a credential.
//! Exchanges with the service go into `fixtures/<name>/`.

mod aws;
mod azure;
mod google;
mod rest;
mod sign_in;
mod transit;

use std::sync::Arc;

use portcullis_domain::{Clock, Dice};
use portcullis_runtime::egress::{Egress, EgressPolicy, EgressSettings};
use portcullis_vault::{
    Kms, KmsFuture,
    kms::{ConnectionSettings, KmsFactory, KmsGuide, KmsProvider, KmsSettingsError},
};

pub use aws::{AwsIdentity, StaticCredentials};

/// What every client is given of its surroundings.
pub struct Surroundings {
    /// The way out, for addresses that somebody writes into a connection.
    pub egress: Egress,
    /// The way to what tells this process who it is on its cloud: metadata services too.
    pub own: Egress,
    /// Who this process is to AWS.
    pub aws: AwsIdentity,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<dyn Dice>,
}

/// One key management service.
pub trait Entry: Sync {
    /// What it is and what it has to be told.
    fn provider(&self) -> &'static KmsProvider;

    /// Makes a client, checking the settings. Does no I/O.
    fn connect(
        &self,
        surroundings: &Arc<Surroundings>,
        settings: &ConnectionSettings,
    ) -> Result<Arc<dyn Kms>, KmsSettingsError>;

    /// What has to be granted so that the connection works.
    fn guide<'a>(
        &'a self,
        surroundings: &'a Arc<Surroundings>,
        settings: &'a ConnectionSettings,
    ) -> KmsFuture<'a, KmsGuide>;
}

/// Every service there is.
pub const PROVIDERS: &[&dyn Entry] =
    &[&aws::Aws, &transit::Transit, &google::Google, &azure::Azure];

/// Makes clients of all of [`PROVIDERS`].
pub struct Factory {
    surroundings: Arc<Surroundings>,
    described: Vec<&'static KmsProvider>,
}

impl Surroundings {
    /// Those of a process with that policy and bounds on where it may call.
    pub fn new(
        policy: EgressPolicy,
        settings: EgressSettings,
        aws: AwsIdentity,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
    ) -> Self {
        let own = Egress::new(policy.clone().with_metadata(), settings.clone());
        Self { egress: Egress::new(policy, settings), own, aws, clock, dice }
    }
}

impl Factory {
    /// A factory whose clients work in these surroundings.
    pub fn new(surroundings: Surroundings) -> Self {
        let described = PROVIDERS.iter().map(|entry| entry.provider()).collect();
        Self { surroundings: Arc::new(surroundings), described }
    }

    fn entry(name: &str) -> Result<&'static dyn Entry, KmsSettingsError> {
        let found = PROVIDERS.iter().find(|entry| entry.provider().name == name);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = PROVIDERS.iter().map(|entry| entry.provider().name).collect();
            let message = format!("must be one of {}", known.join(", "));
            KmsSettingsError::new("provider", message)
        })
    }
}

impl KmsFactory for Factory {
    fn providers(&self) -> &[&'static KmsProvider] {
        &self.described
    }

    fn connect(&self, settings: &ConnectionSettings) -> Result<Arc<dyn Kms>, KmsSettingsError> {
        Self::entry(&settings.provider)?.connect(&self.surroundings, settings)
    }

    fn guide<'a>(&'a self, settings: &'a ConnectionSettings) -> KmsFuture<'a, KmsGuide> {
        match Self::entry(&settings.provider) {
            Ok(entry) => entry.guide(&self.surroundings, settings),
            Err(_) => Box::pin(std::future::ready(Ok(KmsGuide::default()))),
        }
    }
}
