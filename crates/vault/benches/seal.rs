//! Sealing and opening at the sizes of a credential and of a stored body.

use std::{hint::black_box, sync::Arc};

use aws_lc_rs::rand;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis_domain::{Clock, Dice, OrganisationId, SealedPlace, Secret, Timestamp};
use portcullis_vault::{
    Vault, VaultParts, VaultSettings, kms::local::LocalKms, testing::MemoryDataKeys,
};
use uuid::Uuid;

struct SystemDice;

impl Dice for SystemDice {
    fn fill(&self, bytes: &mut [u8]) {
        rand::fill(bytes).expect("the system has randomness");
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }
}

fn seal_and_open(c: &mut Criterion) {
    let dice = Arc::new(SystemDice);
    let key = Secret::new(vec![7; 32]);
    let kms = LocalKms::try_new(&key, "a bench".to_owned(), dice.clone()).expect("32 bytes");
    let keys = Arc::new(MemoryDataKeys::default());
    let parts = VaultParts::new(Arc::new(kms), keys, Arc::new(StoppedClock), dice);
    let vault = Vault::new(parts, VaultSettings::default());
    let organisation = Some(OrganisationId::from_uuid(Uuid::from_u128(1)));
    let place =
        SealedPlace { organisation, table: "integrations", row: Uuid::nil(), field: "credential" };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let ring = runtime.block_on(vault.key_ring(organisation)).expect("a key ring");

    c.bench_function("cached", |b| b.iter(|| vault.cached(black_box(organisation)).is_some()));
    for (name, len) in [("100 B", 100), ("100 KB", 100_000)] {
        let plaintext = vec![b'x'; len];
        let sealed = ring.seal(&place, &plaintext).expect("sealed");
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function("seal", |b| b.iter(|| ring.seal(&place, black_box(&plaintext))));
        group.bench_function("open", |b| b.iter(|| ring.open(&place, black_box(&sealed)).is_ok()));
        group.finish();
    }
}

criterion_group!(benches, seal_and_open);
criterion_main!(benches);
