//! The data plane's configuration: every noun there and back, the outbox, the snapshot's load.

use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    ApiKeyDigest, ApiKeyKind, OrganisationRole, PreviousDigest, Slug, User, WorkspaceRole,
};
use portcullis_store::{Error, IntegrationOwner, Page, Result, Subject};

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
        let done: Result<(bool, bool, bool)> = world.db.write(async |tx| {
            Ok((
                tx.api_keys().update(&permit, &key).await?,
                tx.virtual_keys().update(&permit, &virtual_key).await?,
                tx.integrations().update(&permit, &integration).await?,
            ))
        }).await;
        assert_eq!(done.unwrap(), (true, true, true));
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        assert_eq!(tenant.api_keys().find(key.id).await.unwrap().unwrap(), key);
        assert_eq!(tenant.virtual_keys().find(virtual_key.id).await.unwrap().unwrap(), virtual_key);
        let found = tenant.integrations().find(integration.id).await.unwrap().unwrap();
        assert_eq!(found.credential, sealed(7));

        let gone: Result<[bool; 4]> = world.db.write(async |tx| {
            Ok([
                tx.virtual_keys().remove(&permit, virtual_key.id).await?,
                tx.virtual_keys().remove(&permit, virtual_key.id).await?,
                tx.virtual_keys().update(&permit, &virtual_key).await?,
                tx.integrations().remove(&permit, integration.id).await?,
            ])
        }).await;
        assert_eq!(gone.unwrap(), [true, false, false, true]);
    }

    async fn slugs_are_unique_where_the_vocabulary_says(world) {
        let a = world.tenant("acme").await;
        let mut twin = world.draw_tenant("acme");
        let permit = world.permit(twin.organisation.id);
        let insert = async |organisation| {
            let organisation = &organisation;
            let done: Result<()> = world.db.write(async |tx| {
                tx.organisations().insert(&permit, organisation).await
            }).await;
            done
        };
        assert!(matches!(insert(twin.organisation.clone()).await, Err(Error::Taken)));
        twin.organisation.slug = Slug::parse("other").unwrap();
        insert(twin.organisation).await.unwrap();

        // The same virtual key slug: taken in this workspace, free in another.
        let permit = world.permit(a.organisation.id);
        let second = world.draw_workspace(a.organisation.id, world.id(), "ws-second");
        let mut key = a.virtual_key.clone();
        key.id = world.id();
        let done: Result<()> = world.db.write(async |tx| {
            tx.virtual_keys().insert(&permit, &key).await
        }).await;
        assert!(matches!(done, Err(Error::Taken)), "{done:?}");
        key.workspace_id = second.id;
        let done: Result<()> = world.db.write(async |tx| {
            tx.workspaces().insert(&permit, &second).await?;
            tx.virtual_keys().insert(&permit, &key).await
        }).await;
        done.unwrap();
    }

    async fn a_workspace_leaves_only_when_nothing_needs_it(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        let remove = async || {
            let done: Result<bool> = world.db.write(async |tx| {
                tx.workspaces().remove(&permit, a.workspace.id).await
            }).await;
            done
        };
        assert!(matches!(remove().await, Err(Error::Referenced)));
        let done: Result<()> = world.db.write(async |tx| {
            tx.virtual_keys().remove(&permit, a.virtual_key.id).await?;
            tx.integrations().remove(&permit, a.integration.id).await?;
            tx.api_keys().remove(&permit, a.api_key.id).await?;
            Ok(())
        }).await;
        done.unwrap();
        assert!(remove().await.unwrap());
        assert!(!remove().await.unwrap());
    }

    async fn people_have_roles(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let permit = world.permit(a.organisation.id);
        let user = User {
            id: world.id(),
            email: "Ann@Acme.test".to_owned(),
            name: "Ann".to_owned(),
            created_at: a.organisation.created_at,
        };
        let done: Result<()> = world.db.write(async |tx| {
            tx.users().insert(&permit, &user, None, OrganisationRole::Member).await?;
            tx.users().put_role(&permit, user.id, OrganisationRole::Owner).await?;
            let role = WorkspaceRole::Manager;
            tx.users().put_workspace_role(&permit, a.workspace.id, user.id, role).await
        }).await;
        done.unwrap();
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        let expected = (user.clone(), OrganisationRole::Owner);
        let found = tenant.users().find(user.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&expected));
        assert_eq!(tenant.users().list(Page::first(5)).await.unwrap().items, [expected]);
        assert_eq!(reader.tenant(b.organisation.id).users().find(user.id).await.unwrap(), None);
        let again: Result<()> = world.db.write(async |tx| {
            let mut twin = user.clone();
            twin.id = world.id();
            twin.email = "ANN@acme.test".to_owned();
            tx.users().insert(&permit, &twin, None, OrganisationRole::Member).await
        }).await;
        assert!(matches!(again, Err(Error::Taken)));
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
        let done: Result<()> = world.db.write(async |tx| {
            for key in &keys[1..] {
                tx.api_keys().insert(&permit, key).await?;
            }
            Ok(())
        }).await;
        done.unwrap();
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        let page = Page { skip: 2, limit: 2 };
        let list = tenant.api_keys().list(None, None, page).await.unwrap();
        assert_eq!((list.total, list.items), (6, vec![keys[3].clone(), keys[2].clone()]));
        let kind = Some(ApiKeyKind::OrganisationService);
        let list = tenant.api_keys().list(Some(a.workspace.id), kind, Page::first(9)).await.unwrap();
        assert_eq!((list.total, list.items), (1, vec![keys[3].clone()]));
        let list = tenant.integrations().list(IntegrationOwner::Organisation, Page::first(9)).await;
        assert_eq!(list.unwrap().total, 0);
        let owner = IntegrationOwner::Workspace(a.workspace.id);
        let list = tenant.integrations().list(owner, Page::first(9)).await.unwrap();
        assert_eq!((list.total, list.items[0].id), (1, a.integration.id));
        let list = tenant.workspaces().list(None, Page::first(9)).await.unwrap();
        assert_eq!(list.items, [a.workspace]);
    }

    async fn every_write_tells_the_outbox_and_a_failed_one_does_not(world) {
        let a = world.tenant("acme").await;
        let mut reader = world.db.read().await.unwrap();
        let events = reader.outbox().after(0, 100).await.unwrap();
        let subjects: Vec<Subject> = events.iter().map(|event| event.subject).collect();
        assert_eq!(subjects, [
            Subject::Organisation(a.organisation.id),
            Subject::Workspace(a.workspace.id),
            Subject::ApiKey(a.api_key.id),
            Subject::Integration(a.integration.id),
            Subject::VirtualKey(a.virtual_key.id),
        ]);
        assert!(events.is_sorted_by_key(|event| event.revision));
        let last = reader.outbox().max_revision().await.unwrap();
        assert_eq!(last, events[4].revision);
        assert!(reader.outbox().after(last, 100).await.unwrap().is_empty());

        let permit = world.permit(a.organisation.id);
        let failed: Result<()> = world.db.write(async |tx| {
            tx.virtual_keys().remove(&permit, a.virtual_key.id).await?;
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
        let now = portcullis_domain::Clock::now(&*world.time);
        let pruned: Result<u64> = world.db.write(async |tx| tx.outbox().prune(now).await).await;
        assert_eq!(pruned.unwrap(), 4);
        let mut reader = world.db.read().await.unwrap();
        let last = reader.outbox().max_revision().await.unwrap();
        assert_eq!(reader.outbox().min_revision().await.unwrap(), last);
        world.tenant("bolt").await;
        assert_eq!(reader.outbox().after(last, 100).await.unwrap().len(), 5);
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

    async fn twenty_thousand_keys_are_loaded_one_by_one(world) {
        let a = world.tenant("acme").await;
        let permit = world.permit(a.organisation.id);
        let keys: Vec<_> = (0..20_000)
            .map(|_| world.draw_api_key(&a.workspace, ApiKeyKind::WorkspaceService))
            .collect();
        let done: Result<()> = world.db.write(async |tx| {
            for key in &keys {
                tx.api_keys().insert(&permit, key).await?;
            }
            Ok(())
        }).await;
        done.unwrap();
        let mut reader = world.db.read().await.unwrap();
        let mut loaded = Vec::new();
        reader.load_api_keys(&mut |key| loaded.push(Arc::new(key))).await.unwrap();
        assert_eq!(loaded.len(), 20_001);
        let by_id = |id| loaded.iter().find(|key| key.id == id).unwrap();
        assert_eq!(**by_id(keys[19_999].id), keys[19_999]);
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
