//! What the vault keeps here: data keys and the instance's secrets.

use portcullis_domain::{Clock, NodeId, OrganisationId};
use portcullis_store::{DataKey, DataKeyState, Error, InstanceRow, Result};

use crate::support::{World, on_both_engines, sealed};

on_both_engines! {
    async fn one_data_key_is_active_at_a_time(world) {
        for organisation in [None, Some(world.id())] {
            let first = draw(world, organisation);
            let second = draw(world, organisation);
            let late = draw(world, organisation);
            let done: Result<()> = world.db.write(async |tx| {
                assert_eq!(tx.data_keys().insert(&first, None).await?, first.id);
                // Another node comes second.
                assert_eq!(tx.data_keys().insert(&late, None).await?, first.id);
                assert_eq!(tx.data_keys().insert(&second, Some(first.id)).await?, second.id);
                assert_eq!(tx.data_keys().insert(&late, Some(first.id)).await?, second.id);
                assert!(tx.data_keys().add_uses(organisation, second.id, 40).await?);
                assert!(tx.data_keys().add_uses(organisation, second.id, 2).await?);
                let wrapped = [3, 4];
                tx.data_keys().update_wrapped(organisation, first.id, "aws", "k2", &wrapped).await?;
                assert!(!tx.data_keys().add_uses(Some(world.id()), first.id, 1).await?);
                Ok(())
            }).await;
            done.unwrap();
            let mut reader = world.db.read().await.unwrap();
            let expected = [
                DataKey {
                    state: DataKeyState::Retired,
                    kms: "aws".to_owned(),
                    kms_key_id: "k2".to_owned(),
                    wrapped: vec![3, 4],
                    ..first.clone()
                },
                DataKey { uses: 42, ..second.clone() },
            ];
            assert_eq!(reader.data_keys().list(organisation).await.unwrap(), expected);
            let found = reader.data_keys().find(second.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(&expected[1]));
        }
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.data_keys().list_all().await.unwrap().len(), 4);
        let orphan = draw(world, Some(world.id()));
        let done: Result<_> = world.db.write(async |tx| {
            tx.data_keys().insert(&orphan, Some(orphan.id)).await
        }).await;
        assert!(matches!(done, Err(Error::Referenced)));
    }

    async fn the_instance_is_made_once(world) {
        let (one, another): (NodeId, NodeId) = (world.id(), world.id());
        let row = InstanceRow { id: one.uuid(), created_at: world.time.now() };
        let other = InstanceRow { id: another.uuid(), ..row };
        assert_eq!(world.db.read().await.unwrap().instance().find().await.unwrap(), None);
        let done: Result<()> = world.db.write(async |tx| {
            assert_eq!(tx.instance().insert(row).await?, row);
            assert_eq!(tx.instance().insert(other).await?, row);
            tx.instance().put_secret("pepper", &sealed(1)).await?;
            tx.instance().put_secret("pepper", &sealed(2)).await
        }).await;
        done.unwrap();
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.instance().find().await.unwrap(), Some(row));
        assert_eq!(reader.instance().secret("pepper").await.unwrap(), Some(sealed(2)));
        assert_eq!(reader.instance().secret("salt").await.unwrap(), None);
    }
}

fn draw(world: &World, organisation: Option<OrganisationId>) -> DataKey {
    world.time.pass_millis(1);
    DataKey {
        id: world.id(),
        organisation_id: organisation,
        wrapped: vec![1, 2],
        kms: "local".to_owned(),
        kms_key_id: "k1".to_owned(),
        state: DataKeyState::Active,
        uses: 0,
        created_at: world.time.now(),
    }
}
