//! The engine compiled in, the component in wasmtime and the component in the sandbox are one TPM: with the same host they give the same answers, byte
//! by byte, commit the same state and ask for the same entropy and time, whether or not the host lends its arithmetic.
//!
//! The expectation is the engine compiled in, without any arithmetic of the host's; what its answers have to be is the other tests' business.

use cloister_tests::{
    OPTIONAL_ALGORITHMS, artefact,
    oracle::Tpm,
    script::{Machine, converse, converse_identity},
};
use component_trial::host::RepeatingHost;
use std::{fs, thread};
use svsm_sandbox::{Limits, Program, Sandbox};
use tpm_contract::{Component, Host, Record};
use tpm_engine::native::NativeComponent;
use wasmtime_host::{CompiledComponent, WasmtimeComponent};

/// The component file, made ready once for all instances.
struct Files {
    program: Program,
    compiled: CompiledComponent,
}

impl Files {
    fn read() -> Self {
        let name = if OPTIONAL_ALGORITHMS {
            "featured.component.wasm"
        } else {
            "tpm.component.wasm"
        };
        let bytes = fs::read(artefact(name)).expect("the component");
        let compiled = CompiledComponent::new(&bytes).expect("it compiles");
        let program = Program::load(&bytes, Limits::default()).expect("the sandbox admits it");
        Self { program, compiled }
    }
}

/// One of the three ways to run the engine.
trait Engine: Component {
    fn make(files: &Files, host: RepeatingHost) -> Self;
    fn host(&mut self) -> &mut RepeatingHost;
}

impl Engine for NativeComponent<RepeatingHost> {
    fn make(_: &Files, host: RepeatingHost) -> Self {
        Self::new(host)
    }
    fn host(&mut self) -> &mut RepeatingHost {
        self.host()
    }
}

impl Engine for WasmtimeComponent<RepeatingHost> {
    fn make(files: &Files, host: RepeatingHost) -> Self {
        Self::from_compiled(&files.compiled, host).expect("it loads in wasmtime")
    }
    fn host(&mut self) -> &mut RepeatingHost {
        self.host_mut()
    }
}

impl Engine for Sandbox<RepeatingHost> {
    fn make(files: &Files, host: RepeatingHost) -> Self {
        Self::start(&files.program, host).expect("it starts in the sandbox")
    }
    fn host(&mut self) -> &mut RepeatingHost {
        self.host_mut()
    }
}

/// What was asked and what came back.
struct Exchange {
    asked: Vec<u8>,
    answered: Vec<u8>,
    /// The state that had been committed by then.
    state: Vec<Record>,
}

impl Exchange {
    fn assert_same(&self, expected: &Self, place: &str) {
        let hex = |exchange: &Self| (hex::encode(&exchange.asked), hex::encode(&exchange.answered));
        assert_eq!(hex(self), hex(expected), "asked and answered by {place}");
        let asked = hex::encode(&self.asked);
        assert!(self.state == expected.state, "state committed by {place} after {asked}");
    }
}

/// An engine whose every answer is kept.
struct Recorded<'a, E> {
    files: &'a Files,
    engine: E,
    exchanges: Vec<Exchange>,
}

impl<'a, E: Engine> Recorded<'a, E> {
    fn powered_on(files: &'a Files, host: RepeatingHost) -> Self {
        let mut engine = E::make(files, host);
        let saved = engine.host().state.clone();
        engine.power_on(&saved).expect("it lives").expect("it powers on");
        Self {
            files,
            engine,
            exchanges: Vec::new(),
        }
    }

    fn keep(&mut self, asked: &[u8], answered: Vec<u8>) {
        let state = self.engine.host().state.clone();
        let asked = asked.to_vec();
        self.exchanges.push(Exchange { asked, answered, state });
    }

    /// A new instance with the host as it is.
    fn renew(&mut self) {
        let host = self.engine.host().clone();
        self.engine = Self::powered_on(self.files, host).engine;
    }
}

impl<E: Engine> Tpm for Recorded<'_, E> {
    fn send(&mut self, command: &[u8]) -> Vec<u8> {
        let answer = self.engine.execute(0, command).expect("it lives");
        let answer = answer.expect("the command is within its bound");
        self.keep(command, answer.clone());
        answer
    }

    fn power_cycle(&mut self) {
        self.renew();
        self.keep(b"power cycle", Vec::new());
    }
}

impl<E: Engine> Machine for Recorded<'_, E> {
    fn hash_sequence(&mut self, data: &[u8]) {
        self.engine.hash_start().expect("it lives").expect("it starts");
        self.engine.hash_data(data).expect("it lives").expect("it goes on");
        self.engine.hash_end().expect("it lives").expect("it ends");
        self.keep(b"hash sequence", Vec::new());
    }

    fn move_over(&mut self) {
        let mut persistent = self.engine.save_persistent().expect("it lives").expect("powered on");
        // The order of records means nothing.
        persistent.sort_by_key(|record| record.key);
        assert_eq!(
            persistent,
            self.engine.host().state,
            "what was committed is what is saved"
        );
        let volatile = self.engine.save_volatile().expect("it lives").expect("powered on");
        self.renew();
        let restored = self.engine.restore_volatile(&volatile);
        restored.expect("it lives").expect("it takes its own state");
        self.keep(b"move", volatile);
    }

    fn identity(&mut self) {
        let identity = self.engine.identity().expect("it lives").expect("powered on");
        let keys = [identity.rsa_ek, identity.p256_ek, identity.rsa_srk, identity.p256_srk];
        self.keep(b"identity", keys.concat());
    }
}

/// What a conversation leaves.
struct Outcome {
    exchanges: Vec<Exchange>,
    lines: Vec<String>,
    /// What the host would give next: the same only when as much was asked for before.
    next: ([u8; 32], u64),
    /// Calls of the host's arithmetic that it served.
    served: u64,
}

fn talk<E: Engine>(files: &Files, native: bool, script: fn(&mut dyn Machine)) -> Outcome {
    let mut recorded = Recorded::<E>::powered_on(files, RepeatingHost::new(native));
    recorded.keep(b"power on", Vec::new());
    script(&mut recorded);
    let host = recorded.engine.host();
    let mut entropy = [0; 32];
    assert!(host.entropy(&mut entropy), "the host has entropy");
    Outcome {
        next: (entropy, host.clock()),
        lines: host.lines.clone(),
        served: host.calls,
        exchanges: recorded.exchanges,
    }
}

/// A way to hold the conversation: its name, whether arithmetic is offered, and how.
type Way = (&'static str, bool, fn(&Files, bool, fn(&mut dyn Machine)) -> Outcome);

const NATIVE: Way = ("native, none offered", false, talk::<NativeComponent<RepeatingHost>>);
const OTHERS: [Way; 5] = [
    // The slowest first.
    ("wasmi, none offered", false, talk::<Sandbox<RepeatingHost>>),
    ("wasmi, offered", true, talk::<Sandbox<RepeatingHost>>),
    (
        "wasmtime, none offered",
        false,
        talk::<WasmtimeComponent<RepeatingHost>>,
    ),
    ("wasmtime, offered", true, talk::<WasmtimeComponent<RepeatingHost>>),
    ("native, offered", true, talk::<NativeComponent<RepeatingHost>>),
];

/// Holds the conversation in every way, and compares.
fn compare(script: fn(&mut dyn Machine), ways: &[Way]) -> Outcome {
    let files = &Files::read();
    let expected = NATIVE.2(files, NATIVE.1, script);
    assert_eq!(expected.served, 0);
    thread::scope(|scope| {
        let threads: Vec<_> = ways
            .iter()
            .map(|&(name, native, talk)| (name, native, scope.spawn(move || talk(files, native, script))))
            .collect();
        for (name, native, thread) in threads {
            let outcome = thread
                .join()
                .unwrap_or_else(|_| panic!("{name}: the conversation ended early"));
            assert_eq!(outcome.served > 0, native, "{name}: arithmetic of the host");
            for (index, (left, right)) in outcome.exchanges.iter().zip(&expected.exchanges).enumerate() {
                left.assert_same(right, &format!("{name} (left) in exchange {index}"));
            }
            assert_eq!(outcome.exchanges.len(), expected.exchanges.len(), "{name}");
            assert_eq!(outcome.lines, expected.lines, "{name}: log lines");
            assert_eq!(
                outcome.next, expected.next,
                "{name}: entropy and time that were asked for"
            );
        }
    });
    expected
}

#[test]
fn conversation_is_the_same_in_every_engine_with_and_without_the_hosts_arithmetic() {
    let outcome = compare(converse, &OTHERS);
    assert!(
        outcome.exchanges.len() > 250,
        "only {} exchanges",
        outcome.exchanges.len()
    );
    let states: Vec<_> = outcome.exchanges.iter().map(|exchange| &exchange.state).collect();
    let commits = states.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(commits > 20, "only {commits} changes of the committed state");
}

#[test]
fn identity_is_the_same_in_every_engine_that_makes_rsa_keys_in_reasonable_time() {
    let outcome = compare(converse_identity, &OTHERS[1..]);
    let keys: Vec<_> = outcome
        .exchanges
        .iter()
        .filter(|exchange| exchange.asked == b"identity")
        .collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(
        keys[0].answered, keys[1].answered,
        "TPM2_ChangeEPS changes the endorsement keys"
    );
}
