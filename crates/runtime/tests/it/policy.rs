//! Where calls may go: spellings that attackers know.

use portcullis_runtime::egress::{EgressPolicy, Refused};

fn refusal(policy: &EgressPolicy, url: &str) -> Option<Refused> {
    policy.check_url(url).err()
}

#[test]
fn what_is_not_public_is_refused_in_every_spelling() {
    use Refused::*;
    let long_label = format!("http://{}.com/", "a".repeat(64));
    let long_host = format!("http://{}com/", "abcdefgh.".repeat(29));
    let long_url = format!("https://example.com/{}", "a".repeat(2048));
    let table = [
        // Loopback.
        ("http://127.0.0.1/", PrivateAddress),
        ("http://127.0.0.1:8080/", PrivateAddress),
        ("http://127.1.2.3/", PrivateAddress),
        ("http://localhost/", SpecialName),
        ("http://LOCALHOST/", SpecialName),
        ("http://api.localhost/", SpecialName),
        ("http://localhost.localdomain/", SpecialName),
        ("http://[::1]/", PrivateAddress),
        ("http://[0:0:0:0:0:0:0:1]/", PrivateAddress),
        ("http://[0000:0000::0001]:80/", PrivateAddress),
        // Unspecified.
        ("http://0.0.0.0/", PrivateAddress),
        ("http://0.1.2.3/", PrivateAddress),
        ("http://[::]/", PrivateAddress),
        // Private.
        ("http://10.0.0.1/", PrivateAddress),
        ("http://10.255.255.255/", PrivateAddress),
        ("http://172.16.0.1/", PrivateAddress),
        ("http://172.31.255.254/", PrivateAddress),
        ("http://192.168.1.1/", PrivateAddress),
        // Link-local, carrier-grade NAT, unique local, site-local.
        ("http://169.254.1.1/", PrivateAddress),
        ("http://100.64.0.1/", PrivateAddress),
        ("http://100.127.255.255/", PrivateAddress),
        ("http://[fe80::1]/", PrivateAddress),
        ("http://[febf::1]/", PrivateAddress),
        ("http://[fc00::1]/", PrivateAddress),
        ("http://[fd12:3456:789a::1]/", PrivateAddress),
        ("http://[fec0::1]/", PrivateAddress),
        // Documentation, benchmarks, protocol assignments, relays.
        ("http://192.0.2.1/", PrivateAddress),
        ("http://198.51.100.7/", PrivateAddress),
        ("http://203.0.113.9/", PrivateAddress),
        ("http://198.18.0.1/", PrivateAddress),
        ("http://198.19.255.255/", PrivateAddress),
        ("http://192.0.0.8/", PrivateAddress),
        ("http://192.88.99.1/", PrivateAddress),
        ("http://[2001:db8::1]/", PrivateAddress),
        ("http://[3fff::1]/", PrivateAddress),
        // Multicast, reserved, broadcast.
        ("http://224.0.0.1/", PrivateAddress),
        ("http://239.255.255.250/", PrivateAddress),
        ("http://240.0.0.1/", PrivateAddress),
        ("http://255.255.255.255/", PrivateAddress),
        ("http://[ff02::1]/", PrivateAddress),
        // IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo.
        ("http://[::ffff:127.0.0.1]/", PrivateAddress),
        ("http://[::ffff:7f00:1]/", PrivateAddress),
        ("http://[::ffff:10.0.0.1]/", PrivateAddress),
        ("http://[::ffff:8.8.8.8]/", PrivateAddress),
        ("http://[::127.0.0.1]/", PrivateAddress),
        ("http://[::ffff:0:127.0.0.1]/", PrivateAddress),
        ("http://[64:ff9b::127.0.0.1]/", PrivateAddress),
        ("http://[64:ff9b::a00:1]/", PrivateAddress),
        ("http://[64:ff9b:1::a00:1]/", PrivateAddress),
        ("http://[2002:7f00:1::]/", PrivateAddress),
        ("http://[2002:c0a8:101::1]/", PrivateAddress),
        ("http://[2001:0:5ef5:79fd::1]/", PrivateAddress),
        // Metadata services, also wrapped.
        ("http://169.254.169.254/latest/meta-data/", Metadata),
        ("http://169.254.170.2/", Metadata),
        ("http://169.254.170.23/", Metadata),
        ("http://100.100.100.200/", Metadata),
        ("http://192.0.0.192/", Metadata),
        ("http://168.63.129.16/", Metadata),
        ("http://[fd00:ec2::254]/", Metadata),
        ("http://[fd00:ec2::23]/", Metadata),
        ("http://[fd20:ce::254]/", Metadata),
        ("http://[::ffff:169.254.169.254]/", Metadata),
        ("http://[::ffff:a9fe:a9fe]/", Metadata),
        ("http://[64:ff9b::a9fe:a9fe]/", Metadata),
        ("http://[2002:a9fe:a9fe::]/", Metadata),
        ("http://[2001:0:1:2:3:4:5601:5601]/", Metadata),
        ("http://metadata/", Metadata),
        ("http://METADATA/", Metadata),
        ("http://metadata.google.internal/", Metadata),
        ("http://instance-data/", Metadata),
        ("http://kubernetes/", Metadata),
        ("http://kubernetes.default.svc/", Metadata),
        // Decimal, hexadecimal, octal and short forms of 127.0.0.1 and others.
        ("http://2130706433/", NumericHost),
        ("http://0x7f000001/", NumericHost),
        ("http://0X7F.0.0.1/", NumericHost),
        ("http://0x7f.1/", NumericHost),
        ("http://017700000001/", NumericHost),
        ("http://0177.0.0.1/", NumericHost),
        ("http://127.0.0.01/", NumericHost),
        ("http://127.1/", NumericHost),
        ("http://127.0.1/", NumericHost),
        ("http://0/", NumericHost),
        ("http://2852039166/", NumericHost),
        ("http://256.256.256.256/", NumericHost),
        ("http://1.2.3.4.5/", NumericHost),
        ("http://evil.com.1/", NumericHost),
        ("http://evil.0x1/", NumericHost),
        ("http://127.0.0.0x1/", NumericHost),
        // Names of private networks.
        ("http://printer.local/", SpecialName),
        ("http://db.internal/", SpecialName),
        ("http://host.docker.internal/", SpecialName),
        ("http://wiki.intranet/", SpecialName),
        ("http://nas.lan/", SpecialName),
        ("http://router.home/", SpecialName),
        ("http://router.home.arpa/", SpecialName),
        ("http://ad.corp/", SpecialName),
        ("http://x.test/", SpecialName),
        ("http://x.invalid/", SpecialName),
        ("http://expyuzz4wqqyqhjn.onion/", SpecialName),
        // Credentials.
        ("http://user:password@example.com/", Credentials),
        ("http://user@example.com/", Credentials),
        ("http://example.com@127.0.0.1/", Credentials),
        ("http://127.0.0.1@example.com/", Credentials),
        // Trailing and doubled dots, percent-encoding, other characters.
        ("http://127.0.0.1./", HostName),
        ("http://localhost./", HostName),
        ("http://example.com./", HostName),
        ("http://example..com/", HostName),
        ("http://.example.com/", HostName),
        ("http://127.0.0.1%2f/", Malformed),
        ("http://%6c%6fcalhost/", Malformed),
        ("http://exa_mple.com/", HostName),
        ("http://[fe80::1%25eth0]/", HostName),
        // Over-long.
        (&long_label, HostName),
        (&long_host, HostName),
        (&long_url, TooLong),
        ("http://a.b.c.d.e.f.g.h.i.j.com/", TooManyLabels),
        // Other alphabets, controls, backslashes, nothing.
        ("http://ⓛocalhost/", Malformed),
        ("http://１２７.0.0.1/", Malformed),
        ("http://bücher.example/", Malformed),
        ("http://127。0。0。1/", Malformed),
        ("http://example.com\\@127.0.0.1/", Malformed),
        ("http://example.com\r\nhost: x/", Malformed),
        (" http://example.com/", Malformed),
        ("http://exam\tple.com/", Malformed),
        ("", Malformed),
        ("/v1/models", Malformed),
        ("example.com/v1", Malformed),
        ("//127.0.0.1/", Malformed),
        ("http://", Malformed),
        ("http:///etc/passwd", Malformed),
        ("http://example.com:0/", Malformed),
        ("http://example.com:99999/", Malformed),
        ("http://example.com:/", Malformed),
        // Other schemes.
        ("ftp://example.com/", Scheme),
        ("gopher://example.com/", Scheme),
        ("ws://example.com/", Scheme),
    ];
    assert!(table.len() >= 60);
    let policy = EgressPolicy::default();
    let wrong: Vec<_> = table
        .iter()
        .map(|(url, expected)| (url, refusal(&policy, url), *expected))
        .filter(|(_, found, expected)| *found != Some(*expected))
        .collect();
    assert!(wrong.is_empty(), "url, found, expected: {wrong:#?}");
}

#[test]
fn public_destinations_pass() {
    let policy = EgressPolicy::default();
    for url in [
        "https://api.openai.com/v1",
        "https://API.Example.COM:8443/v1?api-version=2024-10-21",
        "http://8.8.8.8/",
        "http://172.15.0.1/",
        "http://172.32.0.1/",
        "http://100.63.255.255/",
        "http://100.128.0.1/",
        "http://[2606:4700:4700::1111]:443/",
        "http://[64:ff9b::808:808]/",
        "https://xn--bcher-kva.example/",
        "https://localhost.example.com/",
        "https://metadata.example.com/",
        "https://1password.com/",
        "https://a.b.c.d.e.f.g.h.i.com/",
    ] {
        assert_eq!(refusal(&policy, url), None, "{url}");
    }
}

#[test]
fn the_allow_list_opens_what_it_names_and_nothing_else() {
    let policy =
        EgressPolicy::parse(" localhost , 127.0.0.1/32, ::1, host.docker.internal, 10.1.0.0/16 ")
            .unwrap();
    for url in [
        "http://localhost:11434/v1",
        "http://LocalHost/",
        "http://127.0.0.1:8000/",
        "http://[::1]/",
        "http://host.docker.internal/",
        "http://10.1.2.3/",
    ] {
        assert_eq!(refusal(&policy, url), None, "{url}");
    }
    for (url, expected) in [
        ("http://127.0.0.2/", Refused::PrivateAddress),
        ("http://10.2.0.1/", Refused::PrivateAddress),
        ("http://[::ffff:127.0.0.1]/", Refused::PrivateAddress),
        ("http://api.localhost/", Refused::SpecialName),
        ("http://other.internal/", Refused::SpecialName),
        ("http://2130706433/", Refused::NumericHost),
        ("http://localhost./", Refused::HostName),
        ("http://user@localhost/", Refused::Credentials),
    ] {
        assert_eq!(refusal(&policy, url), Some(expected), "{url}");
    }
}

#[test]
fn no_allow_list_opens_metadata_services() {
    let policy = EgressPolicy::parse(
        "169.254.0.0/16, 0.0.0.0/0, ::/0, metadata, metadata.google.internal, kubernetes",
    )
    .unwrap();
    for url in [
        "http://169.254.169.254/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata/",
        "http://metadata.google.internal/",
        "http://kubernetes/",
        "http://168.63.129.16/",
    ] {
        assert_eq!(refusal(&policy, url), Some(Refused::Metadata), "{url}");
    }
    assert_eq!(refusal(&policy, "http://169.254.7.7/"), None);
}

#[test]
fn a_broken_allow_list_names_the_entry() {
    for entry in ["10.0.0.0/33", "http://localhost", "a b", "*.internal"] {
        let error = EgressPolicy::parse(&format!("localhost,{entry}")).unwrap_err();
        assert!(error.to_string().contains(entry), "{error}");
    }
    assert!(EgressPolicy::parse("").is_ok());
}
