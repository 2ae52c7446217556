//! Writes at the same time: none brings back what another has taken away.

use serde_json::{Value, json};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renaming_never_brings_a_rotated_out_key_back() {
    let admin = Admin::start().await;
    let (mut rotations, mut conflicts) = (0, 0);
    for round in 0..30 {
        let body = json!({"name": "raced", "scopes": ["virtual_keys.list"]});
        let made = admin.ok("POST /v1/api-keys/workspace/service", body).await;
        let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        let put = format!("PUT /v1/api-keys/{id}");
        let rotate = format!("POST /v1/api-keys/{id}/rotate");
        let name = json!({"name": format!("round {round}")});
        let at_once = json!({"key_transition_period_ms": 0});
        let (renamed, rotated) = tokio::join!(
            admin.call(&admin.master, &put, &name),
            admin.call(&admin.master, &rotate, &at_once),
        );
        for reply in [&renamed, &rotated] {
            assert!([200, 409].contains(&reply.status), "{} {}", reply.status, reply.body);
            conflicts += usize::from(reply.status == 409);
        }
        if rotated.status != 200 {
            continue;
        }
        rotations += 1;
        let new = rotated.body["key"].as_str().unwrap();
        let list = "GET /v1/virtual-keys";
        assert_eq!(admin.call(old, list, &Value::Null).await.status, 401, "round {round}");
        assert_eq!(admin.call(new, list, &Value::Null).await.status, 200, "round {round}");
    }
    assert!(rotations > 0 && rotations + conflicts >= 30, "{rotations} {conflicts}");
}
