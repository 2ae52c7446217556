//! Signature Version 4 for the calls that prepare an emulator (AWS General Reference, "Signing AWS
//! requests").

use aws_lc_rs::{digest, hmac};

use crate::client::{self, Call};

/// Who signs.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
}

impl Signer {
    /// A signed `POST` of `body` to `base`, for that service and region.
    pub(super) fn post(
        &self,
        base: &str,
        (service, region): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Call {
        let (date, time) = now();
        let host = base.trim_start_matches("http://");
        let mut signed: Vec<(&str, &str)> = headers.to_vec();
        signed.extend([("host", host), ("x-amz-date", &time)]);
        signed.sort_unstable();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String =
            signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let payload = hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{payload}");
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let mut key = format!("AWS4{}", self.secret_access_key).into_bytes();
        for part in [&*date, region, service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        let signature = hex(&mac(&key, to_sign.as_bytes()));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key_id
        );
        let mut call = client::post(format!("{base}/"));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.header("x-amz-date", &time)
            .header("authorization", &authorization)
            .body(body.to_owned())
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The date and the instant in the basic form of ISO 8601.
fn now() -> (String, String) {
    #[expect(clippy::disallowed_methods, reason = "a signature is of the machine's own time")]
    let now = std::time::SystemTime::now();
    let seconds = now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a civil date: era of 400 years, counted from March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let date = format!("{year:04}{month:02}{day:02}");
    let time = format!("{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    (date.clone(), format!("{date}T{time}Z"))
}
