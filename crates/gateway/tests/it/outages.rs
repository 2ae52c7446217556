//! The key service of one organisation fails, under load and on a clock that the test moves.

use portcullis_domain::{FaultKind, LogState};
use portcullis_vault::KmsFailure;

use crate::support::{Answer, Ask, World};

/// Between two calls of each organisation.
const STEP_MILLIS: i64 = 5_000;

/// Calls of both organisations for that long, with the vault's background at work as it is in a
/// node. Answers how many failed of the first, and of the second.
async fn minutes(world: &World, other: &World, minutes: i64) -> (Vec<Answer>, usize) {
    let (mut failed, mut of_other) = (Vec::new(), 0);
    for _ in 0..minutes * 60_000 / STEP_MILLIS {
        world.clock.advance_millis(STEP_MILLIS);
        world.vault.refresh_due().await;
        let (ours, theirs) = tokio::join!(world.send(chat()), other.send(chat()));
        if ours.status != 200 {
            failed.push(ours);
        }
        of_other += usize::from(theirs.status != 200);
    }
    (failed, of_other)
}

fn chat() -> Ask {
    Ask::chat("gpt-4o-mini").header("x-portkey-virtual-key", "open")
}

#[tokio::test]
async fn a_key_service_that_is_off_for_ten_minutes_fails_no_call_within_the_grace() {
    let world = World::new().await;
    let other = world.another_organisation().await;
    // Lifetime two minutes, grace four.
    assert_eq!(minutes(&world, &other, 5).await.0.len(), 0);
    let misses = world.vault.stats().cache_misses;

    world.kms.set(Some((world.organisation(), KmsFailure::Unreachable)));
    let (failed, of_other) = minutes(&world, &other, 4).await;
    assert_eq!((failed.len(), of_other), (0, 0), "within the grace");
    assert_eq!(world.vault.stats().cache_misses, misses, "no call waited for the key service");
    minutes(&world, &other, 2).await;
    world.recorder.forget();
    let (failed, of_other) = minutes(&world, &other, 4).await;
    assert_eq!((failed.len(), of_other), (48, 0), "after it only that organisation's fail");
    for answer in &failed {
        assert_eq!(answer.status.as_u16(), 503);
        let body = answer.json();
        assert_eq!(body["error"]["type"], "kms_unavailable", "{body}");
        assert!(body["message"].as_str().unwrap().contains("cannot be reached"), "{body}");
    }
    // Each is in the record, and none reached the provider.
    let closed = world.recorder.closed();
    let refused = closed.iter().filter(|log| log.organisation_id == world.organisation());
    assert_eq!(refused.filter(|log| log.state == LogState::Failed).count(), 48);
    assert_eq!(world.upstream.count(), 48, "the other organisation's");

    world.kms.set(None);
    minutes(&world, &other, 1).await;
    let (failed, of_other) = minutes(&world, &other, 5).await;
    assert_eq!((failed.len(), of_other), (0, 0), "no restart was needed");
}

#[tokio::test]
async fn a_key_that_is_taken_away_closes_its_organisation_only_and_says_why() {
    let world = World::new().await;
    let other = world.another_organisation().await;
    for (failure, words) in
        [(KmsFailure::Disabled, "disabled"), (KmsFailure::Denied, "denies the use")]
    {
        assert_eq!(minutes(&world, &other, 3).await.0.len(), 0);
        world.kms.set(Some((world.organisation(), failure)));
        minutes(&world, &other, 2).await;
        let (failed, of_other) = minutes(&world, &other, 1).await;
        assert_eq!((failed.len(), of_other), (12, 0));
        let body = failed[0].json();
        assert_eq!(body["error"]["type"], FaultKind::KmsRefused.name());
        assert!(body["message"].as_str().unwrap().contains(words), "{body}");
        assert_eq!(failed[0].header("x-should-retry"), "false");
        world.kms.set(None);
        minutes(&world, &other, 1).await;
    }
}
