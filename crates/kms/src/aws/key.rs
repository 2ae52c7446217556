//! How a key of AWS KMS is named.

use portcullis_vault::kms::KmsSettingsError;

/// A key's or alias' ARN, or a bare id or alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyName {
    text: String,
    arn: Option<Arn>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Arn {
    partition: String,
    region: String,
    account: String,
    /// `key/…` or `alias/…`.
    resource: String,
}

const FORMS: &str = "must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID) or of an alias \
                     (…:alias/NAME), or with a region a key's id or alias/NAME";

impl KeyName {
    /// Reads one of the forms.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || FORMS.to_owned();
        if !text.starts_with("arn:") {
            let id = text.strip_prefix("alias/").unwrap_or(text);
            return if is_id(id) {
                Ok(Self { text: text.to_owned(), arn: None })
            } else {
                Err(wrong())
            };
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return Err(wrong());
        };
        if service != "kms" {
            return Err(format!("is an ARN of the service {service:.40?}, not of kms: it {FORMS}"));
        }
        let is_partition = partition.starts_with("aws")
            && partition.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let id = resource.strip_prefix("key/").or_else(|| resource.strip_prefix("alias/"));
        if !is_partition || !is_region(region) || !is_account || !id.is_some_and(is_id) {
            return Err(wrong());
        }
        let arn = Arn {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        };
        Ok(Self { text: text.to_owned(), arn: Some(arn) })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The region, where the name says it.
    pub(super) fn region(&self) -> Option<&str> {
        self.arn.as_ref().map(|arn| &*arn.region)
    }

    /// The account, where the name says it.
    pub(super) fn account(&self) -> Option<&str> {
        self.arn.as_ref().map(|arn| &*arn.account)
    }

    /// Whether it can only ever mean this one key.
    pub(super) fn is_arn_of_key(&self) -> bool {
        self.arn.as_ref().is_some_and(|arn| arn.resource.starts_with("key/"))
    }

    /// Whether another name means the same key: the same name, or a copy of the same multi-region
    /// key (`mrk-…`) in another region.
    pub(super) fn is_same_key(&self, other: &str) -> bool {
        if self.text == other {
            return true;
        }
        let Ok(other) = Self::parse(other) else { return false };
        let (Some(a), Some(b)) = (&self.arn, &other.arn) else { return false };
        a.resource.starts_with("key/mrk-")
            && (&a.partition, &a.account, &a.resource) == (&b.partition, &b.account, &b.resource)
    }
}

/// The region to ask: the ARN's, or the one that was given; they must not differ.
pub(super) fn region(key: &KeyName, given: Option<&str>) -> Result<String, KmsSettingsError> {
    let wrong = |message: String| KmsSettingsError::new("region", message);
    match (key.region(), given) {
        (Some(arn), Some(given)) if arn != given => {
            let message = format!("is {given:.40?}, but the key lies in {arn}: leave it out");
            Err(wrong(message))
        }
        (Some(region), _) => Ok(region.to_owned()),
        (None, Some(region)) if is_region(region) => Ok(region.to_owned()),
        (None, Some(_)) => Err(wrong("must be a region's name such as eu-central-1".to_owned())),
        (None, None) => {
            let message = "is missing: give it, or name the key by its ARN";
            Err(wrong(message.to_owned()))
        }
    }
}

/// A region's name becomes a part of a host name: nothing else may pass.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let is_word = |word: &&str| {
        (1..=12).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase())
    };
    (2..=4).contains(&words.len())
        && words.iter().all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::{KeyName, is_region, region};

    const KEY: &str =
        "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const MRK: &str =
        "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

    #[test]
    fn arns_ids_and_aliases_are_understood() {
        for (text, place) in [
            (KEY, Some("eu-central-1")),
            (MRK, Some("eu-central-1")),
            (
                "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/team/llm_key",
                Some("us-gov-west-1"),
            ),
            ("arn:aws-cn:kms:cn-north-1:111122223333:key/k", Some("cn-north-1")),
            ("1234abcd-12ab-34cd-56ef-1234567890ab", None),
            ("mrk-1234abcd12ab34cd56ef1234567890ab", None),
            ("alias/llm", None),
        ] {
            assert_eq!(KeyName::parse(text).unwrap().region(), place, "{text}");
        }
        for text in [
            "",
            "alias/",
            "a key",
            "arn:aws:kms",
            "arn:aws:s3:::bucket",
            "arn:aws:kms:eu-central-1:1111:key/k",
            "arn:aws:kms:eu-central-1:111122223333:grant/k",
            "arn:aws:kms:evil.test/?:111122223333:key/k",
            "arn:aws:kms:eu-central-1:111122223333:key/a b",
            "arn:xws:kms:eu-central-1:111122223333:key/k",
        ] {
            assert!(KeyName::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_region_is_the_arns_or_the_given_one() {
        let key = KeyName::parse(KEY).unwrap();
        assert_eq!(region(&key, None).unwrap(), "eu-central-1");
        assert_eq!(region(&key, Some("eu-central-1")).unwrap(), "eu-central-1");
        assert!(region(&key, Some("us-east-1")).unwrap_err().message.contains("eu-central-1"));
        let id = KeyName::parse("alias/llm").unwrap();
        assert_eq!(region(&id, Some("us-east-1")).unwrap(), "us-east-1");
        assert!(region(&id, None).is_err());
        assert!(region(&id, Some("us-east-1.evil.test")).is_err());
        for bad in [
            "",
            "-",
            "eu",
            "eu-central",
            "eu-central-1a",
            "EU-central-1",
            "eu-central-1/",
            "a-b-c-d-e-1",
        ] {
            assert!(!is_region(bad), "{bad}");
        }
    }

    #[test]
    fn copies_of_a_multi_region_key_are_the_same_key() {
        let copy = MRK.replace("eu-central-1", "us-east-1");
        assert!(KeyName::parse(MRK).unwrap().is_same_key(&copy));
        let elsewhere = copy.replace("111122223333", "444455556666");
        assert!(!KeyName::parse(MRK).unwrap().is_same_key(&elsewhere));
        let single = KEY.replace("eu-central-1", "us-east-1");
        assert!(!KeyName::parse(KEY).unwrap().is_same_key(&single));
        assert!(KeyName::parse(KEY).unwrap().is_same_key(KEY));
    }
}
