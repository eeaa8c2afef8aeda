//! What a WIT world says, docs aside, as a table of items: so that the world of a finished component can be compared with the one in `wit/`.
//!
//! The component may be anybody's: its types are decoded by `wit-parser`, which checks them, and a component without a world is an error. What one
//! package calls a thing never matters, what the interfaces are called does; a type that an interface takes from another (`use`) is the other's.

use anyhow::{Result, bail};
use std::{collections::BTreeMap, path::Path};
use wit_parser::{
    Function, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner, WorldId, WorldItem, WorldKey,
    decoding::{DecodedWasm, decode},
};

/// Every item of a world: where it stands and what it is called, to what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldShape(BTreeMap<String, String>);

impl WorldShape {
    /// The world `name` of the WIT package in `folder`.
    pub fn of_folder(folder: &Path, name: &str) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder)?;
        let world = resolve.select_world(&[package], Some(name))?;
        Ok(Self::of(&resolve, world))
    }

    /// The world `name` of a WIT package in one text.
    pub fn of_text(text: &str, name: &str) -> Result<Self> {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("text.wit", text)?;
        let world = resolve.select_world(&[package], Some(name))?;
        Ok(Self::of(&resolve, world))
    }

    /// The world of a component file.
    pub fn of_component(file: &[u8]) -> Result<Self> {
        match decode(file)? {
            DecodedWasm::Component(resolve, world) => Ok(Self::of(&resolve, world)),
            DecodedWasm::WitPackage(..) => bail!("this is a WIT package, not a component"),
        }
    }

    fn of(resolve: &Resolve, world: WorldId) -> Self {
        let mut items = BTreeMap::new();
        let world = &resolve.worlds[world];
        for (way, entries) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in entries {
                let name = match key {
                    WorldKey::Name(name) => name.clone(),
                    WorldKey::Interface(id) => interface_name(resolve, *id),
                };
                match item {
                    WorldItem::Interface { id, .. } => {
                        add_interface(&mut items, resolve, &format!("{way} {name}"), *id)
                    }
                    WorldItem::Function(function) => {
                        items.insert(format!("{way} function {name}"), signature(resolve, function));
                    }
                    WorldItem::Type { id, .. } => {
                        items.insert(format!("{way} type {name}"), definition(resolve, *id));
                    }
                }
            }
        }
        Self(items)
    }

    /// How many items there are: interfaces, functions and types.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for a world with nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every item in which this world and `other` differ, in words; none when they are the same.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = self.excess(other, |_| true);
        let missing = other.0.keys().filter(|item| !self.0.contains_key(*item));
        found.extend(missing.map(|item| format!("{item}: missing")));
        found
    }

    /// Every import that `other` does not have in the same form: what a component asks for that a host of `other` does not give.
    pub fn imports_beyond(&self, other: &Self) -> Vec<String> {
        self.excess(other, |item| item.starts_with("import "))
    }

    fn excess(&self, other: &Self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.0
            .iter()
            .filter(|(item, _)| wanted(item))
            .filter_map(|(item, here)| match other.0.get(item) {
                Some(there) if there == here => None,
                Some(there) => Some(format!("{item}: {here}, not {there}")),
                None => Some(format!("{item}: {here}, unknown there")),
            })
            .collect()
    }
}

fn add_interface(items: &mut BTreeMap<String, String>, resolve: &Resolve, place: &str, id: InterfaceId) {
    let interface = &resolve.interfaces[id];
    items.insert(place.into(), "an interface".into());
    for (name, id) in &interface.types {
        items.insert(format!("{place} type {name}"), definition(resolve, *id));
    }
    for (name, function) in &interface.functions {
        items.insert(format!("{place} function {name}"), signature(resolve, function));
    }
}

fn interface_name(resolve: &Resolve, id: InterfaceId) -> String {
    resolve.id_of(id).unwrap_or_else(|| "(nameless)".into())
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters: Vec<String> = function
        .params
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, reference(resolve, &parameter.ty)))
        .collect();
    let result = function
        .result
        .as_ref()
        .map_or_else(String::new, |ty| format!(" -> {}", reference(resolve, ty)));
    format!("{:?}({}){result}", function.kind, parameters.join(", "))
}

/// A type where it is used: by its name if it has one, from the interface that defines it.
fn reference(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return format!("{ty:?}").to_lowercase();
    };
    let ty = &resolve.types[*id];
    match (&ty.kind, &ty.name) {
        (TypeDefKind::Type(original), _) => reference(resolve, original),
        (_, Some(name)) => match ty.owner {
            TypeOwner::Interface(interface) => format!("{}.{name}", interface_name(resolve, interface)),
            TypeOwner::World(_) | TypeOwner::None => name.clone(),
        },
        (_, None) => definition(resolve, *id),
    }
}

/// A type where it is defined.
fn definition(resolve: &Resolve, id: TypeId) -> String {
    let named = |name: &str, ty: &Type| format!("{name}: {}", reference(resolve, ty));
    let optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".into(), |ty| reference(resolve, ty));
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let fields: Vec<String> = record
                .fields
                .iter()
                .map(|field| named(&field.name, &field.ty))
                .collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        TypeDefKind::Enum(cases) => {
            let cases: Vec<&str> = cases.cases.iter().map(|case| case.name.as_str()).collect();
            format!("enum {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<String> = variant
                .cases
                .iter()
                .map(|case| format!("{}: {}", case.name, optional(&case.ty)))
                .collect();
            format!("variant {{ {} }}", cases.join(", "))
        }
        TypeDefKind::Flags(flags) => {
            let flags: Vec<&str> = flags.flags.iter().map(|flag| flag.name.as_str()).collect();
            format!("flags {{ {} }}", flags.join(", "))
        }
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(|ty| reference(resolve, ty)).collect();
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Option(ty) => format!("option<{}>", reference(resolve, ty)),
        TypeDefKind::List(ty) => format!("list<{}>", reference(resolve, ty)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", optional(&result.ok), optional(&result.err)),
        TypeDefKind::Type(ty) => format!("= {}", reference(resolve, ty)),
        // Nothing that crosses this boundary may be of another kind: resources and handles, futures and streams, lists of fixed length, maps.
        other => format!("{other:?}"),
    }
}
