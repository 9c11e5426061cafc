//! What is damaged is the administrator's; its client can begin anew.

use std::fs;

use crate::resumable::File;
use crate::support::daemon::{Daemon, id};

#[test]
fn a_client_whose_upload_is_damaged_hears_of_it_once_and_can_begin_anew() {
    type Harm = fn(&Daemon, &str);
    let harms: [(&str, Harm); 3] = [
        ("its record can't be read", |daemon, id| fs::write(daemon.sidecar_path(id), "{").unwrap()),
        ("its bytes are gone", |daemon, id| fs::remove_file(daemon.data_path(id)).unwrap()),
        ("the name leads nowhere", |daemon, _| fs::write(key_path(daemon), "nobody").unwrap()),
    ];
    for (what, harm) in harms {
        let daemon = Daemon::start(&[]);
        let file = File::new("a", "a.bin", 40_000, 10_000);
        [1, 2].iter().for_each(|number| drop(file.put(&daemon, *number).expect(200)));
        let upload = daemon.one_upload();
        harm(&daemon, id(&upload));
        let left = daemon.uploads();
        // Were the others taken, all would have been answered with 200, and there would be no file.
        file.put(&daemon, 3).expect_code(500, "ERR_UPLOAD_DAMAGED");
        assert!((1..=4).all(|number| !file.has(&daemon, number)), "{what}");
        [3, 1, 2, 4].iter().for_each(|number| drop(file.put(&daemon, *number).expect(200)));
        assert_eq!(daemon.files()["a.bin"], file.bytes, "{what}");
        let now = daemon.uploads();
        assert!(left.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "{what}: it is left alone");
    }
}

/// Where the name lies that leads to the one upload that there is.
fn key_path(daemon: &Daemon) -> std::path::PathBuf {
    let shards = fs::read_dir(daemon.path().join("keys")).unwrap();
    let mut names = shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap());
    names.next().unwrap().unwrap().path()
}
