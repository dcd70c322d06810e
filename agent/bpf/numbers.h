/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * System calls by number. Handlers know the x86-64 table alone: what comes in by another table (int 0x80, x32) is
 * translated here, once, so that a call is the same call whichever way it was made.
 */
#ifndef RG_NUMBERS_H
#define RG_NUMBERS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define NR_open 2
#define NR_sendto 44
#define NR_sendmsg 46
#define NR_clone 56
#define NR_truncate 76
#define NR_ftruncate 77
#define NR_rename 82
#define NR_mkdir 83
#define NR_rmdir 84
#define NR_creat 85
#define NR_link 86
#define NR_unlink 87
#define NR_symlink 88
#define NR_chmod 90
#define NR_fchmod 91
#define NR_chown 92
#define NR_fchown 93
#define NR_lchown 94
#define NR_ptrace 101
#define NR_mknod 133
#define NR_pivot_root 155
#define NR_chroot 161
#define NR_mount 165
#define NR_umount2 166
#define NR_init_module 175
#define NR_setxattr 188
#define NR_lsetxattr 189
#define NR_fsetxattr 190
#define NR_fremovexattr 199
#define NR_add_key 248
#define NR_request_key 249
#define NR_keyctl 250
#define NR_mkdirat 258
#define NR_linkat 265
#define NR_symlinkat 266
#define NR_unshare 272
#define NR_splice 275
#define NR_open_by_handle_at 304
#define NR_setns 308
#define NR_process_vm_writev 311
#define NR_finit_module 313
#define NR_bpf 321
#define NR_userfaultfd 323
#define NR_copy_file_range 326
#define NR_io_uring_setup 425
#define NR_move_mount 429
#define NR_clone3 435
#define NR_openat2 437
#define NR_setxattrat 463
#define NR_removexattrat 466

#define RG_NUMBERS 512		/* of each table; no call that is handled has a higher one */
#define I386_mmap 90
#define I386_socketcall 102
#define I386_SAME_FROM 424	/* from here on both tables agree */
#define X32_FIRST 512		/* numbers that only x32 has */
#define X32_BIT 0x40000000u

/* i386 number to x86-64 number, for calls that have a handler; 0 (read, which has none): nothing to tell. */
const __u16 rg_i386[RG_NUMBERS] __weak = {
	[5] = NR_open, [8] = NR_creat, [295] = 257, [342] = NR_open_by_handle_at,
	[39] = NR_mkdir, [296] = NR_mkdirat, [14] = NR_mknod, [297] = 259,
	[10] = NR_unlink, [40] = NR_rmdir, [301] = 263,
	[38] = NR_rename, [302] = 264, [353] = 316,
	[9] = NR_link, [303] = NR_linkat, [83] = NR_symlink, [304] = NR_symlinkat,
	[15] = NR_chmod, [94] = NR_fchmod, [306] = 268,
	[182] = NR_chown, [212] = NR_chown, [16] = NR_lchown, [198] = NR_lchown, [95] = NR_fchown, [207] = NR_fchown,
	[298] = 260,
	[361] = 49, [362] = 42, [363] = 50, [364] = 288, [369] = NR_sendto, [370] = NR_sendmsg, [345] = 307,
	[22] = NR_umount2, [52] = NR_umount2, [61] = NR_chroot, [217] = NR_pivot_root,
	[286] = NR_add_key, [287] = NR_request_key, [288] = NR_keyctl, [374] = NR_userfaultfd,
	[23] = 105, [213] = 105, [70] = 113, [203] = 113, [164] = 117, [208] = 117, [138] = 122, [215] = 122,
	[46] = 106, [214] = 106, [71] = 114, [204] = 114, [170] = 119, [210] = 119, [139] = 123, [216] = 123,
	[185] = 126, [172] = 157,
	[4] = 1, [181] = 18, [146] = 20, [334] = 296, [379] = 328, [187] = 40, [239] = 40, [313] = NR_splice,
	[377] = NR_copy_file_range, [92] = NR_truncate, [193] = NR_truncate, [93] = NR_ftruncate, [194] = NR_ftruncate,
	[226] = NR_setxattr, [227] = NR_lsetxattr, [228] = NR_fsetxattr, [235] = 197, [236] = 198, [237] = NR_fremovexattr,
	[I386_mmap] = 9, [192] = 9, [125] = 10, [380] = 329,
	[21] = NR_mount, [26] = NR_ptrace, [120] = NR_clone, [128] = NR_init_module, [310] = NR_unshare, [346] = NR_setns,
	[348] = NR_process_vm_writev, [350] = NR_finit_module, [357] = NR_bpf,
};

/* The calls that i386's socketcall stands for: bind, connect, listen, accept, send, sendto, sendmsg, accept4, sendmmsg. */
const __u16 rg_socketcall[32] __weak = {
	[2] = 49, [3] = 42, [4] = 50, [5] = 43, [9] = NR_sendto, [11] = NR_sendto, [16] = NR_sendmsg, [18] = 288, [20] = 307,
};

static __always_inline __u32 number__of_i386(__u32 nr, __u32 first)
{
	if (nr == I386_socketcall)
		return rg_socketcall[first & 31];
	if (nr >= I386_SAME_FROM)
		return nr;
	return rg_i386[nr & (RG_NUMBERS - 1)];
}

/* x32 shares the table but for a few calls, whose own numbers some kernels also take without the bit. */
static __always_inline __u32 number__of_x32(__u32 nr)
{
	switch (nr) {
	case 516:
		return 20;
	case 518:
		return NR_sendmsg;
	case 521:
		return NR_ptrace;
	case 535:
		return 296;
	case 538:
		return 307;
	case 540:
		return NR_process_vm_writev;
	case 547:
		return 328;
	default:
		return nr;
	}
}

#endif
