namespace RuntimeGuard.Models;

enum Zone
{
    App, Temporary, Logs, Configuration, Proc, Sys, Device, Secret, Binary, Library, Home, Run,
}

/// <summary>Which paths are never generalised, where they lie, and what a read or write of them means.</summary>
static class SensitivePaths
{
    /// <summary>
    /// Never covered by a pattern: credentials, start-up and loader configuration, directories of commands, and the
    /// kernel's own files. Fails closed: unsure is protected.
    /// </summary>
    public static bool IsProtected(ReadOnlySpan<byte> path)
    {
        if (path is not [(byte)'/', var first, ..])
            return HasSecretName(path);
        return first switch
        {
            (byte)'b' => Under(path, "/bin"u8) || Under(path, "/boot"u8),
            (byte)'d' => Under(path, "/dev"u8) && !Under(path, "/dev/shm"u8),
            (byte)'e' => Under(path, "/etc"u8),
            (byte)'l' => Under(path, "/lib"u8) || Under(path, "/lib64"u8) || Under(path, "/lib32"u8),
            (byte)'p' => Under(path, "/proc"u8),
            (byte)'r' => Under(path, "/run/secrets"u8) || Under(path, "/run/containerd"u8) || Under(path, "/root"u8),
            (byte)'s' => Under(path, "/sbin"u8) || Under(path, "/sys"u8),
            (byte)'u' => Under(path, "/usr/bin"u8) || Under(path, "/usr/sbin"u8) || Under(path, "/usr/local/bin"u8)
                || Under(path, "/usr/local/sbin"u8) || Under(path, "/usr/lib"u8) || Under(path, "/usr/lib64"u8)
                || Under(path, "/usr/libexec"u8) || Under(path, "/usr/local/lib"u8),
            (byte)'v' => Under(path, "/var/spool/cron"u8) || Under(path, "/var/run/secrets"u8),
            _ => false,
        } || HasSecretName(path) || HasTellingName(Tools.BaseName(path)) || IsRuntimeSocket(path);
    }

    /// <summary>May names directly below this directory be collapsed? Not where a protected path lies at or below it.</summary>
    public static bool MayCollapseBelow(ReadOnlySpan<byte> directory) =>
        directory.Length > 1 && !IsProtected(directory)
        && !(directory.SequenceEqual("/usr"u8) || directory.SequenceEqual("/usr/local"u8) || directory.SequenceEqual("/var"u8)
            || directory.SequenceEqual("/var/run"u8) || directory.SequenceEqual("/var/spool"u8)
            || directory.SequenceEqual("/run"u8) || directory.SequenceEqual("/home"u8));

    public static Zone ZoneOf(ReadOnlySpan<byte> path)
    {
        if (HasSecretName(path) || Under(path, "/run/secrets"u8) || Under(path, "/var/run/secrets"u8))
            return Zone.Secret;
        if (Under(path, "/tmp"u8) || Under(path, "/var/tmp"u8) || Under(path, "/dev/shm"u8))
            return Zone.Temporary;
        if (Under(path, "/var/log"u8))
            return Zone.Logs;
        if (Under(path, "/etc"u8))
            return Zone.Configuration;
        if (Under(path, "/proc"u8))
            return Zone.Proc;
        if (Under(path, "/sys"u8))
            return Zone.Sys;
        if (Under(path, "/dev"u8))
            return Zone.Device;
        if (Under(path, "/bin"u8) || Under(path, "/sbin"u8) || Under(path, "/usr/bin"u8) || Under(path, "/usr/sbin"u8)
            || Under(path, "/usr/local/bin"u8) || Under(path, "/usr/local/sbin"u8))
            return Zone.Binary;
        if (Under(path, "/lib"u8) || Under(path, "/lib64"u8) || Under(path, "/usr/lib"u8) || Under(path, "/usr/lib64"u8)
            || Under(path, "/usr/local/lib"u8) || Under(path, "/usr/libexec"u8))
            return Zone.Library;
        if (Under(path, "/home"u8) || Under(path, "/root"u8))
            return Zone.Home;
        return Under(path, "/run"u8) || Under(path, "/var/run"u8) ? Zone.Run : Zone.App;
    }

    public static bool Under(ReadOnlySpan<byte> path, ReadOnlySpan<byte> directory) =>
        path.StartsWith(directory) && (path.Length == directory.Length || path[directory.Length] == '/');

    /// <summary>Names that say "secret" wherever they lie.</summary>
    public static bool HasSecretName(ReadOnlySpan<byte> path)
    {
        for (var at = path.IndexOf("/."u8); at >= 0;)
        {
            var rest = path[(at + 2)..];
            var end = rest.IndexOf((byte)'/');
            if (IsSecretDotName(end < 0 ? rest : rest[..end]) || rest.StartsWith("config/gcloud"u8))
                return true;
            var next = rest.IndexOf("/."u8);
            if (next < 0)
                break;
            at += 2 + next;
        }
        var name = Tools.BaseName(path);
        if (name.IsEmpty)
            return false;
        // By the last byte first: this is asked of every file that is opened.
        return name[^1] switch
        {
            (byte)'y' => name.EndsWith("_key"u8) || name.EndsWith(".key"u8),
            (byte)'m' => name.EndsWith("key.pem"u8),
            (byte)'2' => name.EndsWith(".p12"u8),
            (byte)'x' => name.EndsWith(".pfx"u8),
            (byte)'b' => name.EndsWith(".keytab"u8),
            (byte)'s' => name.SequenceEqual("authorized_keys"u8),
            (byte)'g' => name.SequenceEqual("kubeconfig"u8),
            (byte)'d' => name.SequenceEqual("ld.so.preload"u8),
            _ => false,
        } || (name[0] == 'i' && (name.StartsWith("id_rsa"u8) || name.StartsWith("id_ed25519"u8) || name.StartsWith("id_ecdsa"u8)));
    }

    static bool IsSecretDotName(ReadOnlySpan<byte> name) => name.Length switch
    {
        3 => name.SequenceEqual("ssh"u8) || name.SequenceEqual("aws"u8),
        4 => name.SequenceEqual("kube"u8),
        5 => name.SequenceEqual("gnupg"u8) || name.SequenceEqual("azure"u8) || name.SequenceEqual("netrc"u8),
        6 => name.SequenceEqual("docker"u8) || name.SequenceEqual("pgpass"u8) || name.SequenceEqual("my.cnf"u8)
            || name.SequenceEqual("pypirc"u8),
        9 => name.SequenceEqual("dockercfg"u8),
        11 => name.SequenceEqual("vault-token"u8),
        15 => name.SequenceEqual("git-credentials"u8),
        _ => false,
    };

    /// <summary>Private keys, password files, tokens, cloud and cluster configurations; not /etc/passwd.</summary>
    public static bool IsCredential(ReadOnlySpan<byte> path, ContainerFacts container)
    {
        if (path.Length < 5)
            return false;
        if (IsPasswordFile(path) || IsMountedSecret(path, container))
            return true;
        if (Under(path, "/etc/kubernetes"u8) && (path.EndsWith(".conf"u8) || path.EndsWith(".key"u8)))
            return true;
        // Public halves and lists of hosts are no secrets.
        var name = Tools.BaseName(path);
        return HasSecretName(path) && !name.EndsWith(".pub"u8) && !name.StartsWith("known_hosts"u8)
            && !name.SequenceEqual("authorized_keys"u8) && !name.SequenceEqual("ld.so.preload"u8) && !name.SequenceEqual(".ssh"u8)
            && !name.SequenceEqual(".docker"u8) && !name.SequenceEqual(".kube"u8)
            && !name.SequenceEqual(".aws"u8);
    }

    public static bool IsPasswordFile(ReadOnlySpan<byte> path) =>
        path.StartsWith("/etc/"u8) && (path.SequenceEqual("/etc/shadow"u8) || path.SequenceEqual("/etc/gshadow"u8)
            || path.SequenceEqual("/etc/shadow-"u8) || path.SequenceEqual("/etc/gshadow-"u8)
            || path.SequenceEqual("/etc/master.passwd"u8) || path.SequenceEqual("/etc/krb5.keytab"u8));

    public static bool IsMountedSecret(ReadOnlySpan<byte> path, ContainerFacts container)
    {
        if (Under(path, "/run/secrets"u8) || Under(path, "/var/run/secrets"u8))
            return true;
        foreach (var mount in container.SecretMountBytes)
            if (Under(path, mount))
                return true;
        return false;
    }

    /// <summary>Memory or environment of another process.</summary>
    public static bool IsProcessSecret(ReadOnlySpan<byte> path) =>
        path.StartsWith("/proc/"u8) && path.Length > 6 && path[6] is >= (byte)'0' and <= (byte)'9'
        && (path.EndsWith("/mem"u8) || path.EndsWith("/environ"u8) || path.EndsWith("/maps"u8));

    /// <summary>Disks and memory of the host, not of the container.</summary>
    public static bool IsRawDevice(ReadOnlySpan<byte> path)
    {
        if (!path.StartsWith("/dev/"u8))
            return false;
        var name = path[5..];
        return name.StartsWith("sd"u8) || name.StartsWith("hd"u8) || name.StartsWith("vd"u8) || name.StartsWith("xvd"u8)
            || name.StartsWith("nvme"u8) || name.StartsWith("dm-"u8) || name.StartsWith("mapper/"u8)
            || name.StartsWith("loop"u8) || name.StartsWith("md"u8) || name.StartsWith("mmcblk"u8)
            || name.StartsWith("block/"u8) || name.SequenceEqual("mem"u8) || name.SequenceEqual("kmem"u8)
            || name.SequenceEqual("port"u8);
    }

    public static bool IsRuntimeSocket(ReadOnlySpan<byte> path) => path.Length > 10 && (path.EndsWith(".sock"u8)
        ? path.EndsWith("/docker.sock"u8) || path.EndsWith("/containerd.sock"u8) || path.EndsWith("/crio.sock"u8)
            || path.EndsWith("/podman.sock"u8) || path.EndsWith("/cri-dockerd.sock"u8) || path.EndsWith("/buildkitd.sock"u8)
        : path.EndsWith("/containerd.sock.ttrpc"u8));

    public static bool IsReleaseAgent(ReadOnlySpan<byte> path) => path.EndsWith("/release_agent"u8);

    public static bool IsKernelHandler(ReadOnlySpan<byte> path) =>
        path.SequenceEqual("/proc/sys/kernel/core_pattern"u8) || path.SequenceEqual("/proc/sys/kernel/modprobe"u8)
        || path.SequenceEqual("/proc/sys/fs/binfmt_misc/register"u8) || path.SequenceEqual("/sys/kernel/uevent_helper"u8);

    public static bool IsCron(ReadOnlySpan<byte> path) =>
        path.StartsWith("/etc/cron"u8) || Under(path, "/var/spool/cron"u8) || path.SequenceEqual("/etc/anacrontab"u8);

    public static bool IsAuthorizedKeys(ReadOnlySpan<byte> path) =>
        path.EndsWith("/authorized_keys"u8) || path.EndsWith("/authorized_keys2"u8);

    public static bool IsLoaderPreload(ReadOnlySpan<byte> path) => path.SequenceEqual("/etc/ld.so.preload"u8);

    /// <summary>What runs later without being called: start-up scripts, shell profiles, accounts.</summary>
    public static bool IsPersistence(ReadOnlySpan<byte> path)
    {
        if (IsCron(path) || IsAuthorizedKeys(path) || IsLoaderPreload(path))
            return true;
        if (path.StartsWith("/etc/"u8))
        {
            var name = path[5..];
            return name.StartsWith("passwd"u8) || name.StartsWith("shadow"u8) || name.StartsWith("group"u8)
                || name.StartsWith("sudoers"u8) || name.StartsWith("pam.d"u8) || name.StartsWith("init"u8)
                || name.StartsWith("rc"u8) || name.StartsWith("systemd"u8) || name.StartsWith("profile"u8)
                || name.StartsWith("ld.so.conf"u8) || name.StartsWith("bash.bashrc"u8) || name.StartsWith("ssh/"u8)
                || name.StartsWith("security/"u8);
        }
        return IsShellProfile(Tools.BaseName(path))
            || path.StartsWith("/lib/systemd"u8) || path.StartsWith("/usr/lib/systemd"u8);
    }

    static bool IsShellProfile(ReadOnlySpan<byte> file) =>
        file.SequenceEqual(".bashrc"u8) || file.SequenceEqual(".profile"u8) || file.SequenceEqual(".bash_profile"u8)
            || file.SequenceEqual(".zshrc"u8) || file.SequenceEqual(".bash_login"u8);

    /// <summary>Names that weigh more than those beside them wherever they lie: one more upload must not stand for them.</summary>
    static bool HasTellingName(ReadOnlySpan<byte> file) => IsShellProfile(file) || file.EndsWith("_history"u8)
        || file.SequenceEqual("authorized_keys2"u8) || file.SequenceEqual("utmp"u8) || file.SequenceEqual("wtmp"u8);

    public static bool IsLogOrHistory(ReadOnlySpan<byte> path) =>
        Under(path, "/var/log"u8) || path.EndsWith("_history"u8) || path.EndsWith("/utmp"u8) || path.EndsWith("/wtmp"u8);

    /// <summary>Writing here says nothing: terminals and the null devices.</summary>
    public static bool IsSink(ReadOnlySpan<byte> path) =>
        path.StartsWith("/dev/"u8) && (path.SequenceEqual("/dev/null"u8) || path.SequenceEqual("/dev/zero"u8)
            || path.SequenceEqual("/dev/full"u8) || path.SequenceEqual("/dev/tty"u8) || path.SequenceEqual("/dev/ptmx"u8)
            || path.SequenceEqual("/dev/console"u8) || path.SequenceEqual("/dev/stdout"u8)
            || path.SequenceEqual("/dev/stderr"u8) || path.SequenceEqual("/dev/random"u8)
            || path.SequenceEqual("/dev/urandom"u8) || Under(path, "/dev/pts"u8) || Under(path, "/dev/fd"u8));

    /// <summary>Does a read of this path make a behaviour at all? Cheap: decides for every open of every file.</summary>
    public static bool IsSensitiveRead(ReadOnlySpan<byte> path, ContainerFacts container)
    {
        if (path.Length < 5)
            return false;
        var zoned = path[1] switch
        {
            (byte)'e' => path.StartsWith("/etc/"u8) && (path.SequenceEqual("/etc/sudoers"u8) || path.StartsWith("/etc/sudoers.d/"u8)),
            (byte)'d' => IsRawDevice(path),
            (byte)'p' => path.StartsWith("/proc/"u8) && (IsProcessSecret(path) || path.SequenceEqual("/proc/kcore"u8)
                || path.SequenceEqual("/proc/kallsyms"u8) || path.SequenceEqual("/proc/kmsg"u8)),
            _ => false,
        };
        return zoned || IsCredential(path, container) || IsRuntimeSocket(path);
    }
}
