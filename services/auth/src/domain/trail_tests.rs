//! Whatever is done to a trail is found. Deliberately without a database: the tests of the service have one.

use platform::config::Key;
use proptest::prelude::*;

use super::*;

fn trail(keys: &Keys, tenant: Uuid, length: usize) -> (Vec<Entry>, Head) {
    let mut head = Head::none();
    let mut entries = Vec::new();
    for number in 0..length {
        let at = DateTime::from_timestamp_micros(number as i64 * 1_000_003).expect("is a time");
        let (entry, next) = head.append(keys, tenant, at, format!("entry {number}").into_bytes());
        entries.push(entry);
        head = next;
    }
    (entries, head)
}

fn verify(
    keys: &Keys,
    tenant: Uuid,
    entries: &[Entry],
    head: Option<&Head>,
) -> Result<i64, Broken> {
    let mut verifier = Verifier::new(keys, tenant);
    for entry in entries {
        verifier.follow(entry)?;
    }
    verifier.end(head)
}

/// What somebody with the whole database can do to a trail, but without its key.
#[derive(Debug, Clone)]
enum Attack {
    Content(prop::sample::Index, u8),
    Time(prop::sample::Index),
    Hash(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    /// Removes and numbers the others anew.
    Close(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Double(prop::sample::Index),
    /// Cuts off the end, and says so in the head as well as it can be said without the key.
    Cut(prop::sample::Index),
    /// Chains everything anew by a key of one's own.
    Forge,
    OtherTenant,
    NoHead,
}

fn attack() -> impl Strategy<Value = Attack> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 1..=255_u8).prop_map(|(at, bits)| Attack::Content(at, bits)),
        index().prop_map(Attack::Time),
        (index(), 1..=255_u8).prop_map(|(at, bits)| Attack::Hash(at, bits)),
        index().prop_map(Attack::Remove),
        index().prop_map(Attack::Close),
        (index(), index()).prop_map(|(a, b)| Attack::Swap(a, b)),
        index().prop_map(Attack::Double),
        index().prop_map(Attack::Cut),
        Just(Attack::Forge),
        Just(Attack::OtherTenant),
        Just(Attack::NoHead),
    ]
}

proptest! {
    #[test]
    fn any_change_is_found(length in 1..24_usize, attack in attack()) {
        let keys = Keys::from(Key::generate());
        let tenant = Uuid::now_v7();
        let (whole, head) = trail(&keys, tenant, length);
        prop_assert_eq!(verify(&keys, tenant, &whole, Some(&head)), Ok(length as i64));
        let (mut entries, mut ending, mut owner) = (whole.clone(), Some(head), tenant);
        // Position of the first entry that cannot hold any more, where it is known.
        let first = match attack {
            Attack::Content(at, bits) => {
                let at = at.index(length);
                entries[at].content[0] ^= bits;
                Some(at)
            }
            Attack::Time(at) => {
                let at = at.index(length);
                entries[at].recorded_at += chrono::TimeDelta::microseconds(1);
                Some(at)
            }
            Attack::Hash(at, bits) => {
                let at = at.index(length);
                entries[at].hash[0] ^= bits;
                Some(at)
            }
            Attack::Remove(at) => {
                let at = at.index(length);
                entries.remove(at);
                Some(at)
            }
            Attack::Close(at) => {
                let at = at.index(length);
                entries.remove(at);
                for entry in &mut entries[at..] {
                    entry.sequence -= 1;
                }
                Some(at)
            }
            Attack::Swap(a, b) => {
                let (a, b) = (a.index(length), b.index(length));
                prop_assume!(a != b);
                entries.swap(a, b);
                Some(a.min(b))
            }
            Attack::Double(at) => {
                let at = at.index(length);
                entries.insert(at, entries[at].clone());
                Some(at + 1)
            }
            Attack::Cut(at) => {
                let at = at.index(length);
                entries.truncate(at);
                if let (Some(head), Some(last)) = (&mut ending, entries.last()) {
                    head.entries = last.sequence;
                    head.hash.clone_from(&last.hash);
                }
                Some(at)
            }
            Attack::Forge => {
                let (forged, head) = trail(&Keys::from(Key::generate()), tenant, length);
                (entries, ending) = (forged, Some(head));
                Some(0)
            }
            Attack::OtherTenant => {
                owner = Uuid::now_v7();
                Some(0)
            }
            Attack::NoHead => {
                ending = None;
                Some(length)
            }
        };
        let broken = verify(&keys, owner, &entries, ending.as_ref());
        prop_assert_eq!(broken.map_err(|broken| broken.at).err(), first.map(|at| at as i64 + 1));
    }
}

#[test]
fn a_trail_goes_on_under_another_key() {
    let (old, new) = (Key::generate(), Key::generate());
    let tenant = Uuid::now_v7();
    let (mut entries, head) = trail(&Keys::from(old.clone()), tenant, 3);
    let both = format!("{}\n{}", new.to_base64(), old.to_base64());
    let both = Keys::from_text(&both, None).expect("reads");
    let (entry, head) = head.append(&both, tenant, DateTime::UNIX_EPOCH, b"after".to_vec());
    entries.push(entry);
    assert_eq!(verify(&both, tenant, &entries, Some(&head)), Ok(4));
    let without_old = verify(&Keys::from(new), tenant, &entries, Some(&head));
    assert_eq!(without_old.map_err(|broken| broken.at), Err(1));
}
