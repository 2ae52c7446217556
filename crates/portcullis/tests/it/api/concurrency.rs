//! Writes at the same time: none brings back what another has taken away.

use serde_json::{Value, json};

use super::Admin;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renaming_never_brings_a_rotated_out_key_back() {
    let admin = Admin::start().await;
    for round in 0..15 {
        let body = json!({"name": "raced", "scopes": ["virtual_keys.list"]});
        let made = admin.ok("POST /v1/api-keys/workspace/service", body).await;
        let (id, old) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        let put = format!("PUT /v1/api-keys/{id}");
        let renamings = async {
            for name in 0..4 {
                let name = json!({"name": format!("round {round}, name {name}")});
                let reply = admin.call(&admin.master, &put, &name).await;
                assert!([200, 409].contains(&reply.status), "{} {}", reply.status, reply.body);
            }
        };
        // Whoever meets another's write is told to read again; the renamings come to an end.
        let rotation = async {
            let rotate = format!("POST /v1/api-keys/{id}/rotate");
            let at_once = json!({"key_transition_period_ms": 0});
            loop {
                let reply = admin.call(&admin.master, &rotate, &at_once).await;
                if reply.status != 409 {
                    return reply;
                }
            }
        };
        let ((), rotated) = tokio::join!(renamings, rotation);
        assert_eq!(rotated.status, 200, "{}", rotated.body);
        let new = rotated.body["key"].as_str().unwrap();
        let list = "GET /v1/virtual-keys";
        assert_eq!(admin.call(old, list, &Value::Null).await.status, 401, "round {round}");
        assert_eq!(admin.call(new, list, &Value::Null).await.status, 200, "round {round}");
    }
}
