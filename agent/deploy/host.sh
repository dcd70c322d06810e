# shellcheck shell=bash
# What building and running RuntimeGuard needs from a host. Sourced by install.sh and tests/run; defines functions only.

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# The oldest kernel with the BPF ring buffer.
readonly MINIMUM_KERNEL=5.8

require_root() {
  [[ $EUID -eq 0 ]] || die "this needs root; run: sudo $1"
}

# kernel_at_least HAVE WANT: HAVE as `uname -r` prints it.
kernel_at_least() {
  local have=${1%%[!0-9.]*}
  [[ $(printf '%s\n%s\n' "$2" "$have" | sort -V | head -n1) == "$2" ]]
}

require_kernel() {
  local release
  release=$(uname -r)
  [[ $(uname -m) == x86_64 ]] || die "$(uname -m) is not supported; RuntimeGuard runs on x86_64"
  kernel_at_least "$release" "$MINIMUM_KERNEL" ||
    die "kernel $release is too old; boot $MINIMUM_KERNEL or later (BPF ring buffer)"
  [[ -r /sys/kernel/btf/vmlinux ]] ||
    die "kernel $release has no BTF (/sys/kernel/btf/vmlinux); boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"
}

# Sets DOTNET to a `dotnet` that has a 10.0 SDK. sudo's secure_path often hides it, so the usual places are tried too.
require_dotnet() {
  local candidate home=
  [[ -n ${SUDO_USER-} ]] && home=$(getent passwd "$SUDO_USER" | cut -d: -f6)
  for candidate in "$(command -v dotnet || true)" "${DOTNET_ROOT:+$DOTNET_ROOT/dotnet}" /usr/share/dotnet/dotnet \
    /usr/lib/dotnet/dotnet /usr/local/share/dotnet/dotnet /opt/dotnet/dotnet "${home:+$home/.dotnet/dotnet}" \
    "${HOME:+$HOME/.dotnet/dotnet}"; do
    if [[ -n $candidate && -x $candidate ]] && "$candidate" --list-sdks 2>/dev/null | grep -q '^10\.0\.'; then
      DOTNET=$(readlink -f "$candidate")
      export DOTNET_ROOT=${DOTNET%/*}
      return
    fi
  done
  die "the .NET 10 SDK is missing; install it from https://dotnet.microsoft.com/download/dotnet/10.0 and run this again"
}

# require_packages PACKAGE...: installs those that are missing. Nothing that is installed is removed or upgraded.
require_packages() {
  local package missing=()
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  command -v apt-get >/dev/null || die "apt-get is missing; install these by hand and run this again: ${missing[*]}"
  say "installing ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update >/dev/null || die "apt-get update failed; check /etc/apt/sources.list and the network"
  "${apt[@]}" install --no-remove --no-upgrade --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install ${missing[*]}; run it by hand to see why"
}

# shellcheck disable=SC2034  # used by those who source this
BUILD_PACKAGES=(clang llvm libbpf-dev bpftool libelf-dev zlib1g-dev)

# Packages for a private containerd: only for binaries that no runtime of this host brought along already.
runtime_packages() {
  command -v containerd >/dev/null && command -v ctr >/dev/null || printf 'containerd\n'
  command -v runc >/dev/null || printf 'runc\n'
}

# The kernel file systems the sensors read; systemd has mounted them, small systems have not.
mount_kernel_filesystems() {
  mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing ||
    die "cannot mount tracefs on /sys/kernel/tracing; mount it by hand and run this again"
  mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf ||
    die "cannot mount bpf on /sys/fs/bpf; mount it by hand and run this again"
}

# Runs a build command as the person who called sudo, when the tree is theirs: their checkout and their package cache
# then never hold files of root. The environment is what `dotnet` needs when nobody is watching.
as_builder() {
  local settings=(DOTNET_ROOT="$DOTNET_ROOT" PATH="$DOTNET_ROOT:$PATH" DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
    DOTNET_CLI_UI_LANGUAGE=en MSBUILDTERMINALLOGGER=off)
  local owner
  owner=$(stat -c %U .)
  if [[ -n ${SUDO_USER-} && $SUDO_USER != root && $owner == "$SUDO_USER" ]]; then
    runuser -u "$SUDO_USER" -- env HOME="$(getent passwd "$SUDO_USER" | cut -d: -f6)" "${settings[@]}" "$@"
  else
    [[ -n ${HOME-} && -d $HOME && -w $HOME ]] || settings+=(HOME=/root)
    env "${settings[@]}" "$@"
  fi
}
