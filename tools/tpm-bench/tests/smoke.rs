//! The whole way once: servers start, operations are prepared and measured, the table comes out. Nothing is said about how long anything takes.

use std::{env, path::PathBuf};
use tpm_bench::{
    measure::measure,
    operations,
    report::{Header, Report},
    subject::Subject,
};
use tpm_client::{ServerProgram, SwtpmProgram};

fn artefact(name: &str) -> PathBuf {
    let Some(folder) = env::var_os("CLOISTER_ARTEFACTS") else {
        panic!("CLOISTER_ARTEFACTS is not set: start this test with `cargo xtask test`");
    };
    PathBuf::from(folder).join(name)
}

#[test]
fn quick_operations_are_measured_on_swtpm_and_the_native_engine() {
    let server = ServerProgram {
        program: artefact("tpm_server"),
        component: artefact("tpm.component.wasm"),
    };
    let mut subjects = [
        Subject::swtpm(SwtpmProgram::at("swtpm")).expect("Debian's package `swtpm`"),
        Subject::server(server, "native").expect("the server that `cargo xtask test` builds"),
    ];
    let chosen = operations::named("NV_ReadPublic").chain(operations::named("audit HMAC session"));
    let rows: Vec<_> = chosen
        .map(|operation| measure(operation, &mut subjects, 0.01))
        .collect();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        for outcome in &row.outcomes {
            let figures = outcome.as_ref().expect(row.name);
            assert!(!figures.median.is_zero());
        }
    }
    let report = Report {
        header: Header {
            machine: "here".into(),
            swtpm: "swtpm".into(),
            file_system: "any".into(),
            scale: 0.01,
        },
        servers: subjects.iter().map(|subject| subject.name().to_owned()).collect(),
        rows,
    };
    assert!(report.heading().contains("native"));
    assert!(report.verdict().ends_with("wasmi was not measured"));
}
