//! What every service in the slice owes.

use std::collections::HashSet;

use portcullis_kms::{AwsIdentity, PROVIDERS};
use portcullis_vault::kms::KmsFactory as _;

use crate::support::factory;

const GUIDE: &str = include_str!("../../../../docs/kms.md");

#[test]
fn names_are_unique_and_everything_is_described() {
    let mut names = HashSet::new();
    for entry in PROVIDERS {
        let provider = entry.provider();
        assert!(names.insert(provider.name), "{} comes twice", provider.name);
        assert!(!provider.title.is_empty() && provider.help.ends_with('.'), "{}", provider.name);
        let mut parameters = HashSet::new();
        for parameter in provider.parameters {
            assert!(parameters.insert(parameter.name), "{}: {}", provider.name, parameter.name);
            assert!(!parameter.help.is_empty() && !parameter.example.is_empty(), "{parameter:?}");
            let told = format!("`{}`", parameter.name);
            assert!(GUIDE.contains(&told), "docs/kms.md lacks {told} of {}", provider.name);
        }
        assert!(GUIDE.contains(provider.title), "docs/kms.md lacks {}", provider.title);
    }
    let listed = factory(AwsIdentity::default());
    assert_eq!(listed.providers().len(), PROVIDERS.len());
}
