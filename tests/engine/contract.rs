//! The contract of `src/store.rs`, sentence by sentence, for any store that has a [`Bench`].
//!
//! Each function is one sentence; [`contract`] makes the tests of all of them for one store.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use resumed::store::{ByteStream, Store, StoreError, Writer as _};
use resumed::upload::{ClientKey, Kind, Length, Metadata, State, Upload, UploadId};

use crate::bench::{Bench, InMemory, OnDisk};
use crate::body::{checksum, content};

fn upload(length: Length) -> Upload {
    let now = Timestamp::now();
    Upload {
        id: UploadId::random().unwrap(),
        kind: Kind::Whole,
        state: State::Receiving,
        offset: 0,
        length,
        metadata: Metadata::from_pairs([("filename", "a.bin")]),
        key: None,
        owner: None,
        created: now,
        modified: now,
        expires: now.checked_add(Duration::from_secs(3600)).ok(),
    }
}

fn bytes(range: std::ops::Range<u64>) -> Vec<Bytes> {
    vec![content(1, range)]
}

async fn all(mut stream: ByteStream) -> Vec<u8> {
    let mut read = Vec::new();
    while let Some(piece) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        read.extend_from_slice(&piece.unwrap());
    }
    read
}

async fn read<S: Store>(store: &S, upload: &Upload) -> Vec<u8> {
    all(store.read(upload, 0..upload.offset).await.unwrap()).await
}

/// Writes bytes at an upload's offset and records them.
async fn append<S: Store>(store: &S, upload: &mut Upload, end: u64) {
    let mut writer = store.writer(upload).await.unwrap();
    let written = writer.write(bytes(upload.offset..end)).await;
    assert!(written.fault.is_none());
    assert_eq!(written.bytes, end - upload.offset);
    upload.offset = end;
    store.save(upload, Some(&writer)).await.unwrap();
}

async fn publish<S: Store>(store: &S, mut upload: Upload) -> Upload {
    let length = upload.length.known().unwrap();
    append(store, &mut upload, length).await;
    store.publish(upload, None).await.unwrap()
}

/// "Takes a new upload in, with the first bytes of it."
async fn what_is_created_is_there<B: Bench>() {
    let (bench, upload) = (B::new(), upload(Length::Known(10)));
    let store = bench.open();
    let created = store.create(upload.clone(), bytes(0..4)).await.unwrap();
    assert_eq!(created, Upload { offset: 4, ..upload.clone() });
    assert_eq!(store.peek(upload.id).await.unwrap(), created);
    assert_eq!(store.load(upload.id).await.unwrap(), created);
    assert!(bench.files().is_empty(), "it is not finished");
}

/// "When these are all its bytes, it is complete (and published, unless it is partial) on return."
async fn what_is_created_whole_is_complete<B: Bench>() {
    let bench = B::new();
    let store = bench.open();
    for length in [0, 10] {
        let created = store.create(upload(Length::Known(length)), bytes(0..length)).await.unwrap();
        assert!(created.is_complete());
        assert_eq!(read(&store, &created).await, content(1, 0..length));
    }
    assert_eq!(bench.files().len(), 2);
    let part = Upload { kind: Kind::Partial, ..upload(Length::Known(10)) };
    let created = store.create(part, bytes(0..10)).await.unwrap();
    assert_eq!(created.state, State::Complete { file: None, changed: None });
    assert_eq!(read(&store, &created).await, content(1, 0..10));
    assert_eq!(bench.files().len(), 2, "parts are not published");
}

/// "A method that answered an error has changed nothing that was acknowledged before."
async fn a_name_that_is_taken_is_refused_and_its_upload_stays<B: Bench>() {
    let (bench, upload) = (B::new(), upload(Length::Known(10)));
    let store = bench.open();
    let created = store.create(upload.clone(), bytes(0..4)).await.unwrap();
    store.create(upload.clone(), bytes(4..6)).await.unwrap_err();
    assert_eq!(store.load(upload.id).await.unwrap(), created);
    let whole = publish(&store, created).await;
    store.create(upload, bytes(4..6)).await.unwrap_err();
    assert_eq!(read(&store, &whole).await, content(1, 0..10));
}

/// "It holds nothing under this name."
async fn what_is_not_there_is_not_found<B: Bench>() {
    let store = B::new().open();
    let nobody = upload(Length::Known(10));
    assert!(matches!(store.peek(nobody.id).await, Err(StoreError::NotFound)));
    assert!(matches!(store.load(nobody.id).await, Err(StoreError::NotFound)));
    assert!(store.writer(&nobody).await.is_err());
    assert_eq!(store.lookup(ClientKey::new(["x"])).await.unwrap(), None);
    store.remove(&nobody).await.unwrap();
}

/// "Records an upload as it is now." All that a record has comes back as it was given.
async fn a_record_comes_back_as_it_was_given<B: Bench>() {
    let bench = B::new();
    let mut upload = upload(Length::Deferred);
    {
        let store = bench.open();
        store.create(upload.clone(), Vec::new()).await.unwrap();
        append(&store, &mut upload, 5).await;
        upload.length = Length::Known(9);
        upload.metadata = Metadata::parse("filename YQ==,flag,bytes AAEC").unwrap();
        upload.key = Some(ClientKey::new(["k"]));
        upload.expires = None;
        store.save(&upload, None).await.unwrap();
    }
    bench.cut_power();
    assert_eq!(bench.open().load(upload.id).await.unwrap(), upload);
}

/// "What `written` has written is durable before the record speaks of it", and "what a method has answered `Ok` for survives".
async fn what_is_saved_survives_and_what_is_not_is_cut_off_or_kept_whole<B: Bench>() {
    let (bench, mut upload) = (B::new(), upload(Length::Known(10)));
    {
        let store = bench.open();
        store.create(upload.clone(), Vec::new()).await.unwrap();
        append(&store, &mut upload, 4).await;
        let mut writer = store.writer(&upload).await.unwrap();
        assert_eq!(writer.write(bytes(4..8)).await.bytes, 4);
    }
    bench.cut_power();
    let store = bench.open();
    let found = store.load(upload.id).await.unwrap();
    assert!((4..=8).contains(&found.offset), "{}", found.offset);
    let whole = publish(&store, found).await;
    assert_eq!(read(&store, &whole).await, content(1, 0..10), "what is told of is what was written");
}

/// Bytes of a body that must sum up are nobody's until it did: a crash takes them away.
async fn bytes_that_are_not_verified_are_cut_off<B: Bench>() {
    let (bench, mut upload) = (B::new(), upload(Length::Known(10)));
    {
        let store = bench.open();
        store.create(upload.clone(), Vec::new()).await.unwrap();
        append(&store, &mut upload, 4).await;
        let verifying = Upload { state: State::Verifying, ..upload.clone() };
        store.save(&verifying, None).await.unwrap();
        let mut writer = store.writer(&upload).await.unwrap();
        writer.write(bytes(4..10)).await;
    }
    let found = bench.open().load(upload.id).await.unwrap();
    assert_eq!((found.offset, found.state), (4, State::Receiving));
}

/// "Takes a new upload in … if there is room for the whole of it."
async fn what_does_not_fit_is_not_taken_in<B: Bench>() {
    let (bench, upload) = (B::new(), upload(Length::Known(u64::MAX / 2)));
    let store = bench.open();
    assert!(matches!(store.create(upload.clone(), Vec::new()).await, Err(StoreError::NoSpace)));
    assert!(matches!(store.load(upload.id).await, Err(StoreError::NotFound)), "nothing is left of it");
}

/// "Records the length of an upload that had none until now, if there is room for what is still to come of it … nothing was
/// changed then."
async fn a_length_that_comes_later_needs_room_too<B: Bench>() {
    let (bench, mut upload) = (B::new(), upload(Length::Deferred));
    {
        let store = bench.open();
        store.create(upload.clone(), Vec::new()).await.unwrap();
        append(&store, &mut upload, 4).await;
        let too_long = Upload { length: Length::Known(u64::MAX / 2), ..upload.clone() };
        assert!(matches!(store.declare_length(&too_long).await, Err(StoreError::NoSpace)));
        assert_eq!(store.load(upload.id).await.unwrap(), upload, "its length is deferred still");
        // Nobody else's room is gone with it.
        let other = self::upload(Length::Known(1 << 20));
        store.create(other, Vec::new()).await.unwrap();
        upload.length = Length::Known(10);
        store.declare_length(&upload).await.unwrap();
        assert_eq!(store.peek(upload.id).await.unwrap(), upload);
    }
    bench.cut_power();
    let store = bench.open();
    assert_eq!(store.load(upload.id).await.unwrap(), upload);
    let whole = publish(&store, upload).await;
    assert_eq!(read(&store, &whole).await, content(1, 0..10));
}

/// "Reads an upload as it was last saved": a look changes nothing and waits for nobody.
async fn a_look_disturbs_nobody<B: Bench>() {
    let (bench, mut upload) = (B::new(), upload(Length::Known(10)));
    let store = bench.open();
    store.create(upload.clone(), Vec::new()).await.unwrap();
    let mut writer = store.writer(&upload).await.unwrap();
    writer.write(bytes(0..4)).await;
    assert_eq!(store.peek(upload.id).await.unwrap().offset, 0, "what is not saved is not told");
    writer.write(bytes(4..10)).await;
    upload.offset = 10;
    let whole = store.publish(upload, Some(&writer)).await.unwrap();
    assert_eq!(read(&store, &whole).await, content(1, 0..10));
}

/// "Forgets what was written from `offset` on, and goes on there."
async fn a_writer_goes_back<B: Bench>() {
    let (bench, mut upload) = (B::new(), upload(Length::Known(10)));
    let store = bench.open();
    store.create(upload.clone(), Vec::new()).await.unwrap();
    let mut writer = store.writer(&upload).await.unwrap();
    writer.write(vec![content(2, 0..9)]).await;
    writer.rewind(0).await.unwrap();
    writer.write(vec![content(1, 0..3), Bytes::new(), content(1, 3..4)]).await;
    writer.write(bytes(4..6)).await;
    writer.rewind(5).await.unwrap();
    upload.offset = 5;
    store.save(&upload, Some(&writer)).await.unwrap();
    assert_eq!(store.load(upload.id).await.unwrap().offset, 5, "nothing is left behind the end");
    let whole = publish(&store, upload).await;
    assert_eq!(read(&store, &whole).await, content(1, 0..10));
}

/// "Takes the bytes of a range that was written into a checksum."
async fn what_was_written_can_be_summed_up<B: Bench>() {
    let (bench, upload) = (B::new(), upload(Length::Known(10)));
    let store = bench.open();
    store.create(upload.clone(), Vec::new()).await.unwrap();
    let mut writer = store.writer(&upload).await.unwrap();
    writer.write(bytes(0..9)).await;
    let wanted = checksum(&content(1, 3..8));
    let hasher = wanted.algorithm().hasher();
    assert!(wanted.matches(writer.digest(3..8, hasher).await.unwrap()));
    assert!(writer.digest(3..20, wanted.algorithm().hasher()).await.is_err(), "that was not written");
}

/// "A finished file appears at once and whole, and never in the place of another one."
async fn a_finished_file_takes_nobody_s_place<B: Bench>() {
    let bench = B::new();
    let store = bench.open();
    for number in 0..3 {
        let upload = upload(Length::Known(10));
        store.create(upload.clone(), bytes(0..4)).await.unwrap();
        assert_eq!(bench.files().len(), number, "half a file");
        let whole = publish(&store, Upload { offset: 4, ..upload }).await;
        assert_eq!(store.peek(whole.id).await.unwrap(), whole);
        assert_eq!(bench.files().len(), number + 1);
    }
    assert!(bench.files().iter().all(|(_, data)| *data == content(1, 0..10)));
}

/// The same, of many at once that want the same name.
async fn many_publish_at_once<B: Bench>() {
    let bench = B::new();
    let store = bench.open();
    let publications: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let created = store.create(upload(Length::Known(10)), Vec::new()).await.unwrap();
                publish(&store, created).await
            })
        })
        .collect();
    let mut names = Vec::new();
    for publication in publications {
        let whole = publication.await.unwrap();
        assert_eq!(read(&store, &whole).await, content(1, 0..10));
        let State::Complete { file: Some(name), .. } = whole.state else { panic!("not published") };
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!((names.len(), bench.files().len()), (16, 16));
}

/// "Fills a final upload with the bytes of its parts and publishes it." The parts stay as they are.
async fn parts_are_put_together_in_their_order<B: Bench>() {
    let bench = B::new();
    let store = bench.open();
    let mut parts = Vec::new();
    for range in [0..3, 3..9, 9..10] {
        let part = Upload { kind: Kind::Partial, ..upload(Length::Known(range.end - range.start)) };
        parts.push(store.create(part, bytes(range)).await.unwrap());
    }
    let kind =
        Kind::Final { parts: parts.iter().map(|part| part.id).collect(), as_given: "final;…".into() };
    let last = Upload { kind, state: State::Assembling, ..upload(Length::Known(10)) };
    store.create(last.clone(), Vec::new()).await.unwrap();
    assert!(bench.files().is_empty(), "it waits for its parts");
    let whole = store.assemble(last, parts.clone()).await.unwrap();
    assert_eq!(whole.offset, 10);
    assert_eq!(read(&store, &whole).await, content(1, 0..10));
    for part in parts {
        assert_eq!(store.load(part.id).await.unwrap(), part);
    }
    assert_eq!(bench.files().len(), 1);
}

/// "Reads some bytes of a complete upload."
async fn any_range_is_read<B: Bench>() {
    let bench = B::new();
    let store = bench.open();
    let length = 700_000;
    let created = store.create(upload(Length::Known(length)), Vec::new()).await.unwrap();
    let whole = publish(&store, created).await;
    for range in [0..0, 0..1, 5..700_000, 262_143..262_146, 699_999..700_000, 0..length] {
        let read = all(store.read(&whole, range.clone()).await.unwrap()).await;
        assert!(read == content(1, range.clone()), "{range:?}");
    }
}

/// "Removes an upload, its finished file too", and again is no error.
async fn what_is_removed_is_gone<B: Bench>() {
    let bench = B::new();
    let key = ClientKey::new(["mine"]);
    let half;
    {
        let store = bench.open();
        half =
            store.create(Upload { key: Some(key), ..upload(Length::Known(10)) }, bytes(0..4)).await.unwrap();
        store.bind(key, half.id).await.unwrap();
        let whole = store.create(upload(Length::Known(4)), bytes(0..4)).await.unwrap();
        let other = store.create(upload(Length::Known(4)), bytes(0..4)).await.unwrap();
        for gone in [&half, &whole] {
            store.remove(gone).await.unwrap();
            assert!(matches!(store.load(gone.id).await, Err(StoreError::NotFound)));
            store.remove(gone).await.unwrap();
        }
        assert_eq!(store.lookup(key).await.unwrap(), None);
        assert_eq!(read(&store, &other).await, content(1, 0..4));
    }
    bench.cut_power();
    let store = bench.open();
    assert!(matches!(store.peek(half.id).await, Err(StoreError::NotFound)));
    assert_eq!(bench.files().len(), 1);
}

/// "Lets a client's own name lead to an upload, and no longer to another one."
async fn a_client_s_name_leads_to_the_upload_bound_last<B: Bench>() {
    let bench = B::new();
    let (key, other) = (ClientKey::new(["a", "b"]), ClientKey::new(["ab"]));
    let second;
    {
        let store = bench.open();
        let keyed = || Upload { key: Some(key), ..upload(Length::Known(10)) };
        let first = store.create(keyed(), Vec::new()).await.unwrap();
        store.bind(key, first.id).await.unwrap();
        assert_eq!(store.lookup(key).await.unwrap(), Some(first.id));
        second = store.create(keyed(), Vec::new()).await.unwrap();
        store.bind(key, second.id).await.unwrap();
        store.remove(&first).await.unwrap();
    }
    bench.cut_power();
    let store = bench.open();
    assert_eq!(store.lookup(key).await.unwrap(), Some(second.id), "the older one's end is not its own");
    assert_eq!(store.lookup(other).await.unwrap(), None);
}

/// "Looks at what an earlier process left": all that is not finished, and parts; finished files are not in it.
async fn what_is_unfinished_is_found<B: Bench>() {
    let bench = B::new();
    let mut wanted = Vec::new();
    {
        let store = bench.open();
        wanted.push(store.create(upload(Length::Known(10)), bytes(0..4)).await.unwrap());
        wanted.push(store.create(upload(Length::Deferred), Vec::new()).await.unwrap());
        let part = Upload { kind: Kind::Partial, ..upload(Length::Known(4)) };
        wanted.push(store.create(part, bytes(0..4)).await.unwrap());
        store.create(upload(Length::Known(4)), bytes(0..4)).await.unwrap();
    }
    let store = bench.open();
    let mut unfinished = store.unfinished();
    let mut found = Vec::new();
    while let Some((id, upload)) = unfinished.recv().await {
        let upload = upload.unwrap();
        assert_eq!(upload.id, id);
        found.push(upload);
    }
    wanted.sort_by_key(|upload| upload.id);
    found.sort_by_key(|upload| upload.id);
    assert_eq!(found, wanted);
}

/// "Every method runs to its end once it was begun (its future was polled), also when its caller goes away."
async fn a_call_ends_without_its_caller<B: Bench>() {
    let bench = B::new();
    let store = bench.open();
    for number in 1..=20 {
        let created = store.create(upload(Length::Known(300_000)), Vec::new()).await.unwrap();
        let mut upload = created;
        append(&store, &mut upload, 300_000).await;
        let publication = store.publish(upload.clone(), None);
        // Polled once, and dropped.
        tokio::time::timeout(Duration::ZERO, publication).await.ok();
        for _ in 0..2000 {
            if bench.files().len() == number {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(bench.files().len(), number, "the publication was cut off");
        let whole = store.load(upload.id).await.unwrap();
        assert!(whole.is_complete());
        assert_eq!(read(&store, &whole).await, content(1, 0..300_000));
    }
}

macro_rules! contract {
    ($store:ident, $bench:ty: $($sentence:ident)*) => {
        mod $store {
            $(
                #[tokio::test]
                async fn $sentence() {
                    super::$sentence::<$bench>().await;
                }
            )*
        }
    };
    ($store:ident, $bench:ty) => {
        contract! { $store, $bench:
            what_is_created_is_there
            what_is_created_whole_is_complete
            a_name_that_is_taken_is_refused_and_its_upload_stays
            what_is_not_there_is_not_found
            a_record_comes_back_as_it_was_given
            what_is_saved_survives_and_what_is_not_is_cut_off_or_kept_whole
            bytes_that_are_not_verified_are_cut_off
            what_does_not_fit_is_not_taken_in
            a_length_that_comes_later_needs_room_too
            a_look_disturbs_nobody
            a_writer_goes_back
            what_was_written_can_be_summed_up
            a_finished_file_takes_nobody_s_place
            many_publish_at_once
            parts_are_put_together_in_their_order
            any_range_is_read
            what_is_removed_is_gone
            a_client_s_name_leads_to_the_upload_bound_last
            what_is_unfinished_is_found
            a_call_ends_without_its_caller
        }
    };
}

contract!(disk, super::OnDisk);
contract!(memory, super::InMemory);
