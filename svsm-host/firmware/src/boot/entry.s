# The first instructions of the VM: 32-bit protected mode, flat segments, no paging, interrupts off (vmsa facts: the launch VMSA that
# QEMU accepts). With paging off every access is private (APM volume 2, 15.34.5).
#
# The only inputs are SEV_STATUS, which the hypervisor cannot intercept, and the CPUID page, which the PSP has checked. No instruction
# here may be intercepted: there is no handler for #VC yet.

    .section .text.svsm_entry, "ax"
    .code32
    .globl svsm_entry
svsm_entry:
    cli
    cld
    # Without SEV-SNP there is nobody to talk to and nothing to protect.
    movl ${sev_status}, %ecx
    rdmsr
    testl $4, %eax
    jz entry_halt

    # The position of the C-bit: CPUID 8000001F EBX[5:0], from the CPUID page.
    movl ${cpuid_page}, %esi
    movl (%esi), %ecx
    cmpl ${cpuid_entries}, %ecx
    ja entry_no_c_bit
    addl $16, %esi
1:  testl %ecx, %ecx
    jz entry_no_c_bit
    cmpl $0x8000001F, (%esi)
    je 2f
    addl $48, %esi
    decl %ecx
    jmp 1b
2:  movl 28(%esi), %edi
    andl $0x3F, %edi
    # The high half of a page-table entry must hold it, and address bits below 4 GiB must not.
    leal -32(%edi), %ecx
    cmpl $19, %ecx
    ja entry_no_c_bit
    movl $1, %ebp
    shll %cl, %ebp

    # Identity mapping of the SVSM region with 2 MiB pages; the tables lie in .bss, which is loaded as measured zeros.
    movl $boot_pdpt + 3, %eax
    movl %eax, boot_pml4
    movl %ebp, boot_pml4 + 4
    movl $boot_pd + 3, %eax
    movl %eax, boot_pdpt + 8 * ({region} >> 30)
    movl %ebp, boot_pdpt + 8 * ({region} >> 30) + 4
    movl $boot_pd + 8 * (({region} >> 21) & 511), %esi
    movl ${region} + 0x83, %eax
    movl ${region_size} >> 21, %ecx
3:  movl %eax, (%esi)
    movl %ebp, 4(%esi)
    addl $0x200000, %eax
    addl $8, %esi
    decl %ecx
    jnz 3b

    # A random value, written while everything is private, to compare with what the C-bit mapping shows.
    rdrand %ebx
    movl %ebx, boot_canary

    # Long mode with SSE: PAE, OSFXSR, OSXMMEXCPT; EFER.LME and NXE; PG, WP, MP, no EM, no TS.
    movl %cr4, %eax
    orl $0x620, %eax
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl %cr0, %eax
    andl $~0xC, %eax
    orl $0x80010003, %eax
    movl %eax, %cr0
    lgdtl boot_gdt_pointer
    ljmpl $8, $entry_64

entry_no_c_bit:
    # GHCB MSR protocol: termination request. There is nothing else that this code could do.
    movl ${ghcb_msr}, %ecx
    movl ${no_c_bit}, %eax
    xorl %edx, %edx
    wrmsr
    rep; vmmcall
entry_halt:
    hlt
    jmp entry_halt

    .code64
entry_64:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    # The same tables, now with the C-bit in CR3 too.
    shlq $32, %rbp
    leaq boot_pml4(%rip), %rax
    orq %rbp, %rax
    movq %rax, %cr3
    # A C-bit in the wrong place would have shown other bytes.
    cmpl %ebx, boot_canary(%rip)
    jne entry_no_c_bit_64
    leaq boot_stack_top(%rip), %rsp
    fninit
    pushq $0x1F80
    ldmxcsr (%rsp)
    popq %rax
    xorl %ebp, %ebp
    # EDI holds the position of the C-bit.
    call svsm_main
    ud2

entry_no_c_bit_64:
    movl ${ghcb_msr}, %ecx
    movl ${no_c_bit}, %eax
    xorl %edx, %edx
    wrmsr
    rep; vmmcall
1:  hlt
    jmp 1b

# fn on_stack(top: u64, then: extern "C" fn(u64) -> !, argument: u64) -> !
    .globl on_stack
on_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    movq %rdx, %rdi
    call *%rsi
    ud2

# Exception stubs, 16 bytes each: an error code where the processor pushes none, the vector, then the common part. Vectors from 32 on
# are interrupts, which nobody may send: they share one stub.
    .altmacro
    .macro EXCEPTION_STUB vector
    .align 16
    .if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30)
    .else
    pushq $0
    .endif
    pushq $\vector
    jmp exception_entry
    .endm
    .align 16
    .globl exception_stubs
exception_stubs:
    .set i, 0
    .rept 33
    EXCEPTION_STUB %i
    .set i, i + 1
    .endr
    .noaltmacro

# Saves every general register in the order of struct Frame. XMM registers are not touched: the handler of the exceptions that return is
# compiled with the rest of the firmware and may use them, so they are saved too.
exception_entry:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    movq %rsp, %rbx
    cld
    subq $512, %rsp
    andq $~15, %rsp
    fxsaveq (%rsp)
    call svsm_exception
    fxrstorq (%rsp)
    movq %rbx, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

    .section .rodata.boot, "a"
    .align 16
boot_gdt:
    .quad 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .quad boot_gdt

    .section .bss.boot, "aw", @nobits
    .align 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd:
    .skip 4096
boot_canary:
    .skip 16
    .align 4096
boot_stack:
    .skip 32768
boot_stack_top:

    .text
