//! Nothing crosses between two organisations, nor out of a workspace a permit is confined to.

use portcullis_domain::{ApiKeyKind, Reach};
use portcullis_store::{ApiKeyFilter, Error, Page};

use crate::support::on_both_engines;

on_both_engines! {
    async fn one_tenants_handle_finds_nothing_of_anothers(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        assert!(tenant.workspaces().find(b.workspace.id).await.unwrap().is_none());
        assert!(tenant.environments().find(b.workspace.default_environment).await.unwrap().is_none());
        assert!(tenant.api_keys().find(b.api_key.id).await.unwrap().is_none());
        assert!(tenant.integrations().find(b.integration.id).await.unwrap().is_none());
        assert!(tenant.virtual_keys().find(b.virtual_key.id).await.unwrap().is_none());
        let slug = &b.virtual_key.slug;
        let by_slug = tenant.virtual_keys().find_by_slug(b.workspace.id, slug).await.unwrap();
        assert!(by_slug.is_none());
        let of = tenant.virtual_keys().list_of_integration(b.integration.id).await.unwrap();
        assert!(of.is_empty());
        let kinds = vec![(a.api_key.kind, Reach::Everywhere)];
        let filter = |workspace| ApiKeyFilter { kinds: kinds.clone(), workspace, user: None };
        let list = tenant.api_keys().list(&filter(Some(b.workspace.id)), Page::first(9)).await;
        assert_eq!(list.unwrap().total, 0);
        let list = tenant.api_keys().list(&filter(None), Page::first(9)).await.unwrap();
        assert_eq!(list.items, [a.api_key]);
    }

    async fn one_tenants_permit_changes_nothing_of_anothers(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let permit = &world.permit(a.organisation.id);
        let honest = world.act(async |act| act.remove(permit, &b.api_key).await).await;
        assert!(matches!(honest, Err(Error::ForeignPlace)));
        let updated = world.act(async |act| act.update(permit, &b.api_key, b.api_key.clone()).await);
        assert!(matches!(updated.await, Err(Error::ForeignPlace)));
        // Told as its own, the row is still not found.
        let (mut key, mut integration) = (b.api_key.clone(), b.integration.clone());
        let (mut virtual_key, mut workspace) = (b.virtual_key.clone(), b.workspace.clone());
        key.organisation_id = a.organisation.id;
        integration.organisation_id = a.organisation.id;
        virtual_key.organisation_id = a.organisation.id;
        workspace.organisation_id = a.organisation.id;
        let removed = world.act(async |act| Ok([
            act.remove(permit, &virtual_key).await?,
            act.remove(permit, &integration).await?,
            act.remove(permit, &key).await?,
            act.remove(permit, &workspace).await?,
        ]));
        assert_eq!(removed.await.unwrap(), [false; 4]);
        let updated = world.act(async |act| act.update(permit, &key, key.clone()).await).await;
        assert!(matches!(updated, Err(Error::Gone)), "{updated:?}");
    }

    async fn rows_cannot_point_into_another_organisation(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let permit = &world.permit(a.organisation.id);
        let mut virtual_key = a.virtual_key.clone();
        virtual_key.integration_id = b.integration.id;
        let updated =
            world.act(async |act| act.update(permit, &a.virtual_key, virtual_key.clone()).await).await;
        assert!(matches!(updated, Err(Error::Referenced)), "{updated:?}");
        let mut api_key = world.draw_api_key(&b.workspace, ApiKeyKind::WorkspaceService);
        api_key.organisation_id = a.organisation.id;
        let inserted = world.act(async |act| act.insert(permit, &api_key).await).await;
        assert!(matches!(inserted, Err(Error::Referenced)), "{inserted:?}");
        let mut api_key = a.api_key.clone();
        api_key.environment_id = b.workspace.default_environment;
        let updated =
            world.act(async |act| act.update(permit, &a.api_key, api_key.clone()).await).await;
        assert!(matches!(updated, Err(Error::Referenced)), "{updated:?}");
    }

    async fn a_confined_permit_stays_in_its_workspace(world) {
        let a = world.tenant("acme").await;
        let all = &world.permit(a.organisation.id);
        let other = world.draw_workspace(a.organisation.id, world.id(), "ws-other");
        let foreign = world.draw_api_key(&other, ApiKeyKind::WorkspaceService);
        let general = world.draw_api_key(&a.workspace, ApiKeyKind::OrganisationService);
        let done = world.act(async |act| {
            act.insert(all, &other).await?;
            for environment in &other.environments {
                act.insert(all, environment).await?;
            }
            act.insert(all, &foreign).await?;
            act.insert(all, &general).await
        });
        done.await.unwrap();

        let confined = &world.confined(a.organisation.id, a.workspace.id);
        let remove = async |key| world.act(async |act| act.remove(confined, &key).await).await;
        assert!(matches!(remove(foreign.clone()).await, Err(Error::ForeignPlace)));
        // It names the default workspace, which is this one, but is the organisation's.
        assert!(matches!(remove(general.clone()).await, Err(Error::ForeignPlace)));
        // Told as this workspace's own, neither is found.
        let (mut disguised, mut promoted) = (foreign, general.clone());
        disguised.workspace_id = a.workspace.id;
        promoted.kind = ApiKeyKind::WorkspaceService;
        assert!(!remove(disguised).await.unwrap());
        assert!(!remove(promoted).await.unwrap());
        assert!(remove(a.api_key.clone()).await.unwrap());
        let done = world.act(async |act| act.insert(confined, &general).await).await;
        assert!(matches!(done, Err(Error::ForeignPlace)));
        let done = world.act(async |act| act.remove(confined, &other).await).await;
        assert!(matches!(done, Err(Error::ForeignPlace)));
    }
}
