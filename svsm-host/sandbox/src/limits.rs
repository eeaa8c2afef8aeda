//! What a component may use, and what the worst of it costs the host.
//!
//! The numbers are the host's choice, the component has no say in them. They come in two kinds: what is counted in the file before it is
//! loaded, and what one call may use.

/// The limits on one component.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of the component file.
    pub file_bytes: usize,
    /// Bytes of linear memory, growth included: a multiple of 65,536.
    pub memory_bytes: usize,
    /// Functions, imported ones included.
    pub functions: u32,
    /// Function types.
    pub types: u32,
    /// Parameters of one function; no function may have more than one result.
    pub parameters: usize,
    /// Locals of one function, its parameters not counted.
    pub locals: u32,
    /// Globals.
    pub globals: u32,
    /// Imports, and also exports.
    pub names: u32,
    /// Tables.
    pub tables: u32,
    /// Elements of one table, growth included.
    pub table_elements: usize,
    /// Data segments and element segments together.
    pub segments: u32,
    /// Depth of calls inside the component.
    pub call_depth: usize,
    /// Bytes of the interpreter's value stack.
    pub stack_bytes: usize,
    /// Fuel of one call: its parameters' allocation, the call itself, the imports it calls and its post-return. Also of the
    /// start function. One unit is about one simple instruction; see `cost.rs`.
    pub fuel: u64,
    /// Log lines of one call.
    pub log_lines: u32,
    /// Bytes of values that one call may commit, over all its commits.
    pub commit_bytes: usize,
    /// Heap that the caller guarantees to be free, for all that the sandbox and the interpreter allocate: [`crate::Sandbox::load`] refuses a
    /// component whose worst case needs more. The linear memory counts only when it comes from the heap.
    pub heap_bytes: usize,
    /// How much of that heap is free at the moment of the call. With it, everything is translated when the component is loaded, and what
    /// the translation took is known instead of being assumed at its worst, which is many times what real code takes: for a firmware, whose
    /// heap is small. A component that is too large for the heap then ends in the allocator's failure while it is loaded; what runs later
    /// never does. Without it, a function is translated when it is first called.
    pub heap_free: Option<fn() -> usize>,
}

impl Default for Limits {
    /// Enough for a TPM without accelerated arithmetic; 8 MiB of memory.
    fn default() -> Self {
        Self {
            file_bytes: 2 << 20,
            memory_bytes: 8 << 20,
            functions: 8192,
            types: 1024,
            parameters: 32,
            locals: 4096,
            globals: 64,
            names: 64,
            tables: 2,
            table_elements: 4096,
            segments: 1024,
            call_depth: 512,
            stack_bytes: 256 << 10,
            fuel: 40_000_000_000,
            log_lines: 64,
            commit_bytes: 2 << 20,
            heap_bytes: usize::MAX,
            heap_free: None,
        }
    }
}
