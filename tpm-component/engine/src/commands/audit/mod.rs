//! Part 3 §21: which commands are audited. The audit itself is `audit.rs`.

mod set_command_code_audit_status;

pub use set_command_code_audit_status::SetCommandCodeAuditStatus;

#[cfg(test)]
mod tests;
