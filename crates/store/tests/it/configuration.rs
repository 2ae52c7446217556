//! The data plane's configuration: every noun there and back, the outbox, the snapshot's load.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    ApiKey, ApiKeyDigest, ApiKeyKind, Clock, EmailAddress, Member, Organisation, OrganisationRole,
    PreviousDigest, Reach, Secret, Slug, User, WorkspaceMember, WorkspaceRole,
};
use portcullis_store::{
    ApiKeyFilter, AuditFilter, Error, IntegrationFilter, MemberFilter, Page, Result, Subject,
    WorkspaceFilter, WorkspaceMemberFilter,
};
use serde_json::json;

use crate::support::{on_both_engines, sealed};

on_both_engines! {
    async fn nouns_come_back_as_they_went(world) {
        let a = world.tenant("acme").await;
        let mut reader = world.db.read().await.unwrap();
        let found = reader.organisations().find_by_slug(&a.organisation.slug).await.unwrap();
        assert_eq!(found.as_ref(), Some(&a.organisation));
        assert_eq!(reader.organisations().find(a.organisation.id).await.unwrap(), found);
        let mut tenant = reader.tenant(a.organisation.id);
        let workspace = tenant.workspaces().find(a.workspace.id).await.unwrap();
        assert_eq!(workspace.as_ref(), Some(&a.workspace));
        let by_slug = tenant.workspaces().find_by_slug(&a.workspace.slug).await.unwrap();
        assert_eq!(by_slug, workspace);
        let api_key = tenant.api_keys().find(a.api_key.id).await.unwrap();
        assert_eq!(api_key.as_ref(), Some(&a.api_key));
        let virtual_key =
            tenant.virtual_keys().find_by_slug(a.workspace.id, &a.virtual_key.slug).await.unwrap();
        assert_eq!(virtual_key.as_ref(), Some(&a.virtual_key));
        let integration = tenant.integrations().find(a.integration.id).await.unwrap().unwrap();
        assert_eq!(integration.credential, a.integration.credential);
        assert_eq!(integration.models, a.integration.models);
        assert_eq!(integration.slug, a.integration.slug);
        let of = tenant.virtual_keys().list_of_integration(a.integration.id).await.unwrap();
        assert_eq!(of, [a.virtual_key]);
    }

    async fn updates_change_what_they_name_and_missing_rows_are_said_to_be_missing(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        world.time.pass_millis(5);
        let (mut key, mut virtual_key) = (a.api_key.clone(), a.virtual_key.clone());
        let mut integration = a.integration.clone();
        key.previous = Some(PreviousDigest { digest: key.digest, until: key.created_at });
        key.digest = ApiKeyDigest([9; 32]);
        virtual_key.note = Some("noted".to_owned());
        integration.credential = sealed(7);
        let done = world.act(async |act| Ok((
            act.update(&permit, &a.api_key, key.clone()).await?,
            act.update(&permit, &a.virtual_key, virtual_key.clone()).await?,
            act.update(&permit, &a.integration, integration.clone()).await?,
        )));
        let (key, virtual_key, integration) = done.await.unwrap();
        assert_eq!(key.updated_at, Clock::now(&*world.time));
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        assert_eq!(tenant.api_keys().find(key.id).await.unwrap().unwrap(), key);
        assert_eq!(tenant.virtual_keys().find(virtual_key.id).await.unwrap().unwrap(), virtual_key);
        let found = tenant.integrations().find(integration.id).await.unwrap().unwrap();
        assert_eq!(found.credential, sealed(7));

        let gone = world.act(async |act| Ok([
            act.remove(&permit, &virtual_key).await?,
            act.remove(&permit, &virtual_key).await?,
            act.remove(&permit, &integration).await?,
        ]));
        assert_eq!(gone.await.unwrap(), [true, false, true]);
        let gone = world.act(async |act| act.update(&permit, &virtual_key, virtual_key.clone()).await);
        assert!(matches!(gone.await, Err(Error::Gone)));
    }

    async fn a_row_is_written_only_as_it_was_read(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        let rename = async |before: &ApiKey, name: &str| {
            let mut after = before.clone();
            after.name = name.to_owned();
            world.act(async |act| act.update(&permit, before, after.clone()).await).await
        };
        // Also within one instant of the clock.
        let first = rename(&a.api_key, "first").await.unwrap();
        assert!(matches!(rename(&a.api_key, "second").await, Err(Error::Stale)));
        assert_eq!(rename(&first, "third").await.unwrap().name, "third");
    }

    async fn an_act_that_tells_nothing_is_undone(world) {
        let untold = world.act(async |_| Ok(())).await;
        assert!(matches!(untold, Err(Error::Untold)), "{untold:?}");
    }

    async fn every_write_tells_the_audit_trail_and_shows_no_secret(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        let mut after = a.api_key.clone();
        after.name = "renamed".to_owned();
        world.act(async |act| act.update(&permit, &a.api_key, after.clone()).await).await.unwrap();
        let failed: Result<()> = world.act(async |act| {
            act.remove(&permit, &a.virtual_key).await?;
            Err(Error::ForeignPlace)
        }).await;
        assert!(failed.is_err());
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        let told = tenant.audit_trail().after(&AuditFilter::default(), 0, 99).await.unwrap();
        let told: Vec<_> = told.iter().map(|record| serde_json::Value::Object(record.event())).collect();
        let acts: Vec<String> = told.iter().map(|event| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            format!("{} {}", text(&event["action"]), text(&event["resource"]["type"]))
        }).collect();
        assert_eq!(acts, [
            "create organisation", "create workspace", "create environment", "create environment",
            "create api_key", "create integration", "create virtual_key", "update api_key",
        ]);
        let last = &told[7];
        assert_eq!((&last["before"]["name"], &last["after"]["name"]), (&json!("a key"), &json!("renamed")));
        assert_eq!(last["scope"], "workspaces.update");
        assert_eq!(last["actor"], json!({"kind": "operator", "name": "operator"}));
        // Neither a digest nor a sealed value.
        let text = told.iter().map(ToString::to_string).collect::<String>();
        assert!(!text.contains("digest") && !text.contains("credential\""), "{text}");
    }

    async fn slugs_are_unique_where_the_vocabulary_says(world) {
        let a = world.tenant("acme").await;
        let mut twin = world.draw_tenant("acme");
        let permit = world.permit(twin.organisation.id);
        let insert = async |organisation: &Organisation| {
            world.act(async |act| act.insert(&permit, organisation).await).await
        };
        assert!(matches!(insert(&twin.organisation).await, Err(Error::Taken)));
        twin.organisation.slug = Slug::parse("other").unwrap();
        insert(&twin.organisation).await.unwrap();

        // The same virtual key slug: taken in this workspace, free in another.
        let permit = world.permit(a.organisation.id);
        let second = world.draw_workspace(a.organisation.id, world.id(), "ws-second");
        let mut key = a.virtual_key.clone();
        key.id = world.id();
        let done = world.act(async |act| act.insert(&permit, &key).await).await;
        assert!(matches!(done, Err(Error::Taken)), "{done:?}");
        key.workspace_id = second.id;
        let done = world.act(async |act| {
            act.insert(&permit, &second).await?;
            act.insert(&permit, &key).await
        });
        done.await.unwrap();
    }

    async fn a_workspace_leaves_only_when_nothing_needs_it(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        let remove = async || world.act(async |act| act.remove(&permit, &a.workspace).await).await;
        assert!(matches!(remove().await, Err(Error::Referenced)));
        let done = world.act(async |act| {
            act.remove(&permit, &a.virtual_key).await?;
            act.remove(&permit, &a.integration).await?;
            act.remove(&permit, &a.api_key).await
        });
        done.await.unwrap();
        assert!(remove().await.unwrap());
        assert!(!remove().await.unwrap());
    }

    async fn people_have_places(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let permit = world.permit(a.organisation.id);
        let now = a.organisation.created_at;
        let user = |email: &str| User {
            id: world.id(),
            email: EmailAddress::parse(email).unwrap(),
            first_name: "Ann".to_owned(),
            last_name: "Lee".to_owned(),
            created_at: now,
            updated_at: now,
        };
        let ann = user("Ann@Acme.test");
        let place = WorkspaceMember {
            organisation_id: a.organisation.id,
            workspace_id: a.workspace.id,
            user_id: ann.id,
            role: WorkspaceRole::Manager,
            created_at: now,
            updated_at: now,
        };
        let member = Member {
            organisation_id: a.organisation.id,
            user_id: ann.id,
            role: OrganisationRole::Member,
            email: "Ann@Acme.test".to_owned(),
            first_name: "Ann".to_owned(),
            last_name: "Lee".to_owned(),
            workspaces: vec![place.clone()],
            created_at: now,
            updated_at: now,
        };
        let hash = Secret::new("a hash".to_owned());
        let done = world.act(async |act| {
            act.insert_user(&permit, &ann, Some(&hash)).await?;
            act.insert(&permit, &member).await?;
            act.insert(&permit, &place).await?;
            let mut owner = member.clone();
            owner.role = OrganisationRole::Owner;
            act.update(&permit, &member, owner).await
        });
        let owner = done.await.unwrap();
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        assert_eq!(tenant.members().find(ann.id).await.unwrap().as_ref(), Some(&owner));
        assert_eq!(tenant.members().count_owners().await.unwrap(), 1);
        let email = Some("ANN@acme.TEST".to_owned());
        let filter = MemberFilter { email: email.clone(), ..MemberFilter::default() };
        assert_eq!(tenant.members().list(&filter, Page::first(5)).await.unwrap().items, std::slice::from_ref(&owner));
        let filter = MemberFilter { role: Some(OrganisationRole::Member), ..filter };
        assert_eq!(tenant.members().list(&filter, Page::first(5)).await.unwrap().total, 0);
        let filter = WorkspaceMemberFilter { email, role: Some(WorkspaceRole::Manager) };
        let list = tenant.workspace_members().list(a.workspace.id, &filter, Page::first(5)).await;
        assert_eq!(list.unwrap().items, [place]);
        assert_eq!(reader.memberships_of(ann.id).await.unwrap(), [owner]);
        assert_eq!(reader.tenant(b.organisation.id).members().find(ann.id).await.unwrap(), None);
        let email = EmailAddress::parse("ann@acme.test").unwrap();
        let found = reader.users().account(ann.id).await.unwrap().unwrap().password_hash.unwrap();
        assert_eq!(found.danger_expose(), "a hash");
        // An address is nobody's alone; an account that belongs nowhere comes last.
        let [mut lost, mut twin] = [user("ANN@acme.TEST"), user("Ann@acme.test")];
        lost.created_at = ann.created_at.plus_millis(-1000);
        twin.created_at = ann.created_at.plus_millis(1000);
        let mut elsewhere = member.clone();
        elsewhere.organisation_id = b.organisation.id;
        elsewhere.user_id = twin.id;
        let done = world.act(async |act| {
            act.insert_user(&permit, &lost, None).await?;
            act.insert_user(&permit, &twin, None).await?;
            act.insert(&world.permit(b.organisation.id), &elsewhere).await
        });
        done.await.unwrap();
        let found = reader.users().of_email(&email).await.unwrap();
        let users: Vec<_> = found.iter().map(|account| &account.user).collect();
        assert_eq!(users, [&ann, &twin, &lost]);
        let hashes: Vec<bool> = found.iter().map(|found| found.password_hash.is_some()).collect();
        assert_eq!(hashes, [true, false, false]);
    }

    async fn lists_are_paged_newest_first(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        let mut keys = vec![a.api_key.clone()];
        for n in 0..5 {
            world.time.pass_millis(1);
            let kind = if n == 2 { ApiKeyKind::OrganisationService } else { a.api_key.kind };
            keys.push(world.draw_api_key(&a.workspace, kind));
        }
        let done = world.act(async |act| {
            for key in &keys[1..] {
                act.insert(&permit, key).await?;
            }
            Ok(())
        });
        done.await.unwrap();
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        let service = (a.api_key.kind, Reach::Only(vec![a.workspace.id]));
        let organisation = (ApiKeyKind::OrganisationService, Reach::Everywhere);
        let filter = |kinds| ApiKeyFilter { kinds, workspace: None, user: None };
        let page = Page { skip: 2, limit: 2 };
        let both = filter(vec![service.clone(), organisation.clone()]);
        let list = tenant.api_keys().list(&both, page).await.unwrap();
        assert_eq!((list.total, list.items), (6, vec![keys[3].clone(), keys[2].clone()]));
        let one = ApiKeyFilter { workspace: Some(a.workspace.id), ..filter(vec![organisation]) };
        let list = tenant.api_keys().list(&one, Page::first(9)).await.unwrap();
        assert_eq!((list.total, list.items), (1, vec![keys[3].clone()]));
        for nothing in [
            filter(Vec::new()),
            filter(vec![(a.api_key.kind, Reach::Only(Vec::new()))]),
            filter(vec![(a.api_key.kind, Reach::Only(vec![world.id()]))]),
            ApiKeyFilter { workspace: Some(world.id()), ..filter(vec![service]) },
        ] {
            let list = tenant.api_keys().list(&nothing, Page::first(9)).await.unwrap();
            assert_eq!(list.total, 0, "{nothing:?}");
        }
        let mut owners = IntegrationFilter { of_organisation: true, of_workspaces: Reach::Only(Vec::new()) };
        let list = tenant.integrations().list(&owners, Page::first(9)).await.unwrap();
        assert_eq!(list.total, 0);
        owners.of_workspaces = Reach::Only(vec![a.workspace.id]);
        let list = tenant.integrations().list(&owners, Page::first(9)).await.unwrap();
        assert_eq!((list.total, list.items[0].id), (1, a.integration.id));
        let mut filter = WorkspaceFilter { reach: Reach::Everywhere, name: None, exact_name: None };
        let list = tenant.workspaces().list(&filter, Page::first(9)).await.unwrap();
        assert_eq!(list.items, [a.workspace]);
        filter.name = Some("S-MAI".to_owned());
        assert_eq!(tenant.workspaces().list(&filter, Page::first(9)).await.unwrap().total, 1);
        filter.exact_name = Some("S-MAI".to_owned());
        assert_eq!(tenant.workspaces().list(&filter, Page::first(9)).await.unwrap().total, 0);
    }

    async fn every_write_tells_the_outbox_and_a_failed_one_does_not(world) {
        let a = world.tenant("acme").await;
        let mut reader = world.db.read().await.unwrap();
        let events = reader.outbox().after(0, 100).await.unwrap();
        let subjects: Vec<Subject> = events.iter().map(|event| event.subject).collect();
        assert_eq!(subjects, [
            Subject::Organisation(a.organisation.id),
            Subject::Workspace(a.workspace.id),
            Subject::Workspace(a.workspace.id),
            Subject::Workspace(a.workspace.id),
            Subject::ApiKey(a.api_key.id),
            Subject::Integration(a.integration.id),
            Subject::VirtualKey(a.virtual_key.id),
        ]);
        assert!(events.is_sorted_by_key(|event| event.revision));
        let last = reader.outbox().max_revision().await.unwrap();
        assert_eq!(last, events[6].revision);
        assert!(reader.outbox().after(last, 100).await.unwrap().is_empty());

        let permit = world.permit(a.organisation.id);
        let failed: Result<()> = world.act(async |act| {
            act.remove(&permit, &a.virtual_key).await?;
            Err(Error::ForeignPlace)
        }).await;
        assert!(failed.is_err());
        assert_eq!(reader.outbox().max_revision().await.unwrap(), last);
        let mut tenant = reader.tenant(a.organisation.id);
        assert!(tenant.virtual_keys().find(a.virtual_key.id).await.unwrap().is_some());
    }

    async fn pruning_the_outbox_keeps_the_count(world) {
        world.tenant("acme").await;
        world.time.pass_millis(1000);
        let now = Clock::now(&*world.time);
        let pruned: Result<u64> = world.db.write(async |tx| tx.outbox().prune(now).await).await;
        assert_eq!(pruned.unwrap(), 6);
        let mut reader = world.db.read().await.unwrap();
        let last = reader.outbox().max_revision().await.unwrap();
        assert_eq!(reader.outbox().min_revision().await.unwrap(), last);
        world.tenant("bolt").await;
        assert_eq!(reader.outbox().after(last, 100).await.unwrap().len(), 7);
    }

    async fn a_listener_is_told_at_once(world) {
        let mut changes = world.db.listen().await.unwrap();
        // Nothing has happened, so only the clock speaks, after half a second.
        let early = tokio::time::timeout(Duration::from_millis(300), changes.changed()).await;
        assert!(early.is_err());
        world.tenant("acme").await;
        let told = tokio::time::timeout(Duration::from_millis(300), changes.changed()).await;
        assert!(told.is_ok());
    }

    async fn two_thousand_keys_are_loaded_one_by_one(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        let keys: Vec<_> = (0..2_000)
            .map(|_| world.draw_api_key(&a.workspace, ApiKeyKind::WorkspaceService))
            .collect();
        let done = world.act(async |act| {
            for key in &keys {
                act.insert(&permit, key).await?;
            }
            Ok(())
        });
        done.await.unwrap();
        let mut reader = world.db.read().await.unwrap();
        let mut loaded = Vec::new();
        reader.load_api_keys(&mut |key| loaded.push(Arc::new(key))).await.unwrap();
        assert_eq!(loaded.len(), 2_001);
        let by_id = |id| loaded.iter().find(|key| key.id == id).unwrap();
        assert_eq!(**by_id(keys[1_999].id), keys[1_999]);
        let (mut organisations, mut workspaces) = (Vec::new(), Vec::new());
        let (mut integrations, mut virtual_keys) = (Vec::new(), Vec::new());
        reader.load_organisations(&mut |one| organisations.push(one)).await.unwrap();
        reader.load_workspaces(&mut |one| workspaces.push(one)).await.unwrap();
        reader.load_integrations(&mut |one| integrations.push(one)).await.unwrap();
        reader.load_virtual_keys(&mut |one| virtual_keys.push(one)).await.unwrap();
        assert_eq!(organisations, [a.organisation]);
        assert_eq!(workspaces, [a.workspace]);
        assert_eq!(integrations.len(), 1);
        assert_eq!(virtual_keys, [a.virtual_key]);
    }
}
