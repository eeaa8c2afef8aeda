# Entry at VMPL0 in 32-bit protected mode without paging, entry at another VMPL in 64-bit mode, and the exception stubs.

    .section .entry, "ax"
    .code32
    .globl probe_entry
probe_entry:
    # Identity tables for the first 2 MiB pages with the C-bit (bit 51, bit 19 of the upper half); the 2 MiB at 6 MiB in small pages.
    movl $level3, %eax
    orl $3, %eax
    movl %eax, level4
    movl $0x80000, level4 + 4
    movl $level2, %eax
    orl $3, %eax
    movl %eax, level3
    movl $0x80000, level3 + 4
    movl $level2, %edi
    movl $0x83, %eax
    movl $512, %ecx
1:  movl %eax, (%edi)
    movl $0x80000, 4(%edi)
    addl $8, %edi
    addl $0x200000, %eax
    loop 1b
    movl $small_pages, %eax
    orl $3, %eax
    movl %eax, level2 + 24
    movl $small_pages, %edi
    movl $0x600003, %eax
    movl $512, %ecx
1:  movl %eax, (%edi)
    movl $0x80000, 4(%edi)
    addl $8, %edi
    addl $0x1000, %eax
    loop 1b
    movl $0xC0000080, %ecx      # EFER: LME, NXE
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl %cr4, %eax
    orl $0x20, %eax             # PAE
    movl %eax, %cr4
    movl $level4, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    orl $0x80000000, %eax       # PG
    movl %eax, %cr0
    lgdt probe_gdt_pointer
    ljmp $8, $1f
    .code64
1:  movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    leaq stack_top(%rip), %rsp
    leaq level4(%rip), %rax
    btsq $51, %rax
    movq %rax, %cr3
    call probe_main
    hlt

    # Another VMPL begins here, on its own stack.
    .globl lower_entry
lower_entry:
    leaq lower_stack_top(%rip), %rsp
    call lower_main
    hlt

# Exceptions are expected: the stub notes vector and error code and goes on at the address in RBX, which the instruction under test set.
    .macro CATCH vector, code
    .globl catch_\vector
catch_\vector:
    .if \code
    popq %rax
    .else
    xorl %eax, %eax
    .endif
    movq %rax, caught_code(%rip)
    movq $\vector, caught_vector(%rip)
    movq %rbx, (%rsp)
    iretq
    .endm
    CATCH 6, 0
    CATCH 13, 1
    CATCH 14, 1
    CATCH 29, 1

    .data
    .align 16
    .globl probe_gdt, probe_gdt_pointer
probe_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
probe_gdt_pointer:
    .word 23
    .quad probe_gdt
    .globl caught_code, caught_vector
caught_code:
    .quad 0
caught_vector:
    .quad 0

    .bss
    .align 4096
    .globl level4, small_pages
level4:
    .skip 4096
level3:
    .skip 4096
level2:
    .skip 4096
small_pages:
    .skip 4096
    .skip 16384
stack_top:
    .skip 16384
lower_stack_top:
    .text
