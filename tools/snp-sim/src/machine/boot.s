# Entry from the multiboot loader, the world switch, and the exception stubs.
#
# QEMU enters _start in 32-bit protected mode without paging, EBX = multiboot information (Multiboot 1, section 3.2). The program
# switches to long mode with five-level paging at once: nested tables use the paging mode of the processor that executes VMRUN, and
# with four levels a C-bit at 51 would silently alias the shared address.

    .section .multiboot, "a"
    .code32
    .align 4
    .long 0x1BADB002, 0x3, -(0x1BADB002 + 0x3)

    .text
    .globl _start
_start:
    cli
    cld
    movl $_stack_top, %esp
    movl %ebx, multiboot_information

    # Identity map of 512 GiB with 1 GiB pages.
    movl $pdpt, %edi
    movl $0x83, %eax
    xorl %edx, %edx
    movl $512, %ecx
1:  movl %eax, (%edi)
    movl %edx, 4(%edi)
    addl $8, %edi
    addl $0x40000000, %eax
    adcl $0, %edx
    loop 1b
    movl $pdpt, %eax
    orl $3, %eax
    movl %eax, pml4
    movl $pml4, %eax
    orl $3, %eax
    movl %eax, pml5

    movl %cr4, %eax
    orl $0x1620, %eax           # PAE, OSFXSR, OSXMMEXCPT, LA57
    movl %eax, %cr4
    movl $pml5, %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx      # EFER: LME, NXE, SVME
    rdmsr
    orl $0x1900, %eax
    wrmsr
    movl %cr0, %eax
    andl $~0xC, %eax            # no EM, no TS
    orl $0x80010003, %eax       # PG, WP, MP, PE
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $1f

    .code64
1:  movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
    leaq _stack_top(%rip), %rsp
    movl multiboot_information(%rip), %edi
    call simulator_main
2:  hlt
    jmp 2b

# extern "C" fn world_switch(registers: *mut Registers, guest_vmcb: u64, host_vmcb: u64)
#
# Loads the guest's general registers, enters it with VMRUN and stores them on the way back. RAX, RSP and RIP travel in the VMCB, FS,
# GS, TR, LDTR and the system-call registers by VMLOAD and VMSAVE. Interrupts are held off by GIF outside the guest.
    .globl world_switch
world_switch:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx
    pushq %rsi
    pushq %rdi
    clgi
    movq %rdx, %rax
    vmsave
    movq %rsi, %rax
    vmload
    movq 0(%rdi), %rbx
    movq 8(%rdi), %rcx
    movq 16(%rdi), %rdx
    movq 24(%rdi), %rsi
    movq 40(%rdi), %rbp
    movq 48(%rdi), %r8
    movq 56(%rdi), %r9
    movq 64(%rdi), %r10
    movq 72(%rdi), %r11
    movq 80(%rdi), %r12
    movq 88(%rdi), %r13
    movq 96(%rdi), %r14
    movq 104(%rdi), %r15
    movq 32(%rdi), %rdi
    sti
    vmrun
    cli
    vmsave
    pushq %rdi
    movq 8(%rsp), %rdi
    movq %rbx, 0(%rdi)
    movq %rcx, 8(%rdi)
    movq %rdx, 16(%rdi)
    movq %rsi, 24(%rdi)
    movq %rbp, 40(%rdi)
    movq %r8, 48(%rdi)
    movq %r9, 56(%rdi)
    movq %r10, 64(%rdi)
    movq %r11, 72(%rdi)
    movq %r12, 80(%rdi)
    movq %r13, 88(%rdi)
    movq %r14, 96(%rdi)
    movq %r15, 104(%rdi)
    popq %rax
    movq %rax, 32(%rdi)
    movq 16(%rsp), %rax
    vmload
    stgi
    addq $24, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    retq

# 256 stubs of 16 bytes each: push an error code where the processor pushes none, then the vector.
    .altmacro
    .macro TRAP_STUB vector
    .align 16
    .if (\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21)
    .else
    pushq $0
    .endif
    pushq $\vector
    jmp trap_entry
    .endm
    .align 16
    .globl trap_stubs
trap_stubs:
    .set i, 0
    .rept 256
    TRAP_STUB %i
    .set i, i+1
    .endr

trap_entry:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    leaq 72(%rsp), %rdi
    cld
    call simulator_trap
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

    .data
    .align 16
gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
multiboot_information:
    .long 0

    .bss
    .align 4096
pml5:
    .skip 4096
pml4:
    .skip 4096
pdpt:
    .skip 4096
    .skip 524288
_stack_top:

    .text
