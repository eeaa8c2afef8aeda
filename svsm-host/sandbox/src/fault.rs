//! Everything that can befall the machinery that runs a component, as values.
//!
//! Two groups: a file that is refused before it runs, and a component that misbehaves while it runs. Nothing in a fault is chosen freely by
//! the component: names are those of the contract, numbers are counts, so a fault can be logged where everybody reads. The
//! conversion from the interpreter's errors is at the end; it is the only place that looks into them.

use core::fmt;
use wasmi::{
    TrapCode,
    errors::{ErrorKind, FuelError, HostError, InstantiationError, MemoryError, TableError},
};

/// Why a component was refused, or was stopped for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxFault {
    /// The file is not a component, or its sections do not add up.
    NotAComponent,
    /// No core module in the file has the contract's exports.
    NoCandidate,
    /// More than one core module has them, so that the file could mean two things.
    Ambiguous,
    /// The file, or something in its module, is larger than the limit.
    TooLarge {
        /// What was counted.
        what: Counted,
        /// How much there is.
        count: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The module is malformed, is not valid, or uses a proposal that is switched off.
    InvalidModule,
    /// An export that the contract demands is missing.
    MissingExport(&'static str),
    /// An export has another type than the contract says.
    WrongExport(&'static str),
    /// The module imports something that the contract does not know.
    UnknownImport,
    /// An import has another type than the contract says.
    WrongImport(&'static str),
    /// The worst case needs more of the heap than the caller can give.
    NotEnoughHeap {
        /// Bytes that the worst case needs.
        needed: usize,
        /// Bytes that the caller offers.
        available: usize,
    },
    /// A segment of the module does not fit into its memory or table.
    SegmentOutOfBounds,

    /// The call used up its fuel: it ran too long, or asked the host for too much work.
    OutOfFuel,
    /// The component trapped.
    Trapped(Trap),
    /// The component called an import where none may be called: in its start function, in `cabi_realloc` or in a post-return function.
    ImportNotAllowed(&'static str),
    /// A pointer with its length reaches beyond the component's memory.
    PointerOutOfBounds,
    /// A pointer is not aligned for what it points to.
    PointerMisaligned,
    /// Two results, or a result and the area that describes it, share bytes.
    PointersOverlap,
    /// A value of an enum, an option or a result has a discriminant that does not exist.
    BadDiscriminant,
    /// A string is not UTF-8.
    BadUtf8,
    /// A value is longer than the contract's bound.
    OverBound {
        /// Which value.
        what: &'static str,
        /// Its length, or how many there are.
        length: u64,
        /// The bound.
        bound: u64,
    },
    /// The call logged or committed more than a call may, in all.
    Flood(&'static str),
    /// The host's own heap could not hold a copy.
    HostOutOfMemory,
    /// The host's arithmetic gave a result that is longer than its operands allow.
    HostResult,
    /// The interpreter refused for a reason that no rule above names.
    Interpreter,
    /// An earlier call ended in a fault; this instance does nothing any more.
    Poisoned,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counted {
    /// Bytes of the component file.
    FileBytes,
    /// Functions, imported ones included.
    Functions,
    /// Function types.
    Types,
    /// Parameters or results of a function type.
    Parameters,
    /// Locals of one function.
    Locals,
    /// Imports.
    Imports,
    /// Exports.
    Exports,
    /// Globals.
    Globals,
    /// Memories.
    Memories,
    /// Bytes of initial memory.
    MemoryBytes,
    /// Tables.
    Tables,
    /// Elements of one table.
    TableElements,
    /// Data and element segments.
    Segments,
}

/// The traps of WebAssembly, and those that limits add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trap {
    /// `unreachable`: what a panic becomes.
    Unreachable,
    /// An access beyond the memory.
    Memory,
    /// An access beyond a table.
    Table,
    /// An indirect call through an empty table entry.
    NullCall,
    /// An indirect call of a function with another type.
    BadSignature,
    /// A division by zero.
    DivisionByZero,
    /// An integer that does not fit its type.
    IntegerOverflow,
    /// A float that is no integer.
    BadConversion,
    /// Calls too deep, or too many values on the stack.
    StackOverflow,
    /// A growth that may not be.
    Growth,
    /// The host's heap could not hold what the interpreter wanted.
    OutOfMemory,
}

impl fmt::Display for SandboxFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAComponent => f.write_str("not a component file"),
            Self::NoCandidate => f.write_str("no core module has the contract's exports"),
            Self::Ambiguous => f.write_str("more than one core module has the contract's exports"),
            Self::TooLarge { what, count, limit } => write!(f, "{what:?}: {count}, and {limit} is the limit"),
            Self::InvalidModule => f.write_str("the module is not valid WebAssembly of the kind that is accepted"),
            Self::MissingExport(name) => write!(f, "export {name} is missing"),
            Self::WrongExport(name) => write!(f, "export {name} has another type than the contract says"),
            Self::UnknownImport => f.write_str("an import is not in the contract"),
            Self::WrongImport(name) => write!(f, "import {name} has another type than the contract says"),
            Self::NotEnoughHeap { needed, available } => {
                write!(
                    f,
                    "the worst case needs {needed} bytes of heap, and there are {available}"
                )
            }
            Self::SegmentOutOfBounds => f.write_str("a segment does not fit"),
            Self::OutOfFuel => f.write_str("the call used up its fuel"),
            Self::Trapped(trap) => write!(f, "trapped: {trap}"),
            Self::ImportNotAllowed(name) => write!(f, "import {name} was called where none may be called"),
            Self::PointerOutOfBounds => f.write_str("a pointer reaches beyond the memory"),
            Self::PointerMisaligned => f.write_str("a pointer is misaligned"),
            Self::PointersOverlap => f.write_str("two results share bytes"),
            Self::BadDiscriminant => f.write_str("a discriminant does not exist"),
            Self::BadUtf8 => f.write_str("a string is not UTF-8"),
            Self::OverBound { what, length, bound } => write!(f, "{what}: {length}, and {bound} is the bound"),
            Self::Flood(what) => write!(f, "more {what} than one call may have"),
            Self::HostOutOfMemory => f.write_str("the host's heap is exhausted"),
            Self::HostResult => f.write_str("the host's arithmetic gave too long a result"),
            Self::Interpreter => f.write_str("the interpreter refused"),
            Self::Poisoned => f.write_str("an earlier fault stopped this instance"),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable code",
            Self::Memory => "memory access out of bounds",
            Self::Table => "table access out of bounds",
            Self::NullCall => "indirect call to nothing",
            Self::BadSignature => "indirect call of another type",
            Self::DivisionByZero => "division by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::BadConversion => "conversion of no integer",
            Self::StackOverflow => "calls too deep",
            Self::Growth => "growth beyond the limit",
            Self::OutOfMemory => "out of host memory",
        })
    }
}

impl core::error::Error for SandboxFault {}
impl HostError for SandboxFault {}

/// What an interpreter's error means. An import's own fault travels through the interpreter inside its error and comes out unchanged.
pub(crate) fn from_interpreter(error: wasmi::Error) -> SandboxFault {
    if let Some(fault) = error.downcast_ref::<SandboxFault>() {
        return fault.clone();
    }
    match error.kind() {
        ErrorKind::Wasm(_)
        | ErrorKind::Translation(_)
        | ErrorKind::UserLimits(_)
        | ErrorKind::ImplementationLimits(_)
        | ErrorKind::Read(_)
        | ErrorKind::Ir(_) => SandboxFault::InvalidModule,
        ErrorKind::Instantiation(
            InstantiationError::ElementSegmentDoesNotFit { .. } | InstantiationError::FailedToInstantiateTable(_),
        )
        | ErrorKind::Memory(MemoryError::OutOfBoundsAccess)
        | ErrorKind::Table(TableError::InitOutOfBounds) => SandboxFault::SegmentOutOfBounds,
        ErrorKind::Fuel(FuelError::OutOfFuel { .. }) => SandboxFault::OutOfFuel,
        kind => match kind.as_trap_code() {
            Some(code) => from_trap(code),
            None => SandboxFault::Interpreter,
        },
    }
}

fn from_trap(code: TrapCode) -> SandboxFault {
    SandboxFault::Trapped(match code {
        TrapCode::OutOfFuel => return SandboxFault::OutOfFuel,
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::MemoryOutOfBounds => Trap::Memory,
        TrapCode::TableOutOfBounds => Trap::Table,
        TrapCode::IndirectCallToNull => Trap::NullCall,
        TrapCode::BadSignature => Trap::BadSignature,
        TrapCode::IntegerDivisionByZero => Trap::DivisionByZero,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::BadConversionToInteger => Trap::BadConversion,
        TrapCode::StackOverflow => Trap::StackOverflow,
        TrapCode::GrowthOperationLimited => Trap::Growth,
        TrapCode::OutOfSystemMemory => Trap::OutOfMemory,
    })
}
