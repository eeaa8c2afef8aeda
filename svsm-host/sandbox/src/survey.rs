//! Looks through a core module before the interpreter sees it: counts what the limits limit, and bounds the heap that the interpreter can come
//! to need for it.
//!
//! The interpreter allocates infallibly and translates a function when it is first called, so a component could make it exhaust the
//! heap long after it was loaded. Here the worst case, every function translated, is known beforehand. Nothing is trusted: the module
//! is not validated yet, the interpreter does that later with the same parser. The sizes below are upper bounds, found by
//! measuring what wasmi 2.0.0 allocates for modules made to be expensive (`tests/heap_bound.rs` measures them anew).

use crate::{
    fault::{Counted, SandboxFault},
    limits::Limits,
};
use tpm_contract::bounds;
use wasmparser_of_wasmi::{
    BinaryReaderError, ElementItems, ExternalKind, FunctionBody, MemoryType, Operator, Parser, Payload, TypeRef,
};

/// Bytes of a WebAssembly page.
pub(crate) const PAGE: u64 = 65_536;

/// Heap per operator: the interpreter's form of it.
const PER_OPERATOR: usize = 40;
/// Heap per function: its entry, its type, its share of tables.
const PER_FUNCTION: usize = 512;
/// Heap per type, name, global, table or segment.
const PER_ITEM: usize = 512;
/// Heap per byte of function bodies and segments, which the interpreter copies.
const PER_BYTE: usize = 2;
/// Heap per element of an element segment.
const PER_ELEMENT: usize = 64;
/// Heap per element of a table: four bytes, of which growing doubles the room while the old copy still exists.
const PER_TABLE_ELEMENT: usize = 12;
/// Heap that a store, an engine and the host functions take whatever the module.
const FIXED: usize = 128 << 10;
/// Heap per frame of the call stack.
const PER_FRAME: usize = 96;
/// Stacks that exist at once: the call, and the allocator that an import calls.
const STACKS: usize = 2;

/// What a module holds.
#[derive(Default)]
pub(crate) struct Survey {
    /// Pages of memory at the start.
    pub memory_minimum: u32,
    /// Pages that the module itself limits its memory to.
    pub memory_maximum: Option<u32>,
    memories: u64,
    types: u64,
    functions: u64,
    imports: u64,
    exports: u64,
    globals: u64,
    tables: u64,
    table_elements: u64,
    segments: u64,
    elements: u64,
    data_bytes: u64,
    code_bytes: u64,
    operators: u64,
}

fn invalid(_: BinaryReaderError) -> SandboxFault {
    SandboxFault::InvalidModule
}

impl Survey {
    /// Counts, and refuses what is over a limit.
    pub fn of(module: &[u8], limits: &Limits) -> Result<Self, SandboxFault> {
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            survey.payload(payload.map_err(invalid)?, limits)?;
        }
        match survey.memories {
            0 => Err(SandboxFault::MissingExport(crate::world::MEMORY)),
            1 => Ok(survey),
            count => Err(SandboxFault::TooLarge {
                what: Counted::Memories,
                count,
                limit: 1,
            }),
        }
    }

    fn payload(&mut self, payload: Payload<'_>, limits: &Limits) -> Result<(), SandboxFault> {
        let names = u64::from(limits.names);
        match payload {
            Payload::TypeSection(types) => {
                let count = types.count().into();
                add(&mut self.types, count, Counted::Types, limits.types.into())?;
                for ty in types.into_iter_err_on_gc_types() {
                    let ty = ty.map_err(invalid)?;
                    let widest = ty.params().len().max(ty.results().len());
                    add(&mut 0, widest as u64, Counted::Parameters, limits.parameters as u64)?;
                }
            }
            Payload::ImportSection(imports) => {
                add(&mut self.imports, imports.count().into(), Counted::Imports, names)?;
                for import in imports {
                    if let TypeRef::Func(_) = import.map_err(invalid)?.ty {
                        add(&mut self.functions, 1, Counted::Functions, limits.functions.into())?;
                    } else {
                        return Err(SandboxFault::UnknownImport);
                    }
                }
            }
            Payload::FunctionSection(functions) => {
                let count = functions.count().into();
                add(&mut self.functions, count, Counted::Functions, limits.functions.into())?;
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    add(&mut self.tables, 1, Counted::Tables, limits.tables.into())?;
                    let elements = table.map_err(invalid)?.ty.initial;
                    add(&mut 0, elements, Counted::TableElements, limits.table_elements as u64)?;
                    self.table_elements += elements;
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memory(memory.map_err(invalid)?, limits)?;
                }
            }
            Payload::GlobalSection(globals) => {
                let count = globals.count().into();
                add(&mut self.globals, count, Counted::Globals, limits.globals.into())?;
            }
            Payload::ExportSection(exports) => {
                add(&mut self.exports, exports.count().into(), Counted::Exports, names)?;
                for export in exports {
                    let export = export.map_err(invalid)?;
                    if export.kind == ExternalKind::Tag {
                        return Err(SandboxFault::InvalidModule);
                    }
                }
            }
            Payload::ElementSection(segments) => {
                self.segments(segments.count(), limits)?;
                for segment in segments {
                    self.elements += u64::from(match segment.map_err(invalid)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    });
                }
            }
            Payload::DataSection(segments) => {
                self.segments(segments.count(), limits)?;
                for segment in segments {
                    self.data_bytes += segment.map_err(invalid)?.data.len() as u64;
                }
            }
            Payload::CodeSectionEntry(body) => self.body(&body, limits)?,
            _ => {}
        }
        Ok(())
    }

    /// Segments of elements and of data have one limit together.
    fn segments(&mut self, more: u32, limits: &Limits) -> Result<(), SandboxFault> {
        add(
            &mut self.segments,
            more.into(),
            Counted::Segments,
            limits.segments.into(),
        )
    }

    fn memory(&mut self, memory: MemoryType, limits: &Limits) -> Result<(), SandboxFault> {
        if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
            return Err(SandboxFault::InvalidModule);
        }
        self.memories += 1;
        within_memory(memory.initial, limits.memory_bytes)?;
        self.memory_minimum = u32::try_from(memory.initial).map_err(|_| SandboxFault::InvalidModule)?;
        self.memory_maximum = memory
            .maximum
            .map(u32::try_from)
            .transpose()
            .map_err(|_| SandboxFault::InvalidModule)?;
        Ok(())
    }

    /// Whether the memory that the module starts with fits so many bytes.
    pub fn memory_fits(&self, bytes: usize) -> Result<(), SandboxFault> {
        within_memory(self.memory_minimum.into(), bytes)
    }

    fn body(&mut self, body: &FunctionBody<'_>, limits: &Limits) -> Result<(), SandboxFault> {
        self.code_bytes += body.range().len() as u64;
        let mut count = 0;
        for group in body.get_locals_reader().map_err(invalid)? {
            let (more, _) = group.map_err(invalid)?;
            add(&mut count, more.into(), Counted::Locals, limits.locals.into())?;
        }
        let mut operators = body.get_operators_reader().map_err(invalid)?;
        while !operators.eof() {
            // A table of branch targets is one operator, but the interpreter writes out each of them.
            self.operators += match operators.read().map_err(invalid)? {
                Operator::BrTable { targets } => 2 + u64::from(targets.len()),
                _ => 1,
            };
        }
        Ok(())
    }

    /// Heap that the worst of this module needs, in bytes: everything translated, everything grown, the longest operands in the host's hands. The linear
    /// memory is not in it.
    pub fn heap(&self, limits: &Limits) -> usize {
        let bytes = self.code_bytes + self.data_bytes;
        sum([
            (PER_OPERATOR, self.operators),
            (PER_FUNCTION, self.functions),
            (PER_BYTE, bytes),
            (PER_ELEMENT, self.elements),
            // Copies of a whole state.
            (2, bounds::MAX_STATE as u64),
        ])
        .saturating_add(self.heap_while_running(limits))
    }

    /// The part of it that comes after everything is translated: tables, stacks, operands. Whole states are not counted: a host without
    /// room for their copies gets an error for them, and only those who save states ask for any.
    pub fn heap_while_running(&self, limits: &Limits) -> usize {
        let items = self.types + self.imports + self.exports + self.globals + self.tables + self.segments;
        let tables = limits.table_elements.saturating_mul(limits.tables as usize);
        sum([
            (FIXED, 1),
            (PER_ITEM, items),
            (PER_TABLE_ELEMENT, tables as u64),
            // Growing keeps the old stack while it fills a new one of up to twice the room.
            (3 * STACKS, limits.stack_bytes as u64),
            (PER_FRAME * STACKS, limits.call_depth as u64),
            // Copies in the host's hands: a commit's changes or a result, and what the host's own function makes of it.
            (2, (bounds::MAX_COMMIT + bounds::MAX_BULK) as u64),
        ])
    }
}

fn sum<const N: usize>(terms: [(usize, u64); N]) -> usize {
    terms.into_iter().fold(0usize, |sum, (each, count)| {
        sum.saturating_add(each.saturating_mul(usize::try_from(count).unwrap_or(usize::MAX)))
    })
}

fn within_memory(pages: u64, bytes: usize) -> Result<(), SandboxFault> {
    add(&mut 0, pages.saturating_mul(PAGE), Counted::MemoryBytes, bytes as u64)
}

/// Adds to a count, unless that takes it over its limit.
fn add(count: &mut u64, more: u64, what: Counted, limit: u64) -> Result<(), SandboxFault> {
    *count = count.saturating_add(more);
    if *count > limit {
        return Err(SandboxFault::TooLarge {
            what,
            count: *count,
            limit,
        });
    }
    Ok(())
}
