/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * THE contract between the kernel side and user space: fixed widths, explicit padding, versioned.
 * Sensors/KernelEvent.cs mirrors every struct; a test compares each offset with this object's BTF.
 * A sample is one struct rg_*_event followed by its variable part, whose lengths the struct names.
 */
#ifndef RG_EVENTS_H
#define RG_EVENTS_H

#define RG_EVENTS_VERSION 1

#define RG_COMM_LEN 16
#define RG_PATH_MAX 4096	/* bytes of one path, without terminator */
#define RG_ARGS_MAX 4096	/* bytes of an argument block; longer is flagged, never "known" */
#define RG_DNS_SMALL 256	/* bytes of a DNS message in a small sample, and */
#define RG_DNS_MAX 1232		/* in a large one: what resolvers advertise; longer is cut and flagged */

enum rg_kind {
	RG_FORK = 1,
	RG_EXEC = 2,
	RG_EXIT = 3,
	RG_OPEN = 10,
	RG_CREATE = 11,
	RG_UNLINK = 12,
	RG_RENAME = 13,
	RG_CHMOD = 14,
	RG_CHOWN = 15,
	RG_LINK = 16,
	RG_SYMLINK = 17,
	RG_CONNECT = 20,
	RG_ACCEPT = 21,
	RG_BIND = 22,
	RG_LISTEN = 23,
	RG_SEND = 24,
	RG_PRIVILEGE = 30,
	RG_CGROUP_MKDIR = 40,
	RG_CGROUP_RMDIR = 41,
	RG_CGROUP_ATTACH = 42,
	RG_DNS = 50,
};

/* rg_header.flags */
#define RG_F_FAILED (1u << 0)		/* ret < 0 */
#define RG_F_UNVERIFIED (1u << 1)	/* no kernel object: the caller's words */
#define RG_F_TRUNCATED (1u << 2)	/* a path or argument block did not fit */
#define RG_F_FD_RACED (1u << 3)		/* the requested name and the inode disagree */
#define RG_F_COMPAT (1u << 4)		/* 32-bit system call */
#define RG_F_IO_URING (1u << 5)
#define RG_F_SNAPSHOT (1u << 6)		/* from procfs: was there before us */
#define RG_F_NOT_IN_IMAGE (1u << 7)	/* exec: overlay upper without lower counterpart, or changed */
#define RG_F_MEMFD (1u << 8)
#define RG_F_DELETED (1u << 9)
#define RG_F_STDIN_SOCKET (1u << 10)
#define RG_F_STDOUT_SOCKET (1u << 11)
#define RG_F_READ (1u << 12)		/* open */
#define RG_F_WRITE (1u << 13)		/* open */
#define RG_F_NOT_ON_ROOT (1u << 14)	/* exec: from another file system than the process's root */
#define RG_F_SERVED (1u << 15)		/* exec: it, or who forked it, listens or has accepted a connection */

struct rg_header {
	__u16 version;
	__u16 kind;
	__u32 size;		/* of the whole sample */
	__u64 time_ns;		/* CLOCK_BOOTTIME */
	__u64 start_ns;		/* thread group leader's start, CLOCK_BOOTTIME */
	__u64 parent_start_ns;
	__u64 cgroup_id;
	__u32 pid;		/* thread group id, initial pid namespace */
	__u32 tid;
	__u32 parent_pid;
	__u32 uid;
	__u32 slot;		/* container slot, 0: none */
	__u32 epoch;
	__u32 flags;
	__s32 ret;		/* the call's return value */
	char comm[RG_COMM_LEN];
};

/* then: exe_len bytes executable path, script_len bytes, args_len bytes of NUL-ended arguments */
struct rg_exec_event {
	struct rg_header h;
	__u64 inode;
	__u32 device;
	__u32 mount_ns;
	__u32 ns_pid;		/* pid in its own pid namespace: 1 is the container's entrypoint */
	__u16 exe_len;
	__u16 script_len;
	__u16 args_len;
	__u16 argc;
	__u32 pad;
};

struct rg_fork_event {
	struct rg_header h;	/* of the child */
};

struct rg_exit_event {
	struct rg_header h;
	__s32 exit_code;	/* as wait(2) reports it */
	__u32 pad;
};

/* then: path_len bytes, path2_len bytes */
struct rg_file_event {
	struct rg_header h;
	__u64 inode;
	__u64 parent_inode;
	__u32 device;
	__u32 generation;
	__u32 open_flags;
	__u32 mode;		/* chmod: new mode; chown: 0 */
	__u32 uid;		/* chown */
	__u32 gid;		/* chown */
	__u16 path_len;
	__u16 path2_len;
	__u32 pad;
};

/* then: path_len bytes of a unix socket's name */
struct rg_net_event {
	struct rg_header h;
	__u8 peer[16];		/* v4 in the first four bytes; network order */
	__u8 local[16];
	__u32 net_ns;
	__u16 family;
	__u16 peer_port;	/* host order */
	__u16 local_port;	/* host order */
	__u8 protocol;
	__u8 pad0;
	__u16 path_len;
	__u16 pad1;
};

/* then: RG_DNS_SMALL or RG_DNS_MAX bytes, of which payload_len are the message; pid is 0 where nobody is known to ask */
struct rg_dns_event {
	struct rg_header h;
	__u8 server[16];	/* v4 in the first four bytes; network order */
	__u32 net_ns;		/* of the asking socket; 0: not known */
	__u16 family;
	__u16 client_port;	/* host order */
	__u16 payload_len;
	__u8 answer;		/* 0: a question going out to port 53, 1: what came from there */
	__u8 loopback;		/* the packet went over the loopback device of net_ns */
	__u32 pad;
};

enum rg_privilege {
	RG_PRIV_MOUNT = 1,
	RG_PRIV_SETNS = 2,
	RG_PRIV_UNSHARE = 3,
	RG_PRIV_PTRACE = 4,
	RG_PRIV_VM_WRITEV = 5,
	RG_PRIV_MODULE = 6,
	RG_PRIV_BPF = 7,
};

/* then: path_len bytes (mount: target), path2_len bytes (mount: source) */
struct rg_privilege_event {
	struct rg_header h;
	__u64 argument;		/* flags, request or command of the call */
	__u32 operation;	/* enum rg_privilege */
	__u32 target_pid;	/* as the caller numbers it; ptrace, process_vm_writev */
	__u16 path_len;
	__u16 path2_len;
	__u32 pad;
};

/* then: path_len bytes of the cgroup's path below its root */
struct rg_cgroup_event {
	struct rg_header h;	/* cgroup_id and slot are the object's; pid: attach only */
	__u32 level;
	__u16 path_len;
	__u16 pad;
};

#endif
