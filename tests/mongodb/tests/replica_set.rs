//! The stand-ins of a replica set do what their users rely on.

use bson::doc;
use cartridge_warp_test_mongodb::{Client, Refusal, ReplicaSet, Server, Settings};

#[test]
fn only_the_primary_answers_and_another_one_can_be_elected() {
    let server = Server::start(Settings::default());
    let set = ReplicaSet::start(server.port(), 2);
    let port = |member: usize| set.hosts()[member].split_once(':').unwrap().1.parse().unwrap();
    let mut members = [port(0), port(1)].map(|port| Client::connect(port).unwrap());
    for primary in [0, 1, 0] {
        assert_eq!(set.primary(), primary);
        let number = i32::try_from(primary).unwrap();
        for (member, client) in members.iter_mut().enumerate() {
            let hello = client.run("admin", doc! {"hello": 1}).unwrap();
            assert_eq!(hello.get_bool("isWritablePrimary").unwrap(), member == primary);
            assert_eq!(hello.get_bool("secondary").unwrap(), member != primary);
            assert_eq!(hello.get_str("me").unwrap(), set.hosts()[member]);
            assert_eq!(hello.get_str("primary").unwrap(), set.hosts()[primary]);
            let insert = client.insert("shop", "orders", &[doc! {"by": number}]);
            match insert {
                Ok(()) => assert_eq!(member, primary),
                Err(Refusal::Refused { code: 10107, .. }) => assert_ne!(member, primary),
                Err(other) => panic!("{other}"),
            }
        }
        set.step_down();
    }
    assert_eq!(server.find("shop", "orders", doc! {}).len(), 3);
}

#[test]
fn cut_connections_are_gone_and_new_ones_are_welcome() {
    let server = Server::start(Settings::default());
    let set = ReplicaSet::start(server.port(), 1);
    let port = set.hosts()[0].split_once(':').unwrap().1.parse().unwrap();
    let mut client = Client::connect(port).unwrap();
    client.insert("shop", "orders", &[doc! {"_id": 1}]).unwrap();
    assert_eq!(set.cut(), 1);
    assert!(matches!(client.find("shop", "orders", doc! {}), Err(Refusal::Broken(_))));
    let mut client = Client::connect(port).unwrap();
    assert_eq!(client.find("shop", "orders", doc! {}).unwrap().len(), 1);
}
