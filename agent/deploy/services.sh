# shellcheck shell=bash
# Starting, stopping and looking at the two services: systemd where it is PID 1, our supervisor elsewhere.
# Sourced by install.sh; defines functions only. Uses OPT, ETC, LOGS, RUN and `listen` of install.sh.

SERVICES=(collector agent)

has_systemd() { [[ -d /run/systemd/system ]]; }

# Those of this host's role that are installed, in starting order.
installed_services() {
  local name
  for name in "${SERVICES[@]}"; do
    [[ ! -e $ETC/$name.env ]] || printf '%s\n' "$name"
  done
}

# Prints the supervisor's pid when it runs. A pid that was given to another process since does not count.
supervisor_pid() {
  local pid started stat fields
  read -r pid started 2>/dev/null <"$RUN/$1.pid" || return 1
  stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
  read -r -a fields <<<"${stat##*) }"
  [[ ${fields[19]} == "$started" ]] && printf '%s\n' "$pid"
}

service_running() {
  if has_systemd; then
    systemctl is-active --quiet "runtimeguard-$1"
  else
    supervisor_pid "$1" >/dev/null
  fi
}

start_service() {
  local name=$1
  if has_systemd; then
    systemctl enable --quiet "runtimeguard-$name"
    systemctl restart "runtimeguard-$name"
    return
  fi
  ! service_running "$name" || return 0
  install -d -m 0755 "$RUN" "$LOGS"
  local command=(setpriv --no-new-privs --inh-caps=-all --pdeathsig TERM) arguments
  # shellcheck disable=SC1090  # written by install.sh, owned by root
  . "$ETC/$name.env"
  case $name in
    agent)
      mount_kernel_filesystems
      # Its types are read when the agent starts; a host without the module runs no containers on it.
      ! command -v modprobe >/dev/null || modprobe -q overlay || true
      command+=(--bounding-set="-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search,+sys_resource")
      read -r -a arguments <<<"$RUNTIMEGUARD_AGENT_ARGS"
      command+=("$OPT/agent/runtimeguard-agent" run)
      ;;
    collector)
      command+=(--bounding-set=-all --reuid runtimeguard --regid runtimeguard --clear-groups)
      read -r -a arguments <<<"$RUNTIMEGUARD_COLLECTOR_ARGS"
      command+=(env "DOTNET_ROOT=$DOTNET_ROOT" "HOME=/nonexistent" "$OPT/collector/runtimeguard-collector" serve)
      ;;
  esac
  # Not from this shell's folder, and holding none of its files open.
  (cd / && umask 077 && exec setsid --fork "$OPT/supervise" "$name" "$RUN/$name.pid" "$LOGS/$name.log" \
    "${command[@]}" "${arguments[@]}" </dev/null >/dev/null 2>&1)
}

stop_service() {
  local name=$1 pid i
  if has_systemd; then
    [[ ! -e /etc/systemd/system/runtimeguard-$name.service ]] || systemctl stop "runtimeguard-$name"
    return
  fi
  pid=$(supervisor_pid "$name") || return 0
  kill -TERM "$pid"
  for ((i = 0; i < 150; i++)); do
    supervisor_pid "$name" >/dev/null || return 0
    sleep 0.2
  done
  # The supervisor leads a process group of its own and of what it supervises.
  kill -KILL -- "-$pid" 2>/dev/null || true
  rm -f "$RUN/$name.pid"
}

# Stops a service and takes away what starts it; its files and data are others' to keep or remove.
forget_service() {
  stop_service "$1"
  if has_systemd && [[ -e /etc/systemd/system/runtimeguard-$1.service ]]; then
    systemctl disable --quiet "runtimeguard-$1"
    rm -f "/etc/systemd/system/runtimeguard-$1.service"
  fi
  rm -f "$ETC/$1.env"
}

service_log() { # service_log NAME LINES
  if has_systemd; then
    journalctl --no-pager -q -o cat -n "$2" -u "runtimeguard-$1"
  else
    tail -n "$2" "$LOGS/$1.log" 2>/dev/null || true
  fi
}

# The collector answers its health check, which needs no login, with a certificate of our own CA.
collector_healthy() {
  # shellcheck disable=SC2154  # install.sh's setting
  curl --silent --fail --max-time 5 --noproxy '*' --cacert "$ETC/ca.crt" "https://$(reach "$listen")/healthz" >/dev/null 2>&1
}

# The agent holds a connection to its collector: what its log last said about it. What is said of a start, by
# its supervisor and then by itself, counts as "not yet", so that nobody takes an earlier run's word for it.
agent_healthy() {
  service_running agent && last_said agent ' supervise: | on node .*, kernel |connected to collector |collector .* away: ' |
    grep -q 'connected to collector '
}

last_said() { # last_said NAME REGEX: its last log line that matches
  if has_systemd; then
    journalctl --no-pager -q -o cat -n 1 -u "runtimeguard-$1" --grep "$2"
  else
    grep -aE "$2" "$LOGS/$1.log" 2>/dev/null | tail -n 1
  fi
}

healthy() { "$1_healthy"; }
