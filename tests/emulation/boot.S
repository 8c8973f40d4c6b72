# The start of a disk: loads a Linux kernel and its initramfs from the sectors behind it, by port I/O, and jumps to the kernel.
#   sector 0: this code; 8: boot parameters and command line; 256: the kernel's 32-bit part; behind it: initramfs, both in groups of 256 sectors
        .code16
        .text
start:  cli
        xor %ax, %ax
        mov %ax, %ds
        inb $0x92, %al
        or $2, %al
        outb %al, $0x92
        lgdtl 0x7c00 + (gdt_place - start)
        mov %cr0, %eax
        or $1, %al
        mov %eax, %cr0
        ljmpl $0x10, $0x7c00 + (protected - start)
        .code32
protected:
        mov $0x18, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov $0x7000, %esp
        xor %ebx, %ebx
        mov $0x8f000, %edi
        mov $1, %esi
        call read
        mov $0x100000, %edi
        mov $KERNEL_GROUPS, %esi
        call read
        mov $0x10000000, %edi
        mov $INITRAMFS_GROUPS, %esi
        call read
        mov $0x90000, %esi
        xor %ebp, %ebp
        xor %edi, %edi
        xor %ebx, %ebx
        mov $0x100000, %eax
        jmp *%eax
read:                           # esi groups of 256 sectors from sector ebx to edi
        mov $0x1f2, %edx
        mov $0, %al
        outb %al, %dx
        inc %edx
        mov %ebx, %eax
        outb %al, %dx
        inc %edx
        shr $8, %eax
        outb %al, %dx
        inc %edx
        shr $8, %eax
        outb %al, %dx
        inc %edx
        mov $0xe0, %al
        outb %al, %dx
        inc %edx
        mov $0x20, %al
        outb %al, %dx
        mov $256, %ebp
sector: mov $0x1f7, %edx
        inb %dx, %al
        test $8, %al
        jz sector
        mov $0x1f0, %edx
        mov $256, %ecx
        cld
        rep insw
        dec %ebp
        jnz sector
        add $256, %ebx
        dec %esi
        jnz read
        ret
        .balign 8
gdt:    .quad 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_place:
        .word 31
        .long 0x7c00 + (gdt - start)
        .org 510
        .word 0xaa55

        .org 0x1000             # Linux's struct boot_params
        .org 0x1000 + 0x1e8
        .byte 2
        .org 0x1000 + 0x1f1
        .incbin "vmlinuz", 0x1f1, 0x210 - 0x1f1
        .byte 0xff
        .incbin "vmlinuz", 0x211, 0x218 - 0x211
        .long 0x10000000, INITRAMFS_GROUPS * 0x20000
        .incbin "vmlinuz", 0x220, 0x228 - 0x220
        .long 0x91000
        .incbin "vmlinuz", 0x22c, 0x26c - 0x22c
        .org 0x1000 + 0x2d0     # memory: below 640 KiB, and from 1 MiB
        .quad 0, 0x9f000
        .long 1
        .quad 0x100000, 0x3fd00000
        .long 1
        .org 0x2000
        .asciz COMMAND_LINE
        .org 0x20000
