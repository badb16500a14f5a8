//! What each entity has done since it was first seen, kept from one collection to the next.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::kernel::netns::{Pinned, pinned};
use crate::kernel::procfs::NetnsReader;
use crate::kernel::procfs::io::IoCounters;
use crate::node::Entity;

/// An account, of which there is never another with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountId {
    holder: Holder,
    number: u64,
}

/// Where to look for the account of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    /// The inode of its namespace.
    Netns(u64),
    /// The UID of a pod without a namespace of its own, which is 128 bits in any spelling.
    Pod(u128),
}

impl Holder {
    fn of(entity: &Entity) -> Self {
        if entity.has_netns() {
            return Self::Netns(entity.inode);
        }
        let digits = entity.pod_uid.iter().flat_map(|uid| uid.chars());
        let digits = digits.filter_map(|digit| digit.to_digit(16));
        Self::Pod(digits.fold(0, |number, digit| (number << 4) | u128::from(digit)))
    }
}

impl AccountId {
    /// Whether it could be the account of an entity, depending on who is in it.
    pub fn may_be_of(&self, entity: &Entity) -> bool {
        entity.has_netns() && self.holder == Holder::Netns(entity.inode)
    }
}

#[derive(Debug, Clone)]
struct Account {
    id: AccountId,
    cookie: Option<u64>,
    pinned: Option<Pinned>,
    total: IoCounters,
}

/// The accounts of the entities of the last collection.
///
/// An inode finds the account and does not make it that of the entity: inodes are used again within
/// a second. It is the same namespace if it has the same cookie or, without cookies, if a process
/// that was in it still is, or if it is pinned by a mount that was there before. Otherwise the
/// entity begins anew; a namespace that has lost every process and every mount is gone. The UID of a
/// pod is never used again.
#[derive(Debug, Default)]
pub struct Accounts {
    by_holder: FxHashMap<Holder, Account>,
    opened: u64,
}

impl Accounts {
    /// The accounts of `entities`, in their order; all others are closed. `inhabited` are the
    /// accounts that a process says are still that of its entity.
    pub fn settle(&mut self, entities: &[Entity], inhabited: &FxHashSet<AccountId>) -> Vec<AccountId> {
        let mut old = std::mem::take(&mut self.by_holder);
        let settle = |entity: &Entity| {
            let (pinned, holder) = (pin_of(entity), Holder::of(entity));
            let known = old.remove(&holder);
            let is_same = |account: &Account| match (account.cookie, entity.cookie) {
                _ if !entity.has_netns() => true,
                (Some(before), Some(now)) => before == now,
                _ => inhabited.contains(&account.id) || (pinned.is_some() && account.pinned == pinned),
            };
            let id = known.as_ref().filter(|it| is_same(it)).map(|it| it.id);
            let id = id.unwrap_or_else(|| {
                self.opened += 1;
                AccountId {
                    holder,
                    number: self.opened,
                }
            });
            let total = known
                .filter(|it| it.id == id)
                .map(|it| it.total)
                .unwrap_or_default();
            let account = Account {
                id,
                cookie: entity.cookie,
                pinned,
                total,
            };
            self.by_holder.insert(holder, account);
            id
        };
        entities.iter().map(settle).collect()
    }

    /// Adds to an account; nothing happens if it is closed.
    pub fn add(&mut self, id: AccountId, growth: IoCounters) {
        if let Some(account) = self.by_holder.get_mut(&id.holder).filter(|it| it.id == id) {
            account.total = account.total.plus(growth);
        }
    }

    /// The total of an account.
    pub fn total(&self, id: AccountId) -> IoCounters {
        let account = self.by_holder.get(&id.holder).filter(|it| it.id == id);
        account.map(|it| it.total).unwrap_or_default()
    }
}

fn pin_of(entity: &Entity) -> Option<Pinned> {
    let mut pins = entity.readers.iter().filter_map(|reader| match reader {
        NetnsReader::Mount(path) => pinned(path).ok(),
        NetnsReader::Task(_) => None,
    });
    pins.find(|pin| pin.inode == entity.inode)
}
