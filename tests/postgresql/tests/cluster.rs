//! The harness does what its users rely on.

use std::net::TcpStream;

use cartridge_warp_test_postgresql::Cluster;

#[test]
fn a_killed_server_resumes_and_a_dropped_one_is_gone() {
    let mut cluster = Cluster::start(&[]);
    cluster.sql("postgres", "CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    let (port, directory) = (cluster.port(), cluster.directory().to_owned());
    cluster.kill();
    assert!(cluster.try_sql("postgres", "SELECT 1").is_err());
    cluster.resume();
    assert_eq!(cluster.sql("postgres", "SELECT * FROM t"), ["1"]);
    cluster.restart();
    assert_eq!(cluster.port(), port);
    drop(cluster);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err() && !directory.exists());
}
