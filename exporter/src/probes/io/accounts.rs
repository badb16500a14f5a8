//! What each entity has done since it was first seen, kept from one collection to the next.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::kernel::netns::{Pinned, pinned};
use crate::kernel::procfs::NetnsReader;
use crate::kernel::procfs::io::IoCounters;
use crate::node::Entity;

/// An account, of which there is never another with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountId {
    /// Inode of the namespace: where to look.
    pub inode: u64,
    number: u64,
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
/// entity begins anew; a namespace that has lost every process and every mount is gone.
#[derive(Debug, Default)]
pub struct Accounts {
    by_inode: FxHashMap<u64, Account>,
    opened: u64,
}

impl Accounts {
    /// The accounts of `entities`, in their order; all others are closed. `inhabited` are the
    /// accounts that a process says are still that of its entity.
    pub fn settle(&mut self, entities: &[Entity], inhabited: &FxHashSet<AccountId>) -> Vec<AccountId> {
        let mut old = std::mem::take(&mut self.by_inode);
        let settle = |entity: &Entity| {
            let pinned = pin_of(entity);
            let known = old.remove(&entity.inode);
            let is_same = |account: &Account| match (account.cookie, entity.cookie) {
                (Some(before), Some(now)) => before == now,
                _ => inhabited.contains(&account.id) || (pinned.is_some() && account.pinned == pinned),
            };
            let id = known.as_ref().filter(|it| is_same(it)).map(|it| it.id);
            let id = id.unwrap_or_else(|| {
                self.opened += 1;
                AccountId {
                    inode: entity.inode,
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
            self.by_inode.insert(entity.inode, account);
            id
        };
        entities.iter().map(settle).collect()
    }

    /// Adds to an account; nothing happens if it is closed.
    pub fn add(&mut self, id: AccountId, growth: IoCounters) {
        if let Some(account) = self.by_inode.get_mut(&id.inode).filter(|it| it.id == id) {
            account.total = account.total.plus(growth);
        }
    }

    /// The total of an account.
    pub fn total(&self, id: AccountId) -> IoCounters {
        let account = self.by_inode.get(&id.inode).filter(|it| it.id == id);
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
