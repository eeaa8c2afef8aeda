//! The tables that the real processor walks while a guest runs: nested tables of the hypervisor combined with the RMP.
//!
//! One set for each save area's control block, filled on demand and emptied wherever nested mapping or RMP entry changes, as a
//! processor's TLB would be. Nested tables have L1's five levels, so that the C-bit (51) is just an address bit that selects the upper
//! half: entry 8 of the root leads to the private view, entry 0 to the shared one. While paging is off every access is private: a
//! second root leads there from entry 0.

use crate::machine::aligned::{Table, address_of, zeroed_table};
use alloc::{boxed::Box, collections::BTreeMap};
use snp_model::model::{
    address::{Gpa, PageSize, Spa, View},
    page_walk::C_BIT,
};

const PRESENT: u64 = 1;
const WRITABLE: u64 = 2;
const USER: u64 = 4;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
/// Entry of the root under which the C-bit puts an address.
const PRIVATE_ENTRY: usize = 1 << (C_BIT - 48);

/// What a leaf allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Writes.
    pub write: bool,
    /// Instruction fetches.
    pub execute: bool,
}

/// A table with the tables below it.
struct Node {
    table: Box<Table>,
    below: BTreeMap<u16, Node>,
}

impl Node {
    fn new() -> Self {
        Self {
            table: zeroed_table(),
            below: BTreeMap::new(),
        }
    }

    fn pointer(&self) -> u64 {
        address_of(&*self.table) | PRESENT | WRITABLE | USER
    }

    fn index(gpa: Gpa, level: u32) -> u16 {
        (gpa.0 >> (12 + 9 * (level - 1)) & 511) as u16
    }

    /// The leaf table for an address, made if need be. `self` is at `level`.
    fn leaf_table(&mut self, gpa: Gpa, level: u32) -> &mut Table {
        if level == 1 {
            return &mut self.table;
        }
        let index = Self::index(gpa, level);
        let child = self.below.entry(index).or_insert_with(Node::new);
        self.table.0[usize::from(index)] = child.pointer();
        child.leaf_table(gpa, level - 1)
    }

    /// The page directory for an address, made if need be. `self` is at `level`.
    fn directory(&mut self, gpa: Gpa, level: u32) -> &mut Node {
        if level == 2 {
            return self;
        }
        let index = Self::index(gpa, level);
        let child = self.below.entry(index).or_insert_with(Node::new);
        self.table.0[usize::from(index)] = child.pointer();
        child.directory(gpa, level - 1)
    }

    fn existing_directory(&mut self, gpa: Gpa, level: u32) -> Option<&mut Node> {
        if level == 2 {
            return Some(self);
        }
        self.below
            .get_mut(&Self::index(gpa, level))?
            .existing_directory(gpa, level - 1)
    }
}

fn leaf(page: Spa, rights: Rights) -> u64 {
    let mut entry = page.0 | PRESENT | USER;
    if rights.write {
        entry |= WRITABLE;
    }
    if !rights.execute {
        entry |= NO_EXECUTE;
    }
    entry
}

/// The tables of one control block.
pub struct Shadow {
    root: Box<Table>,
    root_without_paging: Box<Table>,
    private: Node,
    shared: Node,
}

impl Shadow {
    /// Empty tables.
    pub fn new() -> Self {
        let (private, shared) = (Node::new(), Node::new());
        let (mut root, mut root_without_paging) = (zeroed_table(), zeroed_table());
        root.0[0] = shared.pointer();
        root.0[PRIVATE_ENTRY] = private.pointer();
        root_without_paging.0[0] = private.pointer();
        Self {
            root,
            root_without_paging,
            private,
            shared,
        }
    }

    /// The root for a guest with or without paging.
    pub fn root(&self, paging: bool) -> u64 {
        address_of(if paging {
            &*self.root
        } else {
            &*self.root_without_paging
        })
    }

    fn view(&mut self, view: View) -> &mut Node {
        match view {
            View::Private => &mut self.private,
            View::Shared => &mut self.shared,
        }
    }

    /// Maps one page.
    pub fn map(&mut self, gpa: Gpa, view: View, page: Spa, rights: Rights) {
        let index = usize::from(Node::index(gpa, 1));
        self.view(view).leaf_table(gpa, 4).0[index] = leaf(page.page(PageSize::Small), rights);
    }

    /// Maps the 2 MiB around an address; `page` is the one of the address.
    pub fn map_large(&mut self, gpa: Gpa, view: View, page: Spa, rights: Rights) {
        let index = Node::index(gpa, 2);
        let node = self.view(view).directory(gpa, 4);
        node.below.remove(&index);
        node.table.0[usize::from(index)] = leaf(page.page(PageSize::Large), rights) | LARGE;
    }

    /// Whether a page is mapped.
    pub fn is_mapped(&mut self, gpa: Gpa, view: View) -> bool {
        let Some(directory) = self.view(view).existing_directory(gpa, 4) else {
            return false;
        };
        let index = Node::index(gpa, 2);
        match directory.below.get(&index) {
            Some(node) => node.table.0[usize::from(Node::index(gpa, 1))] & PRESENT != 0,
            None => directory.table.0[usize::from(index)] & PRESENT != 0,
        }
    }

    /// Takes a page out of both views, or the large page that holds it.
    pub fn unmap(&mut self, gpa: Gpa, size: PageSize) {
        for view in [View::Private, View::Shared] {
            let Some(directory) = self.view(view).existing_directory(gpa, 4) else {
                continue;
            };
            let index = Node::index(gpa, 2);
            match (directory.below.get_mut(&index), size) {
                (Some(node), PageSize::Small) => node.table.0[usize::from(Node::index(gpa, 1))] = 0,
                (Some(node), PageSize::Large) => node.table.0.fill(0),
                (None, _) => directory.table.0[usize::from(index)] = 0,
            }
        }
    }
}
