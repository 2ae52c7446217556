//! People's keys, and what organisations and workspaces say of calls.

use std::sync::Arc;

use portcullis_domain::{
    AddressRange, ApiKeyKind, Change, Feature, Level, LogState, Member, OrganisationRole,
    RolePreset, Scope, Timestamp, UserId, Workspace, WorkspaceMember, WorkspaceRole,
};
use portcullis_gateway::GatewaySettings;

use crate::support::{Ask, START, World, id, scopes};

fn member(world: &World, role: OrganisationRole, place: Option<WorkspaceRole>) -> Member {
    let at = Timestamp::from_micros(START);
    let workspaces = place.map(|role| WorkspaceMember {
        organisation_id: world.organisation.id,
        workspace_id: world.workspace.id,
        user_id: id(77),
        role,
        created_at: at,
        updated_at: at,
    });
    Member {
        organisation_id: world.organisation.id,
        user_id: id(77),
        role,
        email: "ann@acme.test".to_owned(),
        first_name: "Ann".to_owned(),
        last_name: "Lee".to_owned(),
        workspaces: workspaces.into_iter().collect(),
        created_at: at,
        updated_at: at,
    }
}

fn chat() -> Ask {
    Ask::chat("@open/gpt-4o-mini")
}

#[tokio::test]
async fn a_persons_key_does_what_the_person_may_do_at_that_moment() {
    let world = World::new().await;
    let user: UserId = id(77);
    let key = world.api_key(|key| {
        key.kind = ApiKeyKind::WorkspaceUser;
        key.user_id = Some(user);
    });
    let send = async || world.send_with(&key, chat()).await.status;
    assert_eq!(send().await, 403, "nobody knows the person");

    let (plain, in_workspace) = (OrganisationRole::Member, Some(WorkspaceRole::Member));
    for (role, place, status) in [
        (plain, None, 403),
        (plain, in_workspace, 200),
        (plain, Some(WorkspaceRole::Admin), 200),
        (OrganisationRole::Admin, None, 200),
        (OrganisationRole::Owner, None, 200),
        (plain, None, 403),
    ] {
        world.apply([Change::Member(Arc::new(member(&world, role, place)))]);
        assert_eq!(send().await, status, "{role:?} {place:?}");
    }

    // Whatever the organisation closes is closed to the keys, and being a member is enough to call.
    world.apply([Change::Member(Arc::new(member(&world, plain, in_workspace)))]);
    let mut organisation = (*world.organisation).clone();
    organisation.settings.roles.preset = RolePreset::Strict;
    organisation.settings.roles.member.features.insert(Feature::Prompts, Level::Disabled);
    world.apply([Change::Organisation(Arc::new(organisation))]);
    assert_eq!(send().await, 200);
    world.apply([Change::MemberGone(world.organisation.id, user)]);
    assert_eq!(send().await, 403, "they have left");
}

#[tokio::test]
async fn a_persons_key_holds_no_more_than_it_was_given() {
    let world = World::new().await;
    let role = OrganisationRole::Owner;
    world.apply([Change::Member(Arc::new(member(&world, role, None)))]);
    let key = world.api_key(|key| {
        key.kind = ApiKeyKind::WorkspaceUser;
        key.user_id = Some(id(77));
        key.scopes = scopes(&[Scope::LogsView]);
    });
    let refused = world.send_with(&key, chat()).await;
    refused.refused(403, Some("033"));
}

#[tokio::test]
async fn a_key_is_used_from_where_it_may_be_only() {
    let world = World::new().await;
    // Calls of these tests come from 192.0.2.9.
    for (range, status) in
        [("192.0.2.0/24", 200), ("192.0.2.9", 200), ("192.0.2.8", 403), ("2001:db8::/32", 403)]
    {
        let range = AddressRange::parse(range).unwrap();
        let key = world.api_key(|key| key.allowed_addresses = vec![range]);
        world.recorder.forget();
        assert_eq!(world.send_with(&key, chat()).await.status, status, "{range}");
        let log = world.only_log();
        assert_eq!(log.response_status, Some(status));
        assert_eq!(log.error.as_deref(), (status == 403).then_some("address_refused"));
    }
}

#[tokio::test]
async fn what_is_named_and_not_saved_is_not_left_out_silently() {
    let world = World::new().await;
    let inline = r#"{"virtual_key":"open"}"#;
    let with_default = world.api_key(|key| key.defaults.config = Some("pc-routes".to_owned()));
    let message = world.send_with(&with_default, chat()).await.refused(400, None);
    assert!(message.contains("pc-routes"), "{message}");
    let log = world.only_log();
    assert_eq!((log.state, log.response_status), (LogState::Failed, Some(400)));
    // The call's own config takes its place, unless the key forbids that.
    let asked = Ask::chat("gpt-4o-mini").header("x-portkey-config", inline);
    assert_eq!(world.send_with(&with_default, asked.clone()).await.status, 200);
    let fixed = world.api_key(|key| key.defaults.allow_config_override = false);
    let message = world.send_with(&fixed, asked.clone()).await.refused(400, None);
    assert!(message.contains("does not allow"), "{message}");
    assert_eq!(world.send_with(&fixed, chat()).await.status, 200);

    let mut guarded: Workspace = (*world.workspace).clone();
    guarded.defaults.output_guardrails = vec!["pg-secrets".to_owned()];
    world.apply([Change::Workspace(Arc::new(guarded))]);
    let message = world.send_with(&world.key, chat()).await.refused(400, None);
    assert!(message.contains("pg-secrets"), "{message}");
}

#[tokio::test]
async fn metadata_is_the_workspaces_then_the_keys_then_the_calls() {
    let world = World::new().await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut workspace: Workspace = (*world.workspace).clone();
    workspace.defaults.metadata = [pair("a", "workspace"), pair("b", "workspace")].into();
    world.apply([Change::Workspace(Arc::new(workspace))]);
    let role = OrganisationRole::Owner;
    world.apply([Change::Member(Arc::new(member(&world, role, None)))]);
    let key = world.api_key(|key| {
        key.kind = ApiKeyKind::WorkspaceUser;
        key.user_id = Some(id(77));
        key.defaults.metadata = [pair("b", "key"), pair("c", "key")].into();
    });
    let said = r#"{"a":"call","b":"call","c":"call","d":"call","_user":"somebody else"}"#;
    let answer = world.send_with(&key, chat().header("x-portkey-metadata", said)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let log = world.only_log();
    let metadata: Vec<_> =
        log.metadata.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(metadata, ["_user=Ann Lee", "a=workspace", "b=workspace", "c=key", "d=call"]);
    assert_eq!((log.user.as_deref(), log.user_id), (Some("Ann Lee"), Some(id(77))));
}

#[tokio::test]
async fn headers_that_the_settings_list_become_metadata() {
    let listed = "X-Team, x-cost-center, x-absent, x-blank, x-own, x-patient";
    let settings =
        GatewaySettings { headers_to_metadata: listed.parse().unwrap(), ..Default::default() };
    let world = World::with(settings).await;
    let key = world.api_key(|key| {
        key.defaults.metadata = [("x-own".to_owned(), "key".to_owned())].into();
    });
    let ask = chat()
        .header("x-team", "Zürich")
        .header("x-cost-center", "9".repeat(200))
        .header("x-blank", " ")
        .header("x-own", "header")
        .header("x-patient", "Ann Lee")
        .header("x-portkey-sensitive-headers", "x-patient")
        .header("x-unlisted", "1")
        .header("x-portkey-metadata", r#"{"x-team":"said","x-absent":"said","d":"said"}"#)
        .header("baggage", "x-cost-center=bag,e=bag");
    let answer = world.send_with(&key, ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let log = world.only_log();
    let metadata: Vec<_> =
        log.metadata.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let nines = format!("x-cost-center={}", "9".repeat(128));
    assert_eq!(
        metadata,
        ["d=said", "e=bag", "x-absent=said", &nines, "x-own=key", "x-team=Zürich"]
    );
}
