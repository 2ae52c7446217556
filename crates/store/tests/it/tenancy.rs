//! Nothing crosses between two organisations, nor out of a workspace a permit is confined to.

use portcullis_domain::ApiKeyKind;
use portcullis_store::{Error, Page, Result};

use crate::support::on_both_engines;

on_both_engines! {
    async fn one_tenants_handle_finds_nothing_of_anothers(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let mut reader = world.db.read().await.unwrap();
        let mut tenant = reader.tenant(a.organisation.id);
        assert!(tenant.workspaces().find(b.workspace.id).await.unwrap().is_none());
        assert!(tenant.api_keys().find(b.api_key.id).await.unwrap().is_none());
        assert!(tenant.integrations().find(b.integration.id).await.unwrap().is_none());
        assert!(tenant.virtual_keys().find(b.virtual_key.id).await.unwrap().is_none());
        let slug = &b.virtual_key.slug;
        let by_slug = tenant.virtual_keys().find_by_slug(b.workspace.id, slug).await.unwrap();
        assert!(by_slug.is_none());
        let of = tenant.virtual_keys().list_of_integration(b.integration.id).await.unwrap();
        assert!(of.is_empty());
        let list = tenant.api_keys().list(Some(b.workspace.id), None, Page::first(9)).await;
        assert_eq!(list.unwrap().total, 0);
        let list = tenant.api_keys().list(None, None, Page::first(9)).await.unwrap();
        assert_eq!(list.items, [a.api_key]);
    }

    async fn one_tenants_permit_changes_nothing_of_anothers(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let permit = &world.permit(a.organisation.id);
        let removed: Result<[bool; 4]> = world.db.write(async |tx| {
            Ok([
                tx.virtual_keys().remove(permit, b.virtual_key.id).await?,
                tx.integrations().remove(permit, b.integration.id).await?,
                tx.api_keys().remove(permit, b.api_key.id).await?,
                tx.workspaces().remove(permit, b.workspace.id).await?,
            ])
        }).await;
        assert_eq!(removed.unwrap(), [false; 4]);
        // Told as its own, the row is still not found.
        let mut disguised = b.api_key.clone();
        disguised.organisation_id = a.organisation.id;
        let updated: Result<bool> =
            world.db.write(async |tx| tx.api_keys().update(permit, &disguised).await).await;
        assert!(!updated.unwrap());
        let honest: Result<bool> =
            world.db.write(async |tx| tx.api_keys().update(permit, &b.api_key).await).await;
        assert!(matches!(honest, Err(Error::ForeignPlace)));
    }

    async fn rows_cannot_point_into_another_organisation(world) {
        let a = world.tenant("acme").await;
        let b = world.tenant("bolt").await;
        let permit = &world.permit(a.organisation.id);
        let mut virtual_key = a.virtual_key.clone();
        virtual_key.integration_id = b.integration.id;
        let updated: Result<bool> =
            world.db.write(async |tx| tx.virtual_keys().update(permit, &virtual_key).await).await;
        assert!(matches!(updated, Err(Error::Referenced)), "{updated:?}");
        let mut api_key = world.draw_api_key(&b.workspace, ApiKeyKind::WorkspaceService);
        api_key.organisation_id = a.organisation.id;
        let inserted: Result<()> =
            world.db.write(async |tx| tx.api_keys().insert(permit, &api_key).await).await;
        assert!(matches!(inserted, Err(Error::Referenced)), "{inserted:?}");
        let mut api_key = a.api_key.clone();
        api_key.environment_id = b.workspace.default_environment;
        let updated: Result<bool> =
            world.db.write(async |tx| tx.api_keys().update(permit, &api_key).await).await;
        assert!(matches!(updated, Err(Error::Referenced)), "{updated:?}");
    }

    async fn a_confined_permit_stays_in_its_workspace(world) {
        let a = world.tenant("acme").await;
        let all = &world.permit(a.organisation.id);
        let other = world.draw_workspace(a.organisation.id, world.id(), "ws-other");
        let foreign = world.draw_api_key(&other, ApiKeyKind::WorkspaceService);
        let general = world.draw_api_key(&a.workspace, ApiKeyKind::OrganisationService);
        let done: Result<()> = world.db.write(async |tx| {
            tx.workspaces().insert(all, &other).await?;
            tx.api_keys().insert(all, &foreign).await?;
            tx.api_keys().insert(all, &general).await
        }).await;
        done.unwrap();

        let confined = &world.confined(a.organisation.id, a.workspace.id);
        let done: Result<[bool; 3]> = world.db.write(async |tx| {
            Ok([
                tx.api_keys().remove(confined, foreign.id).await?,
                // It names the default workspace, which is this one, but is the organisation's.
                tx.api_keys().remove(confined, general.id).await?,
                tx.api_keys().remove(confined, a.api_key.id).await?,
            ])
        }).await;
        assert_eq!(done.unwrap(), [false, false, true]);
        let done: Result<()> =
            world.db.write(async |tx| tx.api_keys().insert(confined, &general).await).await;
        assert!(matches!(done, Err(Error::ForeignPlace)));
        let done: Result<bool> =
            world.db.write(async |tx| tx.workspaces().remove(confined, other.id).await).await;
        assert!(matches!(done, Err(Error::ForeignPlace)));
    }
}
