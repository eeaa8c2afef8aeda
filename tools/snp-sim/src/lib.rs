//! A simulated SEV-SNP platform under stock QEMU: the parts of it that need no hardware, and its manual.
//!
//! `snp_sim`, the program of this package, is a bare-metal hypervisor that QEMU boots in software emulation. With AMD SVM, which QEMU
//! emulates too, it runs an **unmodified** SVSM image as an SNP guest: RMP and VMPL permissions, PVALIDATE and RMPADJUST, VMGEXIT and
//! #VC, launch measurement, the security processor's messages and signed reports. It is written from the specifications (AMD APM
//! volumes 2 and 3, SNP firmware ABI 56860, GHCB 56421, IGVM) and shares no code with the firmware that it tests, not even layouts.
//!
//! Two sides are kept apart. [`model`] and the program's `hardware/` are the processor and its security processor: strict, the thing
//! that is trusted. `hypervisor/` is not trusted by anybody: it serves the guest as KVM does, and misbehaves on request. This library
//! compiles on the dev host, where its tests run.
//!
//! # Running it
//!
//! ```text
//! cargo xtask run                      does all of this and tells the story of one boot
//!
//! cargo xtask image --out image.igvm   the image; builds what goes into it
//! cargo run -p sim_pki --example make -- FOLDER   keys and certificates: FOLDER/pki.bin
//! qemu-system-x86_64 -accel tcg -cpu max,+svm,phys-bits=52 -m 1024 -display none -nodefaults -no-reboot \
//!     -serial stdio -serial unix:owner.sock,server=on,wait=off -device isa-debug-exit,iobase=0xf4,iosize=4 \
//!     -kernel target/cloister/snp-sim.elf32 -initrd "image.igvm,FOLDER/pki.bin" -append "trace=1"
//! ```
//!
//! By hand the program is built with `cargo build --profile firmware --target x86_64-unknown-none -p snp_sim` (and `-Z build-std` where
//! no prebuilt standard library for that target is installed), and turned into the ELF32 file that multiboot wants by
//! `objcopy -O elf32-i386` or by the xtask. On a processor with nested SVM `-accel kvm -cpu host` should do as well; that is untested.
//!
//! | QEMU ends with | meaning |
//! |---|---|
//! | 33 | the guest switched the machine off: port 0x604, or HLT with interrupts off at a VMPL other than 0, which is how Linux without ACPI ends |
//! | 65 | hardware or hypervisor stopped the VM: violation, shutdown, termination, VMEXIT_INVALID |
//! | 97 | the simulator failed: bad options, unusable image, something `not modelled`, or a bug |
//!
//! The log on COM1 has one line each with the name of who says it: `[svsm]`, `[guest]` (text of VMPL0 and of the others), `[hw]` (the
//! hardware: measurement, violations), `[hv]` (the hypervisor; `hostile:` when it misbehaves), `[trace]`. The last line always is
//! `[hw] stopped: REASON`. COM2 is the guest's channel to its owner: what is written there goes to QEMU's second serial port, and the other way
//! round.
//!
//! # Linux as the guest
//!
//! `cargo xtask run --kernel FILE --initrd FILE --append TEXT` boots a stock kernel; `sim_boot::LINUX_COMMAND_LINE` stands in front of the text
//! and says why. What it finds beside SNP: two 8259A, a 8254 whose channel 0 is interrupt 0, COM1 (interrupt 4) and COM2 (interrupt 3) as
//! 16550A, a clock at 0x70, and KVM's leaves. With Secure TSC the kernel takes the frequency of the time-stamp counter from the processor (since 6.14);
//! kernels before that refuse to run with it, need an image built with `--no-secure-tsc`, and get the frequency by KVM's clock. Absent are ACPI, APIC (but for several processors: then a MADT and x2APICs), PCI,
//! keyboard and VGA; a write of 0xFE to port 0x64 resets the machine, which ends the run. Memory of its own is `mem=512`, all of which the SVSM
//! hands over before the kernel starts.
//!
//! # Options
//!
//! Words in `-append`; numbers are decimal or `0x` hexadecimal.
//!
//! | Option | |
//! |---|---|
//! | `profile=1` | at the end a table of exits by kind, milliseconds at each VMPL and in the simulator itself, and addresses at which VMPL0 was met, one for each millisecond of its time |
//! | `audit=1` | at the end, look for VMPL0's key in every page that others can read, and for save areas that they can write |
//! | `trace=1` | a line for each VMGEXIT, #VC, PVALIDATE, RMPADJUST and switch of VMPL |
//! | `mem=MIB` | guest memory from GPA 0 on (128); the machine needs twice as much and 200 MiB |
//! | `smp=N` | virtual processors: each has a measured save area; they take turns |
//! | `slice=US` | length of a turn (2000) |
//! | `host-data=HEX` | HOST_DATA of the guest, 32 bytes |
//! | `invlpgb=1` | the processor offers INVLPGB and TLBSYNC |
//! | `tick=US` | take the processor from the guest every US microseconds (it gets it back at once) |
//! | `watch=GPA` | log every access of VMPL0 to the page, instruction by instruction |
//! | `tamper=GPA:XOR` | the hypervisor changes this byte of the image before it is launched |
//! | `hostile=ACT[:ARGUMENTS][@WHEN]` | the hypervisor misbehaves; may be given several times |
//!
//! `@N` (1 when left out) counts occasions as the table says, `@every` means all of them. Acts that change no answer may come `@call:N`, as VMPL0 is entered for
//! the guest's N-th call, or `@psp:N`, while somebody waits for the answer to guest request N.
//!
//! | Act | Occasions of `@N` | |
//! |---|---|---|
//! | `psp-busy` `psp-error` `psp-length` | guest requests | made-up answers; the request is not forwarded |
//! | `psp-lost` | guest requests | the processor answers, the hypervisor says it was busy and drops the answer |
//! | `psp-corrupt` `psp-replay` | guest requests | a bit of the answer is changed; the previous answer comes again |
//! | `remap:GPA` | exits of VMPL0 | a private page is taken away and given back |
//! | `alias:GPA1:GPA2` | exits of VMPL0 | the page of GPA1 is assigned and mapped at GPA2 |
//! | `inject-vc:CODE` `inject-interrupt:VECTOR` | exits of VMPL0 | an event is injected into VMPL0 |
//! | `interrupt-guest:VECTOR` | exits of other VMPLs | an interrupt is injected into the guest |
//! | `intercept-tsc` | exits of VMPL0 | RDTSC raises #VC from then on |
//! | `spurious-run` | exits of other VMPLs | VMPL0 runs although nobody called it |
//! | `spurious-guest` | exits of VMPL0 | the guest's VMPL runs although VMPL0 did not let it |
//! | `drop-run` `refuse-run` | run-VMPL requests | the switch is claimed but not made; is refused |
//! | `ignore-page-state` | page state changes | success is claimed, nothing is done |
//! | `no-serial-port` | | refuses VMPL0 every access to COM1 |
//! | `features:BITMAP` `memory-map:GPA:PAGES` `vp-count:N` | | lies at launch |
//! | `stop-on-access:GPA` | accesses of VMPL0 to the page | stops the machine |
//! | `inject-on-access:GPA:CODE` | accesses of VMPL0 to the page | injects #VC with this code at the instruction, which is not executed |
//! | `flip:GPA:XOR` | accesses of VMPL0 to the page | changes a byte of a shared page between two accesses |
//! | `race:GPA:XOR` | accesses of VMPL0 to the page | another processor of the guest changes a byte of a private page right after VMPL0 read it |
//! | `deaf-serial-port` | | COM1 never says that it takes another byte |
//! | `lose-processor` | requests to run another processor | says it runs, and does not run it |
//!
//! # What is not like hardware
//!
//! * Supervisor and user execute permission of a VMPL cannot differ, nor can a VMPL have rights without read: `not modelled`.
//! * Instruction fetches and page-table walks are private on hardware whatever the C-bit says. Here a walk from a CR3 without the C-bit
//!   gets it (the guest can read it back); C-less entries and fetches are `not modelled`, but tables in hypervisor-owned memory are read.
//! * RMPADJUST and RMPUPDATE take effect at once; hardware needs a TLB flush by the guest or the hypervisor.
//! * CR2 of #VC 0x404 is found by searching the guest's tables: the identity mapping if there is one, else the lowest.
//! * #VC is delivered in long mode only; earlier it is a shutdown, as it is without a handler.
//! * A C=0 read of an assigned page returns a constant pattern; so does every page whose owner changed until it is written.
//! * A virtual interrupt (V_IRQ) of the hypervisor waits in an interrupt shadow until the next exit instead of the next instruction.
//! * 2 MiB pages that the hypervisor maps as such are one entry of the tables below, and next to a small page that is touched others are mapped
//!   as well if they may be read: what a TLB may do too, except that here the guest's accessed pages cannot be told from it.
//! * Local APICs only with several processors, in x2APIC mode, without NMI, INIT, start-up and TSC deadline; no XSAVE state beyond SSE, no ID block, no migration, no Restricted or Alternate Injection, no vTOM.
//! * The derived key (MSG_KEY_REQ) depends on the same inputs as hardware's but its value is the simulator's own.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod device;
pub mod igvm;
pub mod model;
pub mod options;
pub mod pki;
