//! What is forgotten after a while.

use portcullis_control::forget_the_old;
use portcullis_domain::Clock as _;
use portcullis_identity::SessionRules;
use portcullis_runtime::SystemClock;
use serde_json::Value;

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_leave_the_outbox_after_a_week_and_serving_goes_on() {
    let admin = Admin::start().await;
    admin.virtual_key("before").await;
    let bounds = async || {
        let mut reader = admin.db.read().await.unwrap();
        let first = reader.outbox().min_revision().await.unwrap();
        (first, reader.outbox().max_revision().await.unwrap())
    };
    let (first, last) = bounds().await;
    assert!(first < last);
    let day = 24 * 3_600_000;
    let (now, rules) = (SystemClock.now(), SessionRules::default());
    forget_the_old(&admin.db, &rules, now.plus_millis(6 * day)).await.unwrap();
    assert_eq!(bounds().await, (first, last), "a week is kept");
    forget_the_old(&admin.db, &rules, now.plus_millis(8 * day)).await.unwrap();
    assert_eq!(bounds().await, (last, last), "the last one keeps the count");

    admin.virtual_key("after").await;
    assert!(bounds().await.1 > last);
    assert_eq!(admin.ok("GET /v1/virtual-keys", Value::Null).await["total"], 2);
}
