//! What a command is: its parameters, its reply and its action. Every file `commands/<chapter>/<command>.rs` implements [`Command`] once,
//! and `table.rs` holds one row for it; the rest of dispatch knows no command by name.
//!
//! The action is reachable only through an [`Authorized`] value, which nothing but `dispatch/` can make, after the handles were located
//! and every authorisation was given. So what an action still has to judge are its parameters, which the caller chose, and how they
//! go with the objects that the handles name. It checks everything first and changes state afterwards, through
//! [`Group`](crate::state::Group)s, so that an error leaves the state as it was (Part 3 §5).
//!
//! Errors from reading parameters get their number here, by their order; an action numbers its own
//! ([`TpmRc::with_parameter`], [`TpmRc::with_handle`]).

use core::marker::PhantomData;

use tpm_contract::Host;

use crate::{
    dispatch::Handles,
    structures::{TpmCc, TpmHandle, TpmRc},
    tpm::{Locality, Tpm},
    wire::{Reader, Writer},
};

/// A command of Part 3.
pub trait Command: Sized {
    /// TPM_CC.
    const CODE: TpmCc;
    /// The name in Part 3, for example `TPM2_NV_Read`.
    const NAME: &'static str;
    /// The parameters, declared with `parameters!`, or `()`.
    type Params: Parameters;
    /// The reply, declared with `reply!`, or `()`.
    type Reply: Reply;

    /// The action.
    fn run(command: Authorized<'_, Self>) -> Result<Self::Reply, TpmRc>;
}

/// A command whose handles are located, whose authorisations are given and whose parameters are read.
pub struct Authorized<'c, C: Command> {
    /// The TPM that the command acts on.
    pub tpm: &'c mut Tpm,
    /// The TPM's host.
    pub host: &'c mut dyn Host,
    /// The locality at which the command came.
    pub locality: Locality,
    /// The handle area.
    pub handles: Handles,
    /// The parameters.
    pub params: C::Params,
    sealed: PhantomData<C>,
}

impl<'c, C: Command> Authorized<'c, C> {
    /// Only dispatch calls this, as its fifth step.
    pub(in crate::dispatch) fn new(
        tpm: &'c mut Tpm,
        host: &'c mut dyn Host,
        locality: Locality,
        handles: Handles,
        params: C::Params,
    ) -> Self {
        Self {
            tpm,
            host,
            locality,
            handles,
            params,
            sealed: PhantomData,
        }
    }
}

/// The parameters of a command.
pub trait Parameters: Sized {
    /// Reads them in order; an error carries the number of its parameter.
    fn read(reader: &mut Reader<'_>) -> Result<Self, TpmRc>;
}

/// What a command answers.
pub trait Reply {
    /// Whether the response has a handle.
    const HAS_HANDLE: bool = false;

    /// The handle in the response, for the commands that have one.
    fn handle(&self) -> Option<TpmHandle> {
        None
    }

    /// Appends the response parameters.
    fn write(&self, writer: &mut Writer);
}

impl Parameters for () {
    fn read(_reader: &mut Reader<'_>) -> Result<Self, TpmRc> {
        Ok(())
    }
}

impl Reply for () {
    fn write(&self, _writer: &mut Writer) {}
}

/// Declares a command's parameters in the order of Part 3.
macro_rules! parameters {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* }

        impl $crate::dispatch::Parameters for $name {
            fn read(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::structures::TpmRc> {
                let mut number = 0usize;
                $(number += 1;
                let $field = <$type as $crate::wire::Unmarshal>::unmarshal(reader)
                    .map_err(|code| code.with_parameter(number))?;)*
                Ok(Self { $($field),* })
            }
        }
    };
}

/// Declares a command's reply in the order of Part 3. A field `handle field: TpmHandle` in front is the response handle.
macro_rules! reply {
    ($(#[$meta:meta])* pub struct $name:ident {
        $(#[$hmeta:meta])* handle $handle:ident: TpmHandle,
        $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name { $(#[$hmeta])* pub $handle: $crate::structures::TpmHandle, $($(#[$fmeta])* pub $field: $type,)* }

        impl $crate::dispatch::Reply for $name {
            const HAS_HANDLE: bool = true;

            fn handle(&self) -> Option<$crate::structures::TpmHandle> {
                Some(self.$handle)
            }

            fn write(&self, writer: &mut $crate::wire::Writer) {
                $(writer.put(&self.$field);)*
                let _: &$crate::wire::Writer = writer;
            }
        }
    };
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type,)* }

        impl $crate::dispatch::Reply for $name {
            fn write(&self, writer: &mut $crate::wire::Writer) {
                $(writer.put(&self.$field);)*
            }
        }
    };
}

pub(crate) use {parameters, reply};
